"""Reads a delivery again by the mapping of now: what is read otherwise is stated again, and nothing that was erased."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.orders.batches import Arrival
from application.orders.intake import BesideTaken, Intake
from application.orders.receipts import Receipt
from application.sources.delivery_codes import codes_read_again
from application.sources.delivery_events import delivery_read_again, unpack
from application.sources.delivery_pieces import actor_of
from application.sources.erased_orders import ErasedOrders
from application.sources.ports import RawDelivery, ReadDelivery
from application.sources.recorded_signals import Recorded
from application.sources.restatements import statements
from domain.errors import SignalIdReused, TooContended
from domain.orders.signal_body import DEFAULT_SHOP
from domain.sources.deliveries import (
    MOST_REASONS,
    KeptDelivery,
    NotUnderstood,
    NotUnderstoodWhy,
    delivery_name,
    is_same,
)
from domain.sources.source import Source

ATTEMPTS: Final = 20


class Reread(Struct, frozen=True):
    """What became of a delivery that was read again."""

    is_changed: bool = False
    is_understood: bool = False
    is_erased: bool = False


class _SpeaksOfErased(Exception):
    """What a delivery states was erased: as it is to be recorded instead."""

    def __init__(self, instead: ReadDelivery) -> None:
        super().__init__()
        self.instead = instead


class _ReadOtherwise(Exception):
    """Signals of these places were recorded with other content."""

    def __init__(self, places: Collection[int]) -> None:
        super().__init__(str(places))
        self.places = places


class DeliveriesAgain:
    def __init__(
        self, log: EventLog, intake: Intake, read: Callable[[Source, RawDelivery], ReadDelivery]
    ) -> None:
        self._log = log
        self._intake = intake
        self._read = read
        self._erased = ErasedOrders(log)

    def read(self, source: Source, stream: UUID, by: Caller) -> Reread:
        """Raises TooContended, KeyStoreUnavailable."""
        for _ in range(ATTEMPTS):
            kept = streams.deliveries(self._log).current([stream])[stream]
            raw = unpack(kept)
            if raw is None:
                return Reread(is_understood=kept.is_understood, is_erased=True)
            read = self._read(source, raw)
            with suppress(BesideTaken):
                try:
                    return self._record(source, stream, kept, read, by)
                except _SpeaksOfErased as erased:
                    done = self._record(source, stream, kept, erased.instead, by)
                    return structs.replace(done, is_changed=False, is_erased=True)
        raise TooContended(f"delivery {stream} of {source.name}, {ATTEMPTS} attempts")

    def _record(
        self, source: Source, stream: UUID, kept: KeptDelivery, read: ReadDelivery, by: Caller
    ) -> Reread:
        """Record what is read now. Raises BesideTaken, _SpeaksOfErased."""
        keys = self._log.keys_of(stream)
        name = delivery_name(source.shop or DEFAULT_SHOP, source.name, kept.taken.delivery)

        def record(restated: Collection[int], *, is_last: bool) -> Reread:
            signals = statements(kept, source.mapping.digest, read.signals, restated)
            arrivals = [Arrival(signal, by.now) for signal in signals]
            new_ids = {read.signals[n].id: signals[n].id for n in restated}

            def again(receipts: Sequence[Receipt]) -> list[Write]:
                recorded = Recorded.of(read, arrivals, receipts)
                self._require_not_erased(kept, read, recorded)
                if not is_last and (places := _differing(recorded.receipts)):
                    raise _ReadOtherwise(places)
                if not changes(recorded) and kept.mapping == source.mapping.digest:
                    return []
                event = delivery_read_again(source, read, recorded, keys, new_ids)
                write = by.write(stream, streams.DELIVERY, kept.version, [event], name)
                codes = codes_read_again(self._intake.codes, source, stream, kept, read, by.now)
                return [write, *codes]

            def changes(recorded: Recorded) -> bool:
                reasons = tuple(recorded.reasons(read)[:MOST_REASONS])
                return recorded.new > 0 or not is_same(reasons, kept.reasons)

            done = self._intake.take(arrivals, actor_of(source), beside=again)
            recorded = Recorded.of(read, arrivals, done.receipts)
            return Reread(changes(recorded), not recorded.reasons(read))

        try:
            return record((), is_last=False)
        except _ReadOtherwise as found:
            # What was recorded stays; the new reading is a statement of its own that replaces it.
            return record(found.places, is_last=True)

    def _require_not_erased(
        self, kept: KeptDelivery, read: ReadDelivery, recorded: Recorded
    ) -> None:
        """Raises _SpeaksOfErased if what it speaks of was erased after it came. That it does is recorded, so that
        a further erasure of the order destroys it too."""
        if [one.why for one in read.reasons] == [NotUnderstoodWhy.ERASED]:
            return
        names = recorded.names(read)
        erased = self._erased.find(names, read.signals, kept.received_at)
        if erased is not None:
            detail = (
                f"{erased} was erased after this came, so nothing of it is read. Erase the order again, and this "
                "delivery is erased with it"
            )
            reasons = (NotUnderstood(NotUnderstoodWhy.ERASED, detail),)
            raise _SpeaksOfErased(ReadDelivery(read.topic, (), reasons, unread_orders=names))


def _differing(receipts: Sequence[Receipt]) -> set[int]:
    return {n for n, one in enumerate(receipts) if isinstance(one.problem, SignalIdReused)}
