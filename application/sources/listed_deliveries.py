"""Takes what lists of a source tell: only what states something new is kept, as a delivery that was pulled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from application.log import streams
from application.log.event_log import EventLog, Write
from application.orders.batches import Arrival
from application.orders.intake import BesideTaken, Intake
from application.orders.receipts import Receipt, SignalOutcome
from application.sources.delivery_codes import report_codes
from application.sources.delivery_events import Incoming, listed, streams_of
from application.sources.delivery_pieces import Piece, actor_of, by_piece, write_of
from application.sources.erased_orders import ErasedOrders
from application.sources.ports import ListedItem, Mappings, ReadDelivery
from application.sources.recorded_signals import Recorded
from application.sources.source_desk import SourceDesk
from domain.errors import SignalIdReused, TooContended
from domain.recorded_event import RecordedEvent
from domain.sources.deliveries import DeliveryTaken
from domain.sources.source import Source

ATTEMPTS: Final = 20
FindNotUnderstood = Callable[[str, Collection[str]], Collection[str]]
"""Which of these ids of a source's deliveries came before and were not understood."""


class ListedResult(Struct, frozen=True):
    """What became of an item of a list."""

    recorded: int = 0
    """Signals that were recorded or held now."""
    otherwise: int = 0
    """Signals that were recorded before with other content."""
    is_not_understood: bool = False
    """It was kept now with a reason."""
    is_missing: bool = False
    """A webhook had not brought it: it is new now, or was pulled before."""
    is_erased: bool = False
    """It speaks of an order or a customer that was erased since it was changed last: nothing of it is kept."""

    @property
    def is_known(self) -> bool:
        return not (self.recorded or self.is_not_understood)


KNOWN: Final = ListedResult()


class ListedDeliveries:
    def __init__(
        self,
        log: EventLog,
        sources: SourceDesk,
        intake: Intake,
        mappings: Mappings,
        find_not_understood: FindNotUnderstood,
    ) -> None:
        self._log = log
        self._erased = ErasedOrders(log)
        self._sources = sources
        self._intake = intake
        self._mappings = mappings
        self._find_not_understood = find_not_understood

    def take(
        self, source: Source, items: Sequence[ListedItem], now: datetime
    ) -> list[ListedResult]:
        """One result for each; what is new is recorded together. Raises TooContended."""
        came = [listed(one.raw, one.id) for one in items]
        erased: set[UUID] = set()
        for _ in range(ATTEMPTS):
            kept = streams.deliveries(self._log).current([one.stream(source.name) for one in came])
            asked = streams_of(source.name, came, kept)
            known = self._log.ends(asked)
            # The first of two that are the same.
            new = {one: n for n, one in reversed([*enumerate(asked)]) if one not in known}
            pieces = [
                Piece(stream, came[n], self._read(source, came[n]))
                for stream, n in reversed(new.items())
            ]
            changed_at = {stream: items[n].at for stream, n in new.items()}
            with suppress(BesideTaken):
                found = dict[UUID, ListedResult]()
                while left := [piece for piece in pieces if piece.stream not in erased]:
                    try:
                        found = self._record(source, left, changed_at, now)
                        break
                    except _SpeakOfErased as gone:
                        erased |= gone.deliveries
                found |= {stream: _known(line) for stream, line in known.items()}
                found |= dict.fromkeys(erased, ListedResult(is_erased=True))
                # Of two that are the same, the other one is known.
                return [found.pop(stream, KNOWN) for stream in asked]
        raise TooContended(f"{len(items)} listed items of {source.name}, {ATTEMPTS} attempts")

    def _read(self, source: Source, came: Incoming) -> ReadDelivery:
        return self._mappings.read(source.mapping, came.raw, source.name, source.shop)

    def _record(
        self,
        source: Source,
        pieces: Sequence[Piece],
        changed_at: Mapping[UUID, datetime | None],
        now: datetime,
    ) -> dict[UUID, ListedResult]:
        """Raises BesideTaken if another request has taken one of the pieces, and _SpeakOfErased."""
        arrivals = [Arrival(signal, now) for piece in pieces for signal in piece.read.signals]
        before = {*self._find_not_understood(source.name, [piece.came.id for piece in pieces])}
        actor = actor_of(source)

        def results(receipts: Sequence[Receipt]) -> Iterator[tuple[Piece, Recorded, ListedResult]]:
            for piece, recorded in by_piece(pieces, arrivals, receipts):
                same = structs.replace(recorded, receipts=[*map(_as_known, recorded.receipts)])
                new = same.new
                result = ListedResult(
                    recorded=new,
                    otherwise=sum(map(_is_otherwise, recorded.receipts)),
                    is_not_understood=bool(same.reasons(piece.read))
                    and (new > 0 or piece.came.id not in before),
                    is_missing=new > 0 and piece.came.id not in before,
                )
                yield piece, same, result

        def kept(receipts: Sequence[Receipt]) -> list[Write]:
            new = [one for one in results(receipts) if not one[2].is_known]
            if gone := {
                piece.stream
                for piece, recorded, _ in new
                if self._is_erased(piece, recorded, changed_at[piece.stream])
            }:
                raise _SpeakOfErased(gone)
            writes = [write_of(source, piece, recorded, actor, now) for piece, recorded, _ in new]
            read = [(piece.stream, piece.read) for piece, _, _ in new]
            first = self._sources.first_use(source, new[0][0].stream, now) if new else ()
            return [*first, *writes, *report_codes(self._intake.codes, source, read, now)]

        done = self._intake.take(arrivals, actor, beside=kept)
        return {piece.stream: result for piece, _, result in results(done.receipts)}

    def _is_erased(self, piece: Piece, recorded: Recorded, changed_at: datetime | None) -> bool:
        """Whether what it tells was erased since it was changed: what a system tells later is kept."""
        times = [signal.event_time for signal in piece.read.signals]
        since = changed_at or max(times, default=datetime.min.replace(tzinfo=UTC))
        names = recorded.names(piece.read)
        return self._erased.find(names, piece.read.signals, since) is not None


class _SpeakOfErased(Exception):
    """What these deliveries tell was erased."""

    def __init__(self, deliveries: Collection[UUID]) -> None:
        super().__init__()
        self.deliveries = {*deliveries}


def _known(line: RecordedEvent) -> ListedResult:
    """Of a delivery that was kept before: by an earlier pull, unless a webhook brought the very same bytes."""
    by_webhook = isinstance(line.event, DeliveryTaken) and not line.event.pulled
    return ListedResult(is_missing=not by_webhook)


def _is_otherwise(receipt: Receipt) -> bool:
    return isinstance(receipt.problem, SignalIdReused)


def _as_known(receipt: Receipt) -> Receipt:
    """A signal that is recorded with other content is known: a list tells what is now, and its id tells what is
    missing."""
    return Receipt(SignalOutcome.DUPLICATE) if _is_otherwise(receipt) else receipt
