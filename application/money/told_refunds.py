"""Enters what an order was given in the ledgers of its customer and of what identifies the customer, so that
approval sums count it: refunds that other systems reported, and our own adjustments if the customer becomes known later."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from application.log.event_log import EventLog, Write
from application.log.repository import Repository
from application.log.streams import LEDGER
from domain.adjustments.identities import (
    find_identities,
    ledger_of_identity,
    names_identity,
    text_to_digest,
)
from domain.adjustments.identity_kinds import Identity
from domain.adjustments.ledger import (
    AdjustmentEntered,
    Ledger,
    LedgerEvent,
    RefundToldEntered,
    ledger_of_customer,
    ledger_of_order,
)
from domain.orders.order import Order
from domain.orders.payment_signals import RefundIssued
from domain.orders.signal_body import OWN_SOURCE
from domain.people import POLICY_ACTOR


def told_refunds(order: Order) -> list[str]:
    """The keys of the statements about refunds that other systems made, also of those ahead of the clock."""
    return [
        key
        for key, signal in (*order.signals.items(), *order.ahead.items())
        if isinstance(signal, RefundIssued) and signal.source != OWN_SOURCE
    ]


class ToldRefunds:
    """Makes the writes that intake stores with the signals. Each one guards the ledger's version."""

    def __init__(self, log: EventLog, ledgers: Repository[Ledger]) -> None:
        self._log = log
        self._ledgers = ledgers

    def writes(
        self, changed: Sequence[tuple[Order, Order]], recorded_at: datetime, again: bool = False
    ) -> Iterator[Write]:
        """One write for each ledger, for orders before and after a batch of signals: the new refunds by other
        systems, or all of an order for a ledger that is new to it.

        A first attempt reads no ledger of an order: one that is not in memory is taken for empty. Its guard
        finds out, and a proposal of the same moment.
        """
        of_orders = self._of_orders([after for _, after in changed], again)
        entries: dict[UUID, list[LedgerEvent]] = {}
        orders: dict[UUID, str] = {}
        for before, after in changed:
            known = {**before.signals, **before.ahead}
            ledger, told = of_orders.get(ledger_of_order(after.id)) or Ledger(), told_refunds(after)
            fresh = (key for key in (*after.signals, *after.ahead) if key not in known)
            if any((one := after.recorded(key)) and names_identity(one) for key in fresh):
                stream = ledger_of_order(after.id)
                yield _write(stream, ledger.version, [], recorded_at, after.id)
            if not told and not ledger.entries:
                continue
            earlier = self._streams(before)
            for stream, kind in self._streams(after).items():
                is_new = stream not in earlier
                found: list[LedgerEvent] = [
                    RefundToldEntered(order=after.id, signal=key)
                    for key in told
                    if is_new or key not in known
                ]
                if is_new:
                    found += [
                        AdjustmentEntered(
                            adjustment=one.adjustment,
                            case=one.case,
                            amount=one.amount,
                            of=kind,
                            proposed_at=one.at,
                        )
                        for one in ledger.entries
                    ]
                if found:
                    entries.setdefault(stream, []).extend(found)
                    orders.setdefault(stream, after.id)
        states = self._ledgers.refreshed([*entries])
        for stream, found in entries.items():
            state = states.get(stream) or Ledger()
            # An order may have had this customer or identity before.
            entered = {one.adjustment for one in state.entries}
            missing = [
                one
                for one in found
                if isinstance(one, RefundToldEntered) or one.adjustment not in entered
            ]
            if missing:
                yield _write(stream, state.version, missing, recorded_at, orders[stream])

    def _of_orders(self, orders: Sequence[Order], again: bool) -> dict[UUID, Ledger]:
        streams = [ledger_of_order(order.id) for order in orders]
        if again:
            return self._ledgers.refreshed(streams)
        kept = ((stream, self._ledgers.kept(stream)) for stream in streams)
        return {stream: ledger for stream, ledger in kept if ledger is not None}

    def _streams(self, order: Order) -> dict[UUID, Identity | None]:
        """The ledgers of an order's customer and identities, each with its kind of identity."""
        streams: dict[UUID, Identity | None] = {}
        if order.facts.customer.id is not None:
            streams[ledger_of_customer(self._log.subject_of(order.facts.customer.id))] = None
        for kind, value in find_identities(order.stated):
            subject = self._log.subject_of(text_to_digest(kind, value))
            streams[ledger_of_identity(kind, subject)] = kind
        return streams


def _write(
    stream: UUID, version: int, events: Sequence[LedgerEvent], at: datetime, order: str
) -> Write:
    return Write(
        stream=stream,
        kind=LEDGER,
        expected=version,
        events=[(POLICY_ACTOR, event) for event in events],
        recorded_at=at,
        order=order,
    )
