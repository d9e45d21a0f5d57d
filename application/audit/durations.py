"""Measures the time of each step from report to reconciliation, for each adjustment, with quantiles over all.

Each row also has the pauses and breaches of the case.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from application.audit.adjustment_times import find_adjustment_times
from application.audit.log_scan import LogScan
from application.cases.history import case_of
from application.cases.trail import fill_from_line
from application.policy.reperformance import Period
from domain.adjustments.kinds import Duty
from domain.cases.duties import duty_of
from domain.cases.events import CaseEvent, Detected
from domain.cases.work_events import Breached, WaitEnded, WaitStarted
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

STEPS: Final = (
    ("report_to_review", "reported_at", "reviewed_at"),
    ("review_to_proposal", "reviewed_at", "proposed_at"),
    ("proposal_to_approval", "proposed_at", "approved_at"),
    ("approval_to_order", "approved_at", "ordered_at"),
    ("order_to_payment", "ordered_at", "executed_at"),
    ("payment_to_reconciliation", "executed_at", "reconciled_at"),
    ("report_to_payment", "reported_at", "executed_at"),
)
"""Each step with its start and end; the last one is the whole."""
QUANTILES: Final = (50, 90, 99)


class Pause(Struct, frozen=True, kw_only=True):
    """A period in which the case waited for another party."""

    dependency: str
    party: str
    since: datetime
    until: datetime | None
    seconds: float | None


class Breach(Struct, frozen=True, kw_only=True):
    measure: str
    due_at: datetime
    at: datetime


class Duration(Struct, frozen=True, kw_only=True):
    adjustment: UUID
    case: UUID
    order: str | None
    shop: str | None
    kind: str
    amount: str
    currency: str
    state: str
    reported_at: datetime
    """When the problem was found: a missed deadline, a signal, or a person who opened the case."""
    reviewed_at: datetime | None
    """When a person first worked on the case."""
    proposed_at: datetime
    approved_at: datetime | None
    ordered_at: datetime | None
    executed_at: datetime | None
    reconciled_at: datetime | None
    seconds: Mapping[str, float]
    """Seconds by step; steps without an end are left out."""
    pauses: Sequence[Pause]
    breaches: Sequence[Breach]


class Quantiles(Struct, frozen=True, kw_only=True):
    """Percentiles of one step in seconds, by nearest rank."""

    step: str
    many: int
    p50: float
    p90: float
    p99: float
    longest: float


class Durations(Struct, frozen=True, kw_only=True):
    quantiles: Sequence[Quantiles]
    adjustments: Sequence[Duration]
    paused_seconds: float
    breaches: int


def measure_durations(scan: LogScan, period: Period) -> Durations:
    """Measure the adjustments that were proposed in the period."""
    rows = [
        row
        for lines in scan.money_trails()
        for row in _case_durations(lines)
        if period.holds(row.proposed_at)
    ]
    rows.sort(key=lambda row: (row.proposed_at, row.adjustment))
    cases = {row.case: row for row in rows}.values()
    return Durations(
        quantiles=[*_quantiles(rows)],
        adjustments=rows,
        paused_seconds=sum(p.seconds or 0 for row in cases for p in row.pauses),
        breaches=sum(len(row.breaches) for row in cases),
    )


def _case_durations(lines: Sequence[RecordedEvent]) -> Iterator[Duration]:
    first = lines[0]
    reported_at = first.recorded_at
    if isinstance(first.event, Detected):
        reported_at = min(first.event.detected_at, first.recorded_at)
    reviewed_at = next((line.recorded_at for line in lines if _is_review(line)), None)
    pauses = [*_pauses(lines)]
    breaches = [fill(Breach, x.event) for x in lines if isinstance(x.event, Breached)]
    for adjustment in case_of(lines).adjustments.items:
        at = find_adjustment_times(adjustment.id, lines)
        known = {"reported_at": reported_at, "reviewed_at": reviewed_at, **structs.asdict(at)}
        yield fill_from_line(
            Duration,
            first,
            at,
            adjustment.amount,
            adjustment,
            adjustment=adjustment.id,
            reported_at=reported_at,
            reviewed_at=reviewed_at,
            proposed_at=adjustment.proposed_at,
            seconds={
                step: (until - since).total_seconds()
                for step, began, ended in STEPS
                if (since := known.get(began)) and (until := known.get(ended))
            },
            pauses=pauses,
            breaches=breaches,
        )


def _is_review(line: RecordedEvent) -> bool:
    """Whether a person reviews the case here; opening a case is a report, not a review."""
    return (
        line.version > 1
        and line.actor.person is not None
        and isinstance(line.event, CaseEvent)
        and duty_of(line.event) is Duty.REVIEW
    )


def _pauses(lines: Sequence[RecordedEvent]) -> Iterator[Pause]:
    began: tuple[WaitStarted, datetime] | None = None
    for line in lines:
        if isinstance(line.event, WaitStarted):
            began = line.event, line.recorded_at
        elif isinstance(line.event, WaitEnded) and began is not None:
            yield _pause(*began, line.recorded_at)
            began = None
    if began is not None:
        yield _pause(*began, None)


def _pause(wait: WaitStarted, since: datetime, until: datetime | None) -> Pause:
    seconds = (until - since).total_seconds() if until is not None else None
    return fill(Pause, wait, since=since, until=until, seconds=seconds)


def _quantiles(rows: Sequence[Duration]) -> Iterator[Quantiles]:
    for step, _, _ in STEPS:
        measured = sorted(row.seconds[step] for row in rows if step in row.seconds)
        if measured:
            p50, p90, p99 = (measured[ceil(len(measured) * q / 100) - 1] for q in QUANTILES)
            yield Quantiles(
                step=step, many=len(measured), p50=p50, p90=p90, p99=p99, longest=measured[-1]
            )
