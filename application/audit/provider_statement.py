"""Compares a provider's statement with the log, line by line, without recording the result."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from application.audit.adjustment_times import find_adjustment_times
from application.audit.log_scan import LogScan
from application.cases.history import case_of
from domain.adjustments import reconciliation
from domain.adjustments.adjustment import PAID_STATES
from domain.adjustments.provider_statement import StatementEntry, statement_period
from domain.adjustments.reconciliation import CaseAdjustment, CurrencySums, Discrepancy
from domain.struct_fields import fill


class StatementComparison(Struct, frozen=True, kw_only=True):
    provider: str
    since: datetime
    until: datetime
    lines: int
    matched: int
    discrepancies: Sequence[Discrepancy]
    sums: Sequence[CurrencySums]


def compare_statement(
    scan: LogScan, provider: str, lines: Sequence[StatementEntry]
) -> StatementComparison:
    """Compare a statement for the period that it covers. Payments ordered before it may be on an older
    statement."""
    since, until = statement_period(lines)
    named = {line.key for line in lines if line.key}
    ours: dict[str, CaseAdjustment] = {}
    expected: set[str] = set()
    for trail in scan.money_trails():
        for adjustment in case_of(trail).adjustments.items:
            key = str(adjustment.id)
            paid_at = find_adjustment_times(adjustment.id, trail).executed_at
            is_expected = (
                paid_at is not None
                and adjustment.state in PAID_STATES
                and adjustment.provider == provider
                and since <= (adjustment.executing_since or paid_at)
                and paid_at <= until
            )
            if is_expected:
                expected.add(key)
            if is_expected or key in named:
                ours[key] = CaseAdjustment(trail[0].stream, adjustment)
    compared = reconciliation.compare_statement(provider, lines, ours, expected, since, until)
    matched = len(compared.matched)
    return fill(
        StatementComparison, compared, provider=provider, since=since, until=until, matched=matched
    )
