"""Enters refunds that systems told in the ledger of the order's customer, so that approval sums count them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from application.log.event_log import EventLog, Write
from application.log.repository import Repository
from application.log.streams import LEDGER
from domain.adjustments.ledger import Ledger, RefundToldEntered, ledger_of_customer
from domain.orders.order import Order
from domain.orders.payment_signals import RefundIssued
from domain.orders.signal_body import OWN_SOURCE
from domain.people import POLICY_ACTOR


def told_refund_entries(before: Order, after: Order) -> list[RefundToldEntered]:
    """The entries for the customer of an order that got signals: its new refunds by other systems, or all
    of them if the customer is new. None while the customer is not known."""
    customer = after.facts.customer.id
    if customer is None:
        return []
    known = before.signals if before.facts.customer.id == customer else {}
    return [
        RefundToldEntered(order=after.id, signal=key)
        for key, signal in after.signals.items()
        if isinstance(signal, RefundIssued) and signal.source != OWN_SOURCE and key not in known
    ]


class ToldRefunds:
    """Makes the writes that intake stores with the signals. Each one guards the ledger's version."""

    def __init__(self, log: EventLog, ledgers: Repository[Ledger]) -> None:
        self._log = log
        self._ledgers = ledgers

    def writes(
        self, changed: Sequence[tuple[Order, Order]], recorded_at: datetime
    ) -> Iterator[Write]:
        """One write for each customer, for orders before and after a batch of signals."""
        entries: dict[str, list[RefundToldEntered]] = {}
        for before, after in changed:
            if found := told_refund_entries(before, after):
                entries.setdefault(after.facts.customer.id or "", []).extend(found)
        for customer, told in entries.items():
            stream = ledger_of_customer(self._log.subject_of(customer))
            ledger = self._ledgers.refreshed([stream]).get(stream) or Ledger()
            yield Write(
                stream=stream,
                kind=LEDGER,
                expected=ledger.version,
                events=[(POLICY_ACTOR, entry) for entry in told],
                recorded_at=recorded_at,
                order=told[0].order,
            )
