"""The service clock and the ladder of a case: what each event means to them, and what comes to pass
with nobody doing anything."""

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
from domain.cases.events import CaseEvent, Reopened, Resolved, Routed
from domain.cases.step_events import TaskDone
from domain.cases.work_events import (
    AtRisk,
    Breached,
    CaseReleased,
    Claimed,
    ClaimLapsed,
    Escalated,
    EscalationCause,
    EvidenceAttached,
    HandedOff,
    NoteAdded,
    Retermed,
    WaitEnded,
    WaitStarted,
)
from domain.clock.clock import Change, Clock, Moment
from domain.clock.runs import RESOLUTION, Run
from domain.clock.terms import Dependency, Measure
from domain.clock.time_split import split
from domain.policy.document import Ladder

Staff = Callable[[str], Sequence[str]]
"""Who has a role now."""
Told = tuple[Measure, str, datetime]
"""A measure, whether it was at risk or breached, and since when: each is told once."""


class Timing(Struct, frozen=True, kw_only=True, dict=True):
    """What a case knows of time, folded from its events."""

    clock: Clock = Clock()
    told: frozenset[Told] = frozenset()
    ladder: Ladder | None = None
    rung: int = 0
    """How many rungs were told since somebody last did something about the case."""
    quiet_since: datetime | None = None
    """Since when nobody has done anything, nor been told; None while there is nothing to do."""
    patient: bool = False
    """It waits for something that is expected by a time: until then, nobody needs to be told."""

    def after(self, event: CaseEvent, at: datetime) -> Timing:
        clock = clock_after(self.clock, event, at)
        now = self if clock is self.clock else structs.replace(self, clock=clock)
        match event:
            case Routed(ladder=ladder):
                return structs.replace(now, ladder=ladder)._quiet(at)
            case HandedOff(ladder=ladder):
                return structs.replace(now, ladder=ladder)._touched(at)
            case WaitStarted(expected_by=expected_by):
                return structs.replace(now, patient=expected_by is not None)._touched(at)
            case WaitEnded():
                return structs.replace(now, patient=False)._touched(at)
            case Claimed() | CaseReleased() | NoteAdded() | EvidenceAttached() | TaskDone():
                return now._touched(at)
            case AdjustmentProposed() | AdjustmentApproved() | AdjustmentRejected():
                return now._touched(at)
            case Escalated(rung=rung):
                return structs.replace(now, rung=rung, quiet_since=at)
            case Resolved():
                return structs.replace(now, quiet_since=None, patient=False)
            case Reopened():
                return now._quiet(at)
            case AtRisk(measure=measure, at=since):
                return structs.replace(now, told=now.told | {(measure, "at_risk", since)})
            case Breached(measure=measure, at=since):
                return structs.replace(now, told=now.told | {(measure, "breached", since)})
            case _:
                return now

    def _touched(self, at: datetime) -> Timing:
        """Somebody did something. About a case that is resolved, nobody has to be told after it."""
        return self if self.quiet_since is None else self._quiet(at)

    def _quiet(self, at: datetime) -> Timing:
        return structs.replace(self, rung=0, quiet_since=at)

    @cached_property
    def next_due(self) -> datetime | None:
        """When something comes to pass with nobody doing anything."""
        times = [at for _, _, at, _ in self._untold()]
        if (at := self._escalates_at) is not None:
            times.append(at)
        return min(times, default=None)

    def came_to_pass(self, now: datetime, staff: Staff) -> list[CaseEvent]:
        """What is at risk, breached and to be escalated by now, and was not told."""
        if self.next_due is None or self.next_due > now:
            return []
        passed = sorted((one for one in self._untold() if one[2] <= now), key=lambda one: one[2])
        found: list[CaseEvent] = []
        for measure, what, since, run in passed:
            if what == "at_risk":
                found.append(AtRisk(measure=measure, at=since, due_at=run.due_at))
            else:
                # Up to the breach, however late anybody looks.
                tally = self.clock.as_of(since).tally
                spent = split(tally.business, run.since.business).parts
                due_at = since - RESOLUTION
                found.append(Breached(measure=measure, at=since, due_at=due_at, spent=spent))
        if (at := self._escalates_at) is not None and at <= now:
            assert self.ladder is not None
            cause = EscalationCause.AGING if self.rung == 0 else EscalationCause.IDLE
            found.append(next_rung(self.ladder, self.rung, cause, staff))
        return found

    def _untold(self) -> Iterator[tuple[Measure, str, datetime, Run]]:
        if self.clock.stopped:
            return
        for measure, run in self.clock.runs.items():
            if not run.is_running or run.due_at is None:
                continue
            breach = run.breached_at or run.due_at + RESOLUTION
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
    ladder: Ladder, rung: int, cause: EscalationCause, staff: Staff, note: str = ""
) -> Escalated:
    """The next rung that somebody stands on; empty ones are skipped at once, and told. Above the
    last, the last is told again."""
    if rung >= len(ladder.rungs):
        rung = max(len(ladder.rungs) - 1, 0)
    skipped: list[str] = []
    for number, one in enumerate(ladder.rungs[rung:], start=rung + 1):
        if people := tuple(staff(one.role)):
            return Escalated(
                cause=cause,
                rung=number,
                to=one.role,
                people=people,
                skipped=tuple(skipped),
                note=note,
            )
        skipped.append(one.role)
    # Nobody to notify: said as well, for somebody has to see that.
    return Escalated(
        cause=cause, rung=len(ladder.rungs), to=None, skipped=tuple(skipped), note=note
    )


