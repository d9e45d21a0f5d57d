"""Reconciliation: compare the provider's statement with the log, in both directions."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Struct

from domain.adjustments.adjustment import PAID_STATES, Adjustment, AdjustmentState
from domain.adjustments.provider_statement import (
    RefundStatus,
    StatementEntry,
    StatementLine,
    UnreadableLine,
    entries_within,
)
from domain.money import Money
from domain.texts import Digest, one_line

MAX_LISTED_DISCREPANCIES = 1_000
"""How many discrepancies one record lists; all of them are counted."""
DetailText = Annotated[str, one_line(500)]


class DiscrepancyKind(StrEnum):
    UNKNOWN_HERE = "unknown_here"
    """The provider paid money for which there is no adjustment."""
    MISSING_THERE = "missing_there"
    """The log says that it was paid; it is not on the statement."""
    AMOUNT_DIFFERS = "amount_differs"
    REFERENCE_DIFFERS = "reference_differs"
    """The provider's reference is not the one that it gave at the payment."""
    GIVEN_TWICE = "given_twice"
    """The statement has it more than once."""
    STILL_EXECUTING = "still_executing"
    """The provider paid it; the log does not know the outcome yet."""
    NOT_EXECUTED_HERE = "not_executed_here"
    """The provider paid it; by the log it ended unpaid, or was not ordered from this provider."""
    PENDING_THERE = "pending_there"
    FAILED_THERE = "failed_there"
    """The log says that it was paid; the provider now says that it failed."""
    UNREADABLE_LINE = "unreadable_line"
    """A line of the statement cannot be read, so the statement is not complete."""
    NOT_YOURS = "not_yours"
    """It agrees but was not reconciled: a rule forbids it to the person who reconciles."""


class Discrepancy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    kind: DiscrepancyKind
    detail: DetailText
    key: str | None = None
    """The adjustment's key on the statement."""
    case: UUID | None = None
    references: tuple[str, ...] = ()
    """The provider's references."""
    here: Money | None = None
    there: Money | None = None
    line: int | None = None
    """The number of a line that cannot be read."""


class CurrencySums(Struct, frozen=True):
    """The sums paid in the period, in one currency: by the log, by the statement, and matched."""

    currency: str
    here: str
    there: str
    matched: str


class ReconciliationRecorded(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="reconciliation.recorded"
):
    """A person compared the provider's statement with the log up to this position."""

    provider: str
    since: datetime
    until: datetime
    statement: Digest
    """SHA-256 of the statement: of the file's bytes, or of the lines that the provider sent."""
    from_file: bool
    position: int
    lines: int
    matched: int
    reconciled: int
    """How many of the matched were reconciled by this run."""
    counts: dict[str, int]
    """The number of discrepancies of each kind."""
    sums: tuple[CurrencySums, ...]
    discrepancies: tuple[Discrepancy, ...] = ()


class CaseAdjustment(Struct, frozen=True):
    """An adjustment with its case."""

    case: UUID
    adjustment: Adjustment


class Comparison(Struct, frozen=True):
    lines: int
    matched: tuple[CaseAdjustment, ...]
    discrepancies: tuple[Discrepancy, ...]
    sums: tuple[CurrencySums, ...]


def compare_statement(
    provider: str,
    entries: Sequence[StatementEntry],
    ours: Mapping[str, CaseAdjustment],
    expected: Collection[str],
    since: datetime,
    until: datetime,
) -> Comparison:
    """Compare statement lines with the adjustments that the log has for them.

    `entries` may begin before the period and end after it, so that a payment near its edge is not
    missing. `expected` are the keys paid in the period by the log. `ours` are the adjustments of the
    expected keys and of the lines' keys. A line that cannot be read is a discrepancy, and the others are
    compared.
    """
    lines = [one for one in entries if isinstance(one, StatementLine)]
    of_period = entries_within(entries, since, until)
    within = [one for one in of_period if isinstance(one, StatementLine)]
    unreadable = [one for one in of_period if isinstance(one, UnreadableLine)]
    unreadable_keys = {one.key for one in unreadable}
    by_key: defaultdict[str, list[StatementLine]] = defaultdict(list)
    for line in lines:
        by_key[line.key or ""].append(line)
    keys = {line.key for line in within if line.key in ours} | {*expected}
    matched: list[CaseAdjustment] = []
    found = [
        _unknown_refund(line)
        for line in within
        if line.key not in ours and _is_paid_or_pending(line)
    ]
    for key in sorted(key for key in keys if key):
        one = ours[key]
        wrong = list(_find_discrepancies(provider, one, by_key[key], len(unreadable)))
        if key in unreadable_keys:
            # Its line is named as unreadable.
            wrong = [one for one in wrong if one.kind is not DiscrepancyKind.MISSING_THERE]
        found += wrong
        if not wrong and key not in unreadable_keys and one.adjustment.state in PAID_STATES:
            matched.append(one)
    found += [_unreadable_line(one, ours.get(one.key or "")) for one in unreadable]
    here = [ours[key].adjustment.amount for key in expected if key in ours]
    there = [line.amount for line in within if _is_paid_or_pending(line)]
    agreed = [one.adjustment.amount for one in matched]
    return Comparison(
        len(within), tuple(matched), tuple(found), _sum_by_currency(here, there, agreed)
    )


