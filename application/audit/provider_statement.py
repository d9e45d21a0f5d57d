"""A list that a provider gave, held against the log line by line; nothing is recorded of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from application.audit.adjustment_times import moments
from application.audit.log_scan import Reading
from application.cases.history import case_of
from domain.adjustments import reconciliation
from domain.adjustments.adjustment import PAID
from domain.adjustments.reconciliation import CurrencySums, Discrepancy, Ours
from domain.adjustments.statement import StatementLine


class AgainstList(Struct, frozen=True, kw_only=True):
    provider: str
    since: datetime
    until: datetime
    lines: int
    matched: int
    discrepancies: Sequence[Discrepancy]
    sums: Sequence[CurrencySums]


def held_against(reading: Reading, provider: str, lines: Sequence[StatementLine]) -> AgainstList:
    """A list of the period that it covers. What had been ordered before it begins may be on an older
    one."""
    since, until = _period(lines)
    named = {line.key for line in lines if line.key}
    ours: dict[str, Ours] = {}
    expected: set[str] = set()
    for trail in reading.money_trails():
        for one in case_of(trail).adjustments.items:
            paid_at = moments(one.id, trail).executed_at
            is_expected = (
                paid_at is not None
                and one.state in PAID
                and one.provider == provider
                and since <= (one.executing_since or paid_at)
                and paid_at <= until
            )
            if is_expected:
                expected.add(str(one.id))
            if is_expected or str(one.id) in named:
                ours[str(one.id)] = Ours(trail[0].stream, one)
    compared = reconciliation.compare(provider, lines, ours, expected, since, until)
    return AgainstList(
        provider=provider,
        since=since,
        until=until,
        lines=compared.lines,
        matched=len(compared.matched),
        discrepancies=compared.discrepancies,
        sums=compared.sums,
    )


def _period(lines: Sequence[StatementLine]) -> tuple[datetime, datetime]:
    times = [line.created_at for line in lines]
    return min(times), max(times)
