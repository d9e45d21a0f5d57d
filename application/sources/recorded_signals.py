"""What became of the signals that a delivery states."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from msgspec import Struct, structs

from application.orders.batches import Arrival
from application.orders.receipts import Receipt, SignalOutcome
from application.sources.ports import ReadDelivery
from domain.errors import SignalIdReused
from domain.orders.held_signals import held_name
from domain.sources.deliveries import MOST_REASONS, NotUnderstood, NotUnderstoodWhy


class Recorded(Struct, frozen=True):
    """The signals of a delivery as they arrived, and the receipt of each."""

    arrivals: Sequence[Arrival]
    receipts: Sequence[Receipt]
    restated: Mapping[str, str] = {}
    """Of signals that were stated again otherwise since, and say the same as that: their ids, and those of the
    statements that replace them."""

    @classmethod
    def of(
        cls, read: ReadDelivery, arrivals: Sequence[Arrival], receipts: Sequence[Receipt]
    ) -> Self:
        """A signal that is stated again counts as known if it differs only in fields whose first value counts."""
        may_change = read.may_change or [()] * len(receipts)
        restated = {
            arrival.signal.id: newest
            for arrival, receipt, fields in zip(arrivals, receipts, may_change, strict=True)
            if (newest := _newest_that_is_same(receipt, fields)) is not None
        }
        pairs = zip(arrivals, receipts, may_change, strict=True)
        known = [
            _known(receipt)
            if arrival.signal.id in restated or _differs_only_in(receipt, fields)
            else receipt
            for arrival, receipt, fields in pairs
        ]
        return cls(arrivals, known, restated)

    def reasons(self, read: ReadDelivery) -> list[NotUnderstood]:
        """Everything of it that became no signal, and why."""
        return [*read.reasons, *self._refusals()]

    @property
    def new(self) -> int:
        """How many signals are recorded or held now, and were not before."""
        pairs = zip(self.arrivals, self.receipts, strict=True)
        return sum(_is_new(receipt, arrival.received_at) for arrival, receipt in pairs)

    @property
    def accepted(self) -> int:
        return sum(one.outcome is not SignalOutcome.REFUSED for one in self.receipts)

    def members(self, read: ReadDelivery) -> dict[str, Any]:
        """What both events say of a reading."""
        reasons = self.reasons(read)
        return {
            "topic": read.topic,
            "signals": self.accepted,
            "orders": self.names(read),
            "reasons": tuple(reasons[:MOST_REASONS]),
            "further_reasons": max(len(reasons) - MOST_REASONS, 0),
        }

    def _refusals(self) -> Iterator[NotUnderstood]:
        for arrival, receipt in zip(self.arrivals, self.receipts, strict=True):
            if receipt.problem is not None:
                detail = f"{arrival.signal.key}: {receipt.problem.detail}"
                yield NotUnderstood(NotUnderstoodWhy.REFUSED_SIGNAL, detail)

    def names(self, read: ReadDelivery) -> tuple[str, ...]:
        """The orders of the signals, and those that are held: an erasure of one destroys the delivery's key."""
        found: dict[str, None] = dict.fromkeys(read.unread_orders)
        for arrival, receipt in zip(self.arrivals, self.receipts, strict=True):
            if arrival.signal.order:
                found[arrival.signal.order_key] = None
            found.update(dict.fromkeys(receipt.orders))
            if receipt.held is not None:
                found[receipt.held.name] = None
            elif not arrival.signal.order and not receipt.orders:
                # It was held before, with other content.
                found[held_name(arrival.signal)] = None
        return tuple(found)


def _differs_only_in(receipt: Receipt, fields: Collection[str]) -> bool:
    problem = receipt.problem
    return (
        isinstance(problem, SignalIdReused)
        and bool(problem.differing)
        and problem.differing <= {*fields}
    )


def _newest_that_is_same(receipt: Receipt, fields: Collection[str]) -> str | None:
    """The id of the newest statement that replaces this one, if both say the same but for these fields."""
    problem = receipt.problem
    if not isinstance(problem, SignalIdReused) or problem.newest is None:
        return None
    newest, differing = problem.newest
    return newest if {*differing} <= {*fields} else None


def _known(receipt: Receipt) -> Receipt:
    return structs.replace(receipt, outcome=SignalOutcome.DUPLICATE, problem=None)


def _is_new(receipt: Receipt, now: datetime) -> bool:
    if receipt.outcome is SignalOutcome.HELD:
        return receipt.held is not None and receipt.held.held_at == now
    return receipt.outcome is SignalOutcome.RECORDED
