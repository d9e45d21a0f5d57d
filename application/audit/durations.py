"""How long it took from report to review, proposal, approval, payment and reconciliation: a row for each
adjustment, the pauses and breaches of its case, and quantiles over all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from application.audit.adjustment_times import moments
from application.audit.log_scan import Reading
from application.cases.history import case_of
from application.policy.reperformance import Period
from domain.adjustments.kinds import Duty
from domain.cases.duties import duty_of
from domain.cases.events import CaseEvent, Detected
from domain.cases.work_events import Breached, WaitEnded, WaitStarted
from domain.recorded import Recorded

STEPS: Final = (
    ("report_to_review", "reported_at", "reviewed_at"),
    ("review_to_proposal", "reviewed_at", "proposed_at"),
    ("proposal_to_approval", "proposed_at", "approved_at"),
    ("approval_to_order", "approved_at", "ordered_at"),
    ("order_to_payment", "ordered_at", "executed_at"),
    ("payment_to_reconciliation", "executed_at", "reconciled_at"),
    ("report_to_payment", "reported_at", "executed_at"),
)
"""Each from one moment to another; the last is the whole."""
QUANTILES: Final = (50, 90, 99)


class Pause(Struct, frozen=True, kw_only=True):
    """The case waited for somebody."""

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
    kind: str
    amount: str
    currency: str
    state: str
    reported_at: datetime
    """When the problem stood: a deadline that was missed, a signal, or somebody who opened the case."""
    reviewed_at: datetime | None
    """When somebody first worked on the case."""
    proposed_at: datetime
    approved_at: datetime | None
    ordered_at: datetime | None
    executed_at: datetime | None
    reconciled_at: datetime | None
    seconds: Mapping[str, float]
    """By step; what has not come to its end is left out."""
    pauses: Sequence[Pause]
    breaches: Sequence[Breach]


class Quantiles(Struct, frozen=True, kw_only=True):
    """Of one step, in seconds: the smallest such that so many in a hundred are no longer."""

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


def durations(reading: Reading, period: Period) -> Durations:
    """Of what was proposed in the period."""
    rows = [
        row
        for lines in reading.money_trails()
        for row in _durations(lines)
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


def _durations(lines: Sequence[Recorded]) -> Iterator[Duration]:
    first = lines[0]
    reported_at = first.recorded_at
    if isinstance(first.event, Detected):
        reported_at = min(first.event.detected_at, first.recorded_at)
    reviewed_at = next((line.recorded_at for line in lines if _is_review(line)), None)
    pauses, breaches = [*_pauses(lines)], [*_breaches(lines)]
    for one in case_of(lines).adjustments.items:
        at = moments(one.id, lines)
        known = {"reported_at": reported_at, "reviewed_at": reviewed_at, **structs.asdict(at)}
        yield Duration(
            adjustment=one.id,
            case=first.stream,
            order=first.order,
            kind=one.kind,
            amount=one.amount.amount,
            currency=one.amount.currency,
            state=one.state,
            reported_at=reported_at,
            reviewed_at=reviewed_at,
            proposed_at=one.proposed_at,
            approved_at=at.approved_at,
            ordered_at=at.ordered_at,
            executed_at=at.executed_at,
            reconciled_at=at.reconciled_at,
            seconds={
                step: _seconds(since, until)
                for step, began, ended in STEPS
                if (since := known.get(began)) and (until := known.get(ended))
            },
            pauses=pauses,
            breaches=breaches,
        )


def _is_review(line: Recorded) -> bool:
    """By a person: to open a case is to report it."""
    return (
        line.version > 1
        and line.actor.person is not None
        and isinstance(line.event, CaseEvent)
        and duty_of(line.event) is Duty.REVIEW
    )


def _pauses(lines: Sequence[Recorded]) -> Iterator[Pause]:
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
    seconds = _seconds(since, until) if until is not None else None
    return Pause(
        dependency=wait.dependency, party=wait.party, since=since, until=until, seconds=seconds
    )


def _breaches(lines: Sequence[Recorded]) -> Iterator[Breach]:
    for line in lines:
        if isinstance(line.event, Breached):
            event = line.event
            yield Breach(measure=event.measure, due_at=event.due_at, at=event.at)


def _quantiles(rows: Sequence[Duration]) -> Iterator[Quantiles]:
    for step, _, _ in STEPS:
        told = sorted(row.seconds[step] for row in rows if step in row.seconds)
        if told:
            p50, p90, p99 = (told[ceil(len(told) * q / 100) - 1] for q in QUANTILES)
            yield Quantiles(step=step, many=len(told), p50=p50, p90=p90, p99=p99, longest=told[-1])


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since) / timedelta(seconds=1)
