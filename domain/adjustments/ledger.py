"""The ledger of an order or a customer: all adjustments proposed for it. It finds split sums.

A ledger only grows; the state of an adjustment is read from its case. One that ended unpaid no longer
counts and never will, so an outdated read counts too much, never too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.adjustments.adjustment import COUNTED_STATES, Adjustment
from domain.adjustments.told_refunds import find_refunds_of_others
from domain.money import ZERO, PositiveMoney
from domain.orders.money_ledger import RefundState
from domain.orders.order import Order
from domain.orders.order_names import OrderKey
from domain.policy.approvals import ApprovalMatrix, CumulativeAmounts

LEDGERS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:ledgers")


def ledger_of_order(order: str) -> UUID:
    return uuid5(LEDGERS_NAMESPACE, f"order\n{order}")


def ledger_of_customer(subject: UUID) -> UUID:
    """The ledger of a customer, by the customer's id in the log."""
    return uuid5(LEDGERS_NAMESPACE, f"customer\n{subject}")


class AdjustmentEntered(Struct, frozen=True, kw_only=True, tag="ledger.adjustment_entered"):
    """An adjustment was proposed for this order or customer."""

    adjustment: UUID
    case: UUID
    amount: PositiveMoney


class RefundToldEntered(Struct, frozen=True, kw_only=True, tag="ledger.refund_told"):
    """A system told a refund of an order of this customer; the order has the refund's figures."""

    order: OrderKey
    signal: str
    """The key of the statement."""


LedgerEvent: TypeAlias = AdjustmentEntered | RefundToldEntered


class LedgerEntry(Struct, frozen=True):
    adjustment: UUID
    case: UUID
    amount: PositiveMoney
    at: datetime


class Ledger(Struct, frozen=True, kw_only=True):
    version: int = 0
    entries: tuple[LedgerEntry, ...] = ()
    orders_told: Mapping[str, datetime] = {}
    """The orders for which systems told refunds, and when the last one was recorded."""

    def after(self, event: LedgerEvent, at: datetime) -> Ledger:
        if isinstance(event, RefundToldEntered):
            told = {**self.orders_told, event.order: at}
            return structs.replace(self, version=self.version + 1, orders_told=told)
        entry = LedgerEntry(event.adjustment, event.case, event.amount, at)
        return structs.replace(self, version=self.version + 1, entries=(*self.entries, entry))


def cumulative_amounts(
    amount: PositiveMoney,
    of_order: Ledger,
    of_customer: Ledger | None,
    known: Mapping[UUID, Adjustment],
    order: Order,
    others: Iterable[Order],
    matrix: ApprovalMatrix,
    now: datetime,
) -> CumulativeAmounts:
    """The amount with all others that count: our adjustments, and the refunds that systems told.

    `known` are our adjustments by their ids, `others` the customer's other orders with told refunds. A
    told refund that is one of our adjustments counts once.

    Raises Invalid for a currency that the matrix has no rate for.
    """
    counted = matrix.counted(amount)
    since = now - matrix.approvals.window

    def total(entries: Iterable[LedgerEntry]) -> Decimal:
        return counted + sum(
            (
                matrix.counted(entry.amount)
                for entry in entries
                if entry.adjustment not in known or known[entry.adjustment].state in COUNTED_STATES
            ),
            Decimal(0),
        )

    of_this = _sum_told(order, known, matrix)
    if of_customer is None:
        return CumulativeAmounts(of_order=total(of_order.entries) + of_this, of_customer=None)
    recent = total(entry for entry in of_customer.entries if entry.at >= since)
    told = sum((_sum_told(one, known, matrix, since) for one in (order, *others)), ZERO)
    return CumulativeAmounts(of_order=total(of_order.entries) + of_this, of_customer=recent + told)


def _sum_told(
    order: Order,
    known: Mapping[UUID, Adjustment],
    matrix: ApprovalMatrix,
    since: datetime | None = None,
) -> Decimal:
    """The refunds that systems told for the order and that are none of our adjustments."""
    money = order.facts.money
    rates = {one.id: one for one in money.payments}
    total = ZERO
    for refund in find_refunds_of_others(money, known.values()):
        if refund.state is not RefundState.ISSUED or refund.currency is None:
            continue
        if since is not None and refund.at < since:
            continue
        paid, amount, currency = rates.get(refund.payment or ""), refund.amount, refund.currency
        if not matrix.has_rate(currency) and paid is not None and paid.captured and paid.settled:
            amount, currency = amount * paid.settled / paid.captured, money.currency or currency
        total += matrix.converted(amount, currency)
    return total
