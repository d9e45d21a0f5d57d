"""Takes what sources send: each delivery is kept once, with the signals that it states, or without any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.orders.batches import Arrival
from application.orders.intake import BesideTaken, Intake
from application.orders.order_locks import NamedLocks
from application.orders.receipts import Receipt
from application.sources.deliveries_again import DeliveriesAgain
from application.sources.delivery_codes import report_codes
from application.sources.delivery_events import Incoming, incoming, streams_of
from application.sources.delivery_pieces import Piece, actor_of, by_piece, write_of
from application.sources.ports import Mappings, RawDelivery, ReadDelivery, Secrets, Verify
from application.sources.source_desk import SourceDesk
from domain.errors import TooContended
from domain.people import Actor
from domain.sources.deliveries import KeptDelivery, NotUnderstood, NotUnderstoodWhy
from domain.sources.errors import DeliveryNotFound, SourceHasNoWebhook, SourceStateWrong
from domain.sources.source import Source

ATTEMPTS: Final = 20


class DeliveryResult(Struct, frozen=True):
    """What became of a delivery; `is_known`: it was taken before, and nothing was done now. Its reasons are those of
    now, also of one that is known."""

    delivery: UUID
    position: int
    is_known: bool
    receipts: Sequence[Receipt] = ()
    reasons: Sequence[NotUnderstood] = ()
    signals: int = 0
    """How many of its signals were recorded, held, or known already."""


class ReadAgainReply(Struct, frozen=True):
    """How many deliveries were looked at, how many say something else now, how many are not understood, and how many
    were skipped because they speak of what was erased. The next request goes on after `next_after`, if there may be
    more."""

    looked_at: int
    changed: int
    not_understood: int
    position: int
    next_after: UUID | None = None
    erased: int = 0


class DeliveryDesk:
    def __init__(
        self,
        log: EventLog,
        sources: SourceDesk,
        intake: Intake,
        secrets: Secrets,
        mappings: Mappings,
        verify: Verify | None = None,
    ) -> None:
        """Without `verify`, only parts of files are taken."""
        self._log = log
        self._sources = sources
        self._intake = intake
        self._secrets = secrets
        self._mappings = mappings
        self._verify = verify
        self._again = DeliveriesAgain(log, intake, self._read)
        self._turns = NamedLocks()

    def take(self, source: Source, raw: RawDelivery, now: datetime) -> DeliveryResult:
        """Keep a delivery and record what it states, in one transaction.

        Raises SourceHasNoWebhook, SignatureRefused, KeyStoreUnavailable, TooContended: then nothing was kept.
        """
        if source.scheme is None or self._verify is None:
            raise SourceHasNoWebhook(f"{source.name} takes no webhooks")
        found = [self._secrets.find(one.name) for one in source.valid_secrets(now)]
        verified = self._verify(source.scheme, raw, found, now)
        came = incoming(raw, verified.delivery_id, verified.shop or "", source.scheme)
        return self._record(source, [came], actor_of(source), now)[0]

    def take_parts(
        self, name: str, parts: Sequence[RawDelivery], by: Actor, now: datetime
    ) -> list[DeliveryResult]:
        """The same for parts of a file, such as its rows, that somebody reads here: no signature is needed. They
        are recorded together."""
        return self._record(self._sources.find(name), [*map(incoming, parts)], by, now)

    def _record(
        self, source: Source, came: Sequence[Incoming], actor: Actor, now: datetime
    ) -> list[DeliveryResult]:
        """One result for each; one that came before, or twice here, is kept once."""
        for attempt in range(ATTEMPTS):
            # Most come once: that one came before shows when it cannot be appended, and costs no read till then.
            named = [one.stream(source.name) for one in came] if attempt else []
            asked = streams_of(source.name, came, self.kept(named))
            known = self.kept(asked) if attempt else {}
            source = self._sources.find(source.name) if attempt else source
            # The first of two that are the same.
            new = {one: n for n, one in reversed([*enumerate(asked)]) if one not in known}
            pieces = [
                Piece(stream, came[n], self._read(source, came[n].raw))
                for stream, n in reversed(new.items())
            ]
            # Of several that open cases for new codes of a source, one succeeds: the others take turns.
            turn = [source.name] if attempt else []
            with suppress(BesideTaken), self._turns.of(turn):
                return self._record_new(source, asked, pieces, actor, now)
        raise TooContended(f"{len(came)} deliveries of {source.name}, {ATTEMPTS} attempts")

    def _record_new(
        self,
        source: Source,
        asked: Sequence[UUID],
        pieces: Sequence[Piece],
        actor: Actor,
        now: datetime,
    ) -> list[DeliveryResult]:
        """Raises BesideTaken if another request has taken one of the pieces."""
        if not pieces:
            # An append of nothing checks the log: a restored database does not confirm what it has lost.
            position = self._log.append([]).position
            return self._with_known(asked, {}, position)
        arrivals = [Arrival(signal, now) for piece in pieces for signal in piece.read.signals]

        def kept(receipts: Sequence[Receipt]) -> list[Write]:
            first = self._sources.first_use(source, pieces[0].stream, now)
            writes = [
                write_of(source, piece, recorded, actor, now)
                for piece, recorded in by_piece(pieces, arrivals, receipts)
            ]
            read = [(piece.stream, piece.read) for piece in pieces]
            return [*first, *writes, *report_codes(self._intake.codes, source, read, now)]

        result = self._intake.take(arrivals, actor, beside=kept)
        found = {
            piece.stream: DeliveryResult(
                piece.stream,
                result.position,
                False,
                recorded.receipts,
                recorded.reasons(piece.read),
                recorded.accepted,
            )
            for piece, recorded in by_piece(pieces, arrivals, result.receipts)
        }
        return self._with_known(asked, found, result.position)

    def _with_known(
        self, asked: Sequence[UUID], found: Mapping[UUID, DeliveryResult], position: int
    ) -> list[DeliveryResult]:
        """The results in the order of what was asked. The first of two that are the same has the result; the other
        one is known."""
        earlier = self.kept([stream for stream in {*asked} if stream not in found])
        left, results = dict(found), []
        for stream in asked:
            first = found.get(stream)
            reasons = earlier[stream].readable_reasons if first is None else first.reasons
            signals = earlier[stream].signals if first is None else first.signals
            known = DeliveryResult(stream, position, True, (), reasons, signals)
            results.append(left.pop(stream, known))
        return results

    def read_again(
        self, name: str, deliveries: Collection[UUID], by: Caller, next_after: UUID | None = None
    ) -> ReadAgainReply:
        """Read these deliveries of a source again by its mapping of now. What was recorded before stays, and is
        not recorded twice. Raises SourceNotFound, SourceStateWrong, DeliveryNotFound (then nothing was done) and
        TooContended."""
        source = self._sources.find(name)
        if source.paused_for is not None:
            raise SourceStateWrong(f"{name} is paused ({source.paused_for}); let it go on first")
        wanted = [*dict.fromkeys(deliveries)]
        # One by one: the bodies of a thousand deliveries are too much to hold together.
        for stream in wanted:
            kept = self.kept([stream]).get(stream)
            if kept is None or kept.taken.source != name:
                raise DeliveryNotFound(f"{name} has no delivery {stream}")
        found = [self._again.read(source, stream, by) for stream in wanted]
        reply = ReadAgainReply(
            len(wanted),
            sum(one.is_changed for one in found),
            sum(not one.is_understood for one in found),
            0,
            next_after,
            sum(one.is_erased for one in found),
        )
        return structs.replace(reply, position=self._log.append([], by.row_of(reply)).position)

    def kept(self, deliveries: Sequence[UUID]) -> Mapping[UUID, KeptDelivery]:
        """These deliveries as the log has them now, by id."""
        return streams.deliveries(self._log).current(deliveries)

    def _read(self, source: Source, raw: RawDelivery) -> ReadDelivery:
        if raw.place is not None and raw.place.fault:  # no mapping reads it, now or later
            return _unread(NotUnderstoodWhy.UNREADABLE_BODY, raw.place.fault)
        if source.paused_for is not None:
            # Why is for operators, and not for the sender, who has the answer.
            return _unread(NotUnderstoodWhy.PAUSED, "the source is paused")
        own, shop = source.sender_shop, raw.shop
        if own and shop is not None and shop.casefold() != own.casefold():
            detail = f"it speaks of {f'the shop {shop}' if shop else 'no shop'}, and this source of {own}"
            return _unread(NotUnderstoodWhy.OTHER_SHOP, detail)
        return self._mappings.read(source.mapping, raw, source.name, source.shop)


def _unread(why: NotUnderstoodWhy, detail: str) -> ReadDelivery:
    return ReadDelivery(None, (), (NotUnderstood(why, detail),))
