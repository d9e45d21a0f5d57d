"""The provider's list against the log, both ways: what agrees, and what does not, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.adjustments.adjustment import PAID, Adjustment, AdjustmentState
from domain.adjustments.events import Digest
from domain.adjustments.statement import GivenStatus, StatementLine
from domain.money import Money
from domain.texts import one_line

MOST_TOLD = 1_000
"""Discrepancies that one record holds; all are counted."""
ToldText = Annotated[str, one_line(500)]


class DiscrepancyKind(StrEnum):
    UNKNOWN_HERE = "unknown_here"
    """The provider gave money that no adjustment stands for."""
    MISSING_THERE = "missing_there"
    """The log says that it was paid, and the provider's list does not have it."""
    AMOUNT_DIFFERS = "amount_differs"
    REFERENCE_DIFFERS = "reference_differs"
    """The provider calls it otherwise than it did when it was asked."""
    GIVEN_TWICE = "given_twice"
    """The provider's list has it more than once."""
    STILL_EXECUTING = "still_executing"
    """The provider gave it; here its outcome is not known yet."""
    NOT_EXECUTED_HERE = "not_executed_here"
    """The provider gave it; the log says that it came to nothing, or nobody ordered it there."""
    PENDING_THERE = "pending_there"
    FAILED_THERE = "failed_there"
    """The log says that it was paid; the provider says by now that it failed."""
    NOT_YOURS = "not_yours"
    """It agrees, and is not reconciled: a rule stands against the person who reconciles."""


class Discrepancy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    kind: DiscrepancyKind
    detail: ToldText
    key: str | None = None
    """The adjustment that it is about, as the provider has it."""
    case: UUID | None = None
    references: tuple[str, ...] = ()
    """What the provider calls it."""
    here: Money | None = None
    there: Money | None = None


class CurrencySums(Struct, frozen=True):
    """What was paid in the period, in one currency."""

    currency: str
    here: str
    there: str
    matched: str


class ReconciliationRecorded(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="reconciliation.recorded"
):
    """Somebody held the provider's list against the log, up to this position of it."""

    provider: str
    since: datetime
    until: datetime
    statement: Digest
    """SHA-256 of the list: of the file's bytes, or of the lines that the provider told."""
    from_file: bool
    position: int
    lines: int
    matched: int
    reconciled: int
    """How many of those were not reconciled before."""
    counts: dict[str, int]
    """How many discrepancies there are of each kind."""
    sums: tuple[CurrencySums, ...]
    discrepancies: tuple[Discrepancy, ...] = ()


ReconciliationEvent: TypeAlias = ReconciliationRecorded


class Ours(Struct, frozen=True):
    """An adjustment, and the case that it is of."""

    case: UUID
    adjustment: Adjustment


class Comparison(Struct, frozen=True):
    lines: int
    matched: tuple[Ours, ...]
    discrepancies: tuple[Discrepancy, ...]
    sums: tuple[CurrencySums, ...]


def compare(
    provider: str,
    lines: Sequence[StatementLine],
    ours: Mapping[str, Ours],
    expected: Collection[str],
    since: datetime,
    until: datetime,
) -> Comparison:
    """`lines` may begin before the period and end after it: what is found there is not missing.

    `ours` are the adjustments that lines name, and those that are `expected`: paid in the period, as
    the log has it.
    """
    within = [line for line in lines if since <= line.created_at <= until]
    by_key: defaultdict[str, list[StatementLine]] = defaultdict(list)
    for line in lines:
        by_key[line.key or ""].append(line)
    keys = {line.key for line in within if line.key in ours} | {*expected}
    matched: list[Ours] = []
    found = [_unknown(line) for line in within if line.key not in ours and _stands(line)]
    for key in sorted(key for key in keys if key):
        one = ours[key]
        wrong = list(_wrong(provider, one, by_key[key]))
        found += wrong
        if not wrong and one.adjustment.state in PAID:
            matched.append(one)
    here = [ours[key].adjustment.amount for key in expected if key in ours]
    there = [line.amount for line in within if _stands(line)]
    agreed = [one.adjustment.amount for one in matched]
    return Comparison(len(within), tuple(matched), tuple(found), _sums(here, there, agreed))


def not_yours(one: Ours, why: str) -> Discrepancy:
    return _told(DiscrepancyKind.NOT_YOURS, one, (), why)


def _wrong(provider: str, one: Ours, lines: Sequence[StatementLine]) -> Iterator[Discrepancy]:
    """Every way in which the provider's lines of an adjustment are not what the log says."""
    adjustment, kinds = one.adjustment, DiscrepancyKind
    standing = [line for line in lines if _stands(line)]
    is_paid = adjustment.state in PAID and adjustment.provider == provider
    if len(standing) > 1:
        yield _told(kinds.GIVEN_TWICE, one, standing, f"{len(standing)} lines have its key")
    if adjustment.state is AdjustmentState.EXECUTING and standing:
        doubt = "its outcome is in doubt" if adjustment.in_doubt else "its outcome is not known"
        yield _told(kinds.STILL_EXECUTING, one, standing, f"here {doubt} yet")
    elif not is_paid and standing:
        where = f" at {adjustment.provider}" if adjustment.provider else ""
        yield _told(kinds.NOT_EXECUTED_HERE, one, standing, f"here it is {adjustment.state}{where}")
    if not is_paid:
        return
    if not lines:
        yield _told(kinds.MISSING_THERE, one, (), f"{adjustment.reference} is not on the list")
    elif not standing:
        yield _told(kinds.FAILED_THERE, one, lines, "the provider says that it failed")
    for line in standing:
        if not line.amount.is_same_as(adjustment.amount):
            detail = f"{_text(adjustment.amount)} was ordered, {_text(line.amount)} was given"
            yield _told(kinds.AMOUNT_DIFFERS, one, [line], detail)
        elif line.status is GivenStatus.PENDING:
            yield _told(kinds.PENDING_THERE, one, [line], "the provider calls it pending")
    if standing and adjustment.reference not in [line.reference for line in standing]:
        detail = f"when it was paid it was called {adjustment.reference}"
        yield _told(kinds.REFERENCE_DIFFERS, one, standing, detail)
    if (
        adjustment.given is not None
        and standing
        and standing[0].amount.is_same_as(adjustment.amount)
    ):
        detail = f"{_text(adjustment.given)} was said to be given when it was paid"
        yield _told(kinds.AMOUNT_DIFFERS, one, standing, detail)


def _unknown(line: StatementLine) -> Discrepancy:
    return Discrepancy(
        kind=DiscrepancyKind.UNKNOWN_HERE,
        detail="no adjustment has this key" if line.key else "it has no key",
        key=line.key,
        references=(line.reference,),
        there=line.amount,
    )


def _told(
    kind: DiscrepancyKind, one: Ours, lines: Sequence[StatementLine], detail: str
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


def _stands(line: StatementLine) -> bool:
    """Whether money was given, or may yet be."""
    return line.status is not GivenStatus.FAILED


def _sums(*parts: Sequence[Money]) -> tuple[CurrencySums, ...]:
    currencies = sorted({amount.currency for part in parts for amount in part})

    def total(part: Sequence[Money], currency: str) -> str:
        return f"{sum((m.value for m in part if m.currency == currency), Decimal(0)):f}"

    return tuple(CurrencySums(one, *(total(part, one) for part in parts)) for one in currencies)


def _text(amount: Money) -> str:
    return f"{amount.amount} {amount.currency}"