def clock_after(clock: Clock, event: CaseEvent, at: datetime) -> Clock:
    """The clock after an event of its case; the same one if the event says nothing to it."""
    for moment in _moments(event, at, clock):
        clock = clock.after(moment)
    return clock


def _moments(event: CaseEvent, at: datetime, clock: Clock) -> Iterator[Moment]:
    """What an event means to the clock."""
    match event:
        case Routed(terms=terms) if terms is not None and clock.terms is None:
            yield Moment(at=at, change=Change.STARTED, terms=terms)
        case Retermed(terms=terms):
            yield Moment(at=at, change=Change.RETERMED, terms=terms)
        case Claimed():
            yield Moment(at=at, change=Change.ACTED)
            yield Moment(at=at, change=Change.WORKED)
        case CaseReleased() | ClaimLapsed():
            yield Moment(at=at, change=Change.QUEUED)
        case HandedOff(to_person=person):
            yield Moment(at=at, change=Change.ACTED)
            yield Moment(at=at, change=Change.UPDATED)
            if clock.waits_on is None:
                yield Moment(at=at, change=Change.WORKED if person else Change.QUEUED)
        case WaitStarted(dependency=dependency, party=party):
            yield Moment(at=at, change=Change.ACTED)
            yield Moment(at=at, change=Change.WAITING, dependency=dependency, party=party)
        case WaitEnded():
            yield Moment(at=at, change=Change.RESUMED)
        case NoteAdded() | EvidenceAttached() | TaskDone():
            yield Moment(at=at, change=Change.ACTED)
            yield Moment(at=at, change=Change.UPDATED)
        case AdjustmentProposed(requirement=requirement):
            yield Moment(at=at, change=Change.ACTED)
            yield Moment(at=at, change=Change.UPDATED)
            if requirement.approvers and clock.waits_on is None:
                approver = Dependency.APPROVER
                yield Moment(at=at, change=Change.WAITING, dependency=approver)
        case (
            AdjustmentApproved(complete=True)
            | AdjustmentRejected()
            | AdjustmentWithdrawn()
            | AdjustmentLapsed()
        ) if clock.waits_on is Dependency.APPROVER:
            yield Moment(at=at, change=Change.RESUMED)
        case Resolved():
            yield Moment(at=at, change=Change.STOPPED)
        case Reopened():
            yield Moment(at=at, change=Change.REOPENED)
            yield Moment(at=at, change=Change.QUEUED)
        case _:
            return
