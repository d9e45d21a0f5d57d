"""The ledger of an order, a customer or an identity: all adjustments proposed for it. It finds split sums.

A ledger only grows; the state of an adjustment is read from its case. One that ended unpaid no longer
counts and never will, so an outdated read counts too much, never too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.adjustments.adjustment import COUNTED_STATES, Adjustment
from domain.adjustments.events import IdentitySum
from domain.adjustments.identity_kinds import Identity
from domain.adjustments.told_refunds import find_refunds_of_others, match_told_refunds
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


class AdjustmentEntered(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="ledger.adjustment_entered"
):
    """An adjustment was proposed for this order or customer."""

    adjustment: UUID
    case: UUID
    amount: PositiveMoney
    duties_over_order: bool = False
    """Whether the duties of all cases of the order were counted and stored with it, as they are from the
    second version on."""
    of: Identity | None = None
    """The kind of identity that this ledger is of; None for the ledgers of orders and customer ids."""
    by_policy_for: str | None = None
    """The person for whose proposal policy approved it, in that person's ledger."""
    proposed_at: datetime | None = None
    """When it was proposed, where it is entered later: its order had another customer or identity by then."""


class RefundToldEntered(Struct, frozen=True, kw_only=True, tag="ledger.refund_told"):
    """A system told a refund of an order of this customer or identity; the order has the refund's figures."""

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
        entry = LedgerEntry(event.adjustment, event.case, event.amount, event.proposed_at or at)
        return structs.replace(self, version=self.version + 1, entries=(*self.entries, entry))


class Ledgers(Struct, frozen=True, kw_only=True):
    """The ledgers that count for a proposal."""

    of_order: Ledger
    of_customer: Ledger | None = None
    of_identities: Sequence[tuple[Identity, Ledger]] = ()
    of_proposer: Sequence[Ledger] = ()
    """What policy approved for the proposer, under each name."""

    def cases(self, since: datetime) -> set[UUID]:
        """The cases of the adjustments that may count."""
        every = [*self.of_order.entries, *(self.of_customer or Ledger()).entries]
        windowed = [*(ledger for _, ledger in self.of_identities), *self.of_proposer]
        every += [entry for ledger in windowed for entry in ledger.entries if entry.at >= since]
        return {entry.case for entry in every}


def cumulative_amounts(
    amount: PositiveMoney,
    ledgers: Ledgers,
    known: Mapping[UUID, Adjustment],
    case_orders: Mapping[UUID, str],
    of_orders: Mapping[str, Sequence[Adjustment]],
    order: Order,
    others: Iterable[Order],
    matrix: ApprovalMatrix,
    now: datetime,
) -> CumulativeAmounts:
    """The amount with all others that count: our adjustments, and the refunds that systems told.

    `known` are our adjustments by their ids, `case_orders` the orders of their cases, `of_orders` the known
    adjustments of each order, `others` the other orders with told refunds in these ledgers. A told refund
    that is one of our adjustments counts once, with the larger amount.

    Raises Invalid for a currency that the matrix has no rate for.
    """
    counted = matrix.counted(amount)
    since = now - matrix.approvals.window

    def does_count(entry: LedgerEntry) -> bool:
        return entry.adjustment not in known or known[entry.adjustment].state in COUNTED_STATES

    def total(entries: Iterable[LedgerEntry]) -> Decimal:
        amounts = (matrix.counted(entry.amount) for entry in entries if does_count(entry))
        return counted + sum(amounts, Decimal(0))

    def recent(ledger: Ledger) -> list[LedgerEntry]:
        return [entry for entry in ledger.entries if entry.at >= since]

    told = {
        one.id: _sum_told(one, of_orders.get(one.id, ()), matrix, since) for one in (order, *others)
    }

    def told_for(ledger: Ledger) -> dict[str, Decimal]:
        return {name: told[name] for name in {*ledger.orders_told, order.id} if told.get(name)}

    identities: dict[Identity, IdentitySum] = {}
    for kind, ledger in ledgers.of_identities:
        entries, refunds = recent(ledger), told_for(ledger)
        orders = {case_orders.get(entry.case) for entry in entries if does_count(entry)} | {
            *refunds
        }
        value = total(entries) + sum(refunds.values(), ZERO)
        found = IdentitySum(kind, f"{value:f}", len(orders - {order.id}))
        is_larger = kind not in identities or Decimal(found.sum) > Decimal(identities[kind].sum)
        if kind in matrix.approvals.sums_over and found.orders and is_larger:
            identities[kind] = found
    of_order = total(ledgers.of_order.entries) + _sum_told(
        order, of_orders.get(order.id, ()), matrix
    )
    of_customer = None
    if ledgers.of_customer is not None:
        of_customer = total(recent(ledgers.of_customer))
        of_customer += sum(told_for(ledgers.of_customer).values(), ZERO)
    of_proposer = None
    if matrix.approvals.by_policy_per_proposer is not None:
        by_id = {e.adjustment: e for ledger in ledgers.of_proposer for e in recent(ledger)}
        of_proposer = total(by_id.values())
    return CumulativeAmounts(
        of_order=of_order,
        of_customer=of_customer,
        identities=tuple(identities[kind] for kind in sorted(identities)),
        of_proposer=of_proposer,
    )


def _sum_told(
    order: Order, ours: Sequence[Adjustment], matrix: ApprovalMatrix, since: datetime | None = None
) -> Decimal:
    """The refunds that systems told for the order and that are none of our adjustments, and what they tell of
    ours beyond the amount that we ordered."""
    money = order.facts.money
    rates = {one.id: one for one in money.payments}
    matched = match_told_refunds(ours, order, money)
    told = [(one, ZERO) for one in find_refunds_of_others(order, money, [*matched.values()])]
    for one in ours:
        refund = matched.get(one.id)
        if refund is not None and refund.currency == one.amount.currency:
            told.append((refund, one.amount.value))
    total = ZERO
    for refund, ordered in told:
        if refund.state is not RefundState.ISSUED or refund.currency is None:
            continue
        if since is not None and refund.at < since:
            continue
        amount, currency = max(refund.amount - ordered, ZERO), refund.currency
        paid = rates.get(refund.payment or "")
        if not matrix.has_rate(currency) and paid is not None and paid.captured and paid.settled:
            amount, currency = amount * paid.settled / paid.captured, money.currency or currency
        total += matrix.converted(amount, currency)
    return total