def duty_discrepancy(one: CaseAdjustment, why: str) -> Discrepancy:
    return _adjustment_discrepancy(DiscrepancyKind.NOT_YOURS, one, (), why)


def _find_discrepancies(
    provider: str, one: CaseAdjustment, lines: Sequence[StatementLine], unreadable: int
) -> Iterator[Discrepancy]:
    """Every difference between the provider's lines of an adjustment and the log."""
    adjustment, kinds = one.adjustment, DiscrepancyKind
    paid = [line for line in lines if _is_paid_or_pending(line)]
    is_paid_here = adjustment.state in PAID_STATES and adjustment.provider == provider

    def differ(
        kind: DiscrepancyKind, detail: str, found: Sequence[StatementLine] = paid
    ) -> Discrepancy:
        return _adjustment_discrepancy(kind, one, found, detail)

    if len(paid) > 1:
        yield differ(kinds.GIVEN_TWICE, f"{len(paid)} lines have its key")
    if adjustment.state is AdjustmentState.EXECUTING and paid:
        outcome = "in doubt" if adjustment.in_doubt else "not known yet"
        yield differ(kinds.STILL_EXECUTING, f"in the log its outcome is {outcome}")
    elif not is_paid_here and paid:
        where = f" at {adjustment.provider}" if adjustment.provider else ""
        yield differ(kinds.NOT_EXECUTED_HERE, f"in the log it is {adjustment.state}{where}")
    if not is_paid_here:
        return
    if not lines:
        where = f"lines that could be read; {unreadable} could not" if unreadable else "statement"
        yield differ(kinds.MISSING_THERE, f"{adjustment.reference} is not on the {where}")
    elif not paid:
        yield differ(kinds.FAILED_THERE, "the provider says that it failed", lines)
    for line in paid:
        if not line.amount.is_same_as(adjustment.amount):
            detail = f"{adjustment.amount} was ordered, {line.amount} was paid"
            yield differ(kinds.AMOUNT_DIFFERS, detail, [line])
        elif line.status is RefundStatus.PENDING:
            yield differ(kinds.PENDING_THERE, "the provider says that it is pending", [line])
    if paid and adjustment.reference not in [line.reference for line in paid]:
        detail = f"the provider's reference at the payment was {adjustment.reference}"
        yield differ(kinds.REFERENCE_DIFFERS, detail)
    if adjustment.given is not None and paid and paid[0].amount.is_same_as(adjustment.amount):
        yield differ(
            kinds.AMOUNT_DIFFERS, f"the provider reported {adjustment.given} at the payment"
        )


def _unknown_refund(line: StatementLine) -> Discrepancy:
    return Discrepancy(
        kind=DiscrepancyKind.UNKNOWN_HERE,
        detail="no adjustment has this key" if line.key else "the line has no key",
        key=line.key,
        references=(line.reference,),
        there=line.amount,
    )


def _unreadable_line(line: UnreadableLine, about: CaseAdjustment | None) -> Discrepancy:
    return Discrepancy(
        kind=DiscrepancyKind.UNREADABLE_LINE,
        detail=f"line {line.number} cannot be read: {line.detail}"[:500],
        key=line.key,
        case=about.case if about else None,
        references=(line.reference,) if line.reference else (),
        here=about.adjustment.amount if about else None,
        line=line.number,
    )


def _adjustment_discrepancy(
    kind: DiscrepancyKind, one: CaseAdjustment, lines: Sequence[StatementLine], detail: str
) -> Discrepancy:
    return Discrepancy(
        kind=kind,
        detail=detail,
        key=str(one.adjustment.id),
        case=one.case,
        references=tuple(line.reference for line in lines),
        here=one.adjustment.amount,
        there=lines[0].amount if lines else None,
    )


def _is_paid_or_pending(line: StatementLine) -> bool:
    """Whether money was paid, or may still be."""
    return line.status is not RefundStatus.FAILED


def _sum_by_currency(*parts: Sequence[Money]) -> tuple[CurrencySums, ...]:
    currencies = sorted({amount.currency for part in parts for amount in part})

    def total(part: Sequence[Money], currency: str) -> str:
        return f"{sum((m.value for m in part if m.currency == currency), Decimal(0)):f}"

    return tuple(CurrencySums(one, *(total(part, one) for part in parts)) for one in currencies)
