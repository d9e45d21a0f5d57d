"""The service clock and the escalation ladder of a case: their fold, and their timer events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property

from msgspec import Struct, structs

from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentLapsed,
    AdjustmentProposed,
    AdjustmentRejected,
    AdjustmentWithdrawn,
)
from domain.cases import work_events as work
from domain.cases.events import CaseEvent, Reopened, Resolved, Routed
from domain.cases.step_events import TaskDone
from domain.clock.clock import Clock, ClockChange, ClockChangeKind
from domain.clock.measure_runs import TIME_RESOLUTION, MeasureRun
from domain.clock.terms import Dependency, Measure
from domain.clock.time_split import split_seconds
from domain.policy.document import Ladder

RoleMembers = Callable[[str], Sequence[str]]
"""The people who have a role now."""
ReportedMeasure = tuple[Measure, str, datetime]
"""A measure, `at_risk` or `breached`, and since when. Each is recorded once."""


class Timing(Struct, frozen=True, kw_only=True, dict=True):
    """The clock and the ladder of a case, folded from its events."""

    clock: Clock = Clock()
    told: frozenset[ReportedMeasure] = frozenset()
    ladder: Ladder | None = None
    rung: int = 0
    """How many rungs were notified since the last activity."""
    quiet_since: datetime | None = None
    """The last activity or escalation; None while there is nothing to do."""
    patient: bool = False
    """Whether it waits for something that is expected by a time: until then it does not escalate."""

    def after(self, event: CaseEvent, at: datetime) -> Timing:
        clock = clock_after(self.clock, event, at)
        now = self if clock is self.clock else structs.replace(self, clock=clock)
        match event:
            case Routed(ladder=ladder):
                return structs.replace(now, ladder=ladder)._start_idle_time(at)
            case work.HandedOff(ladder=ladder):
                return structs.replace(now, ladder=ladder)._record_activity(at)
            case work.WaitStarted(expected_by=expected_by):
                return structs.replace(now, patient=expected_by is not None)._record_activity(at)
            case work.WaitEnded():
                return structs.replace(now, patient=False)._record_activity(at)
            case (
                work.Claimed()
                | work.CaseReleased()
                | work.NoteAdded()
                | work.EvidenceAttached()
                | TaskDone()
            ):
                return now._record_activity(at)
            case AdjustmentProposed() | AdjustmentApproved() | AdjustmentRejected():
                return now._record_activity(at)
            case work.Escalated(rung=rung):
                return structs.replace(now, rung=rung, quiet_since=at)
            case Resolved():
                return structs.replace(now, quiet_since=None, patient=False)
            case Reopened():
                return now._start_idle_time(at)
            case work.AtRisk(measure=measure, at=since):
                return structs.replace(now, told=now.told | {(measure, "at_risk", since)})
            case work.Breached(measure=measure, at=since):
                return structs.replace(now, told=now.told | {(measure, "breached", since)})
            case _:
                return now

    def _record_activity(self, at: datetime) -> Timing:
        """Restart the idle time after an activity; a resolved case has none."""
        return self if self.quiet_since is None else self._start_idle_time(at)

    def _start_idle_time(self, at: datetime) -> Timing:
        return structs.replace(self, rung=0, quiet_since=at)

    @cached_property
    def next_due(self) -> datetime | None:
        """When the next timer event is due."""
        times = [at for _, _, at, _ in self._unreported()]
        if (at := self._escalates_at) is not None:
            times.append(at)
        return min(times, default=None)

    def find_due_events(self, now: datetime, staff: RoleMembers) -> list[CaseEvent]:
        """The risks, breaches and escalations that are due by now and were not recorded."""
        if self.next_due is None or self.next_due > now:
            return []
        passed = sorted(
            (one for one in self._unreported() if one[2] <= now), key=lambda one: one[2]
        )
        found: list[CaseEvent] = []
        for measure, what, since, run in passed:
            if what == "at_risk":
                found.append(work.AtRisk(measure=measure, at=since, due_at=run.due_at))
            else:
                # Up to the breach, even if the timekeeper is late.
                tally = self.clock.as_of(since).tally
                spent = split_seconds(tally.business, run.since.business).parts
                due_at = since - TIME_RESOLUTION
                found.append(work.Breached(measure=measure, at=since, due_at=due_at, spent=spent))
        if (at := self._escalates_at) is not None and at <= now:
            assert self.ladder is not None
            cause = work.EscalationCause.AGING if self.rung == 0 else work.EscalationCause.IDLE
            found.append(next_rung(self.ladder, self.rung, cause, staff))
        return found

    def _unreported(self) -> Iterator[tuple[Measure, str, datetime, MeasureRun]]:
        if self.clock.stopped:
            return
        for measure, run in self.clock.runs.items():
            if not run.is_running or run.due_at is None:
                continue
            breach = run.breached_at or run.due_at + TIME_RESOLUTION
            risk = run.at_risk_at
            if risk is not None and risk < breach and (measure, "at_risk", risk) not in self.told:
                yield measure, "at_risk", risk, run
            if (measure, "breached", breach) not in self.told:
                yield measure, "breached", breach, run

    @property
    def _escalates_at(self) -> datetime | None:
        if self.ladder is None or self.quiet_since is None or self.patient:
            return None
        rungs = self.ladder.rungs
        if self.rung == 0:
            return self.quiet_since + self.ladder.review_after
        if self.rung < len(rungs):
            return self.quiet_since + rungs[self.rung].after
        return self.quiet_since + self.ladder.repeat if self.ladder.repeat else None


def next_rung(
    ladder: Ladder, rung: int, cause: work.EscalationCause, staff: RoleMembers, note: str = ""
) -> work.Escalated:
    """Escalate to the next rung that has people. Empty rungs are skipped and recorded. After the last
    rung, the last one is notified again."""
    if rung >= len(ladder.rungs):
        rung = max(len(ladder.rungs) - 1, 0)
    skipped: list[str] = []
    for number, role in enumerate((one.role for one in ladder.rungs[rung:]), start=rung + 1):
        if people := tuple(staff(role)):
            return work.Escalated(
                cause=cause, rung=number, to=role, people=people, skipped=tuple(skipped), note=note
            )
        skipped.append(role)
    # Nobody to notify: recorded too, so that people can see it.
    return work.Escalated(
        cause=cause, rung=len(ladder.rungs), to=None, skipped=tuple(skipped), note=note
    )


def clock_after(clock: Clock, event: CaseEvent, at: datetime) -> Clock:
    """The clock after an event of its case; the same object if the event does not affect it."""
    for moment in _clock_changes(event, at, clock):
        clock = clock.after(moment)
    return clock


def _clock_changes(event: CaseEvent, at: datetime, clock: Clock) -> Iterator[ClockChange]:
    """The changes of the clock that an event causes."""
    match event:
        case Routed(terms=terms) if terms is not None and clock.terms is None:
            yield ClockChange(at=at, change=ClockChangeKind.STARTED, terms=terms)
        case work.Retermed(terms=terms):
            yield ClockChange(at=at, change=ClockChangeKind.RETERMED, terms=terms)
        case work.Claimed():
            yield ClockChange(at=at, change=ClockChangeKind.ACTED)
            yield ClockChange(at=at, change=ClockChangeKind.WORKED)
        case work.CaseReleased() | work.ClaimLapsed():
            yield ClockChange(at=at, change=ClockChangeKind.QUEUED)
        case work.HandedOff(to_person=person):
            yield ClockChange(at=at, change=ClockChangeKind.ACTED)
            yield ClockChange(at=at, change=ClockChangeKind.UPDATED)
            if clock.waits_on is None:
                yield ClockChange(
                    at=at, change=ClockChangeKind.WORKED if person else ClockChangeKind.QUEUED
                )
        case work.WaitStarted(dependency=dependency, party=party):
            yield ClockChange(at=at, change=ClockChangeKind.ACTED)
            yield ClockChange(
                at=at, change=ClockChangeKind.WAITING, dependency=dependency, party=party
            )
        case work.WaitEnded():
            yield ClockChange(at=at, change=ClockChangeKind.RESUMED)
        case work.NoteAdded() | work.EvidenceAttached() | TaskDone():
            yield ClockChange(at=at, change=ClockChangeKind.ACTED)
            yield ClockChange(at=at, change=ClockChangeKind.UPDATED)
        case AdjustmentProposed(requirement=requirement):
            yield ClockChange(at=at, change=ClockChangeKind.ACTED)
            yield ClockChange(at=at, change=ClockChangeKind.UPDATED)
            if requirement.approvers and clock.waits_on is None:
                approver = Dependency.APPROVER
                yield ClockChange(at=at, change=ClockChangeKind.WAITING, dependency=approver)
        case (
            AdjustmentApproved(complete=True)
            | AdjustmentRejected()
            | AdjustmentWithdrawn()
            | AdjustmentLapsed()
        ) if clock.waits_on is Dependency.APPROVER:
            yield ClockChange(at=at, change=ClockChangeKind.RESUMED)
        case Resolved():
            yield ClockChange(at=at, change=ClockChangeKind.STOPPED)
        case Reopened():
            yield ClockChange(at=at, change=ClockChangeKind.REOPENED)
            yield ClockChange(at=at, change=ClockChangeKind.QUEUED)
