"""What was proposed for one order, or for one customer: whoever splits a sum is found here.

A ledger only grows. What became of an adjustment is asked of its case: one that came to nothing
counts no more, and never comes back, so a look that is behind counts too much, never too little.
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
    """Of the customer whom the log names so."""
    return uuid5(LEDGERS_NAMESPACE, f"customer\n{subject}")


class AdjustmentEntered(Struct, frozen=True, kw_only=True, tag="ledger.adjustment_entered"):
    """An adjustment was proposed that counts here."""

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
    """The amount with all else that counts; `known` are the adjustments by their ids.

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
