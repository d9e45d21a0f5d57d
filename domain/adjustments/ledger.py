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
from domain.money import PositiveMoney
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


LedgerEvent: TypeAlias = AdjustmentEntered


class LedgerEntry(Struct, frozen=True):
    adjustment: UUID
    case: UUID
    amount: PositiveMoney
    at: datetime


class Ledger(Struct, frozen=True, kw_only=True):
    version: int = 0
    entries: tuple[LedgerEntry, ...] = ()

    def after(self, event: LedgerEvent, at: datetime) -> Ledger:
        entry = LedgerEntry(event.adjustment, event.case, event.amount, at)
        return structs.replace(self, version=self.version + 1, entries=(*self.entries, entry))


def cumulative_amounts(
    amount: PositiveMoney,
    of_order: Ledger,
    of_customer: Ledger | None,
    known: Mapping[UUID, Adjustment],
    matrix: ApprovalMatrix,
    now: datetime,
) -> CumulativeAmounts:
    """The amount with all others that count; `known` are the adjustments by their ids.

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

    return CumulativeAmounts(
        of_order=total(of_order.entries),
        of_customer=total(entry for entry in of_customer.entries if entry.at >= since)
        if of_customer is not None
        else None,
    )
