"""What comes to pass with nobody doing anything: a wait that is over, a claim that lapses, what is at
risk, breached or to be escalated.

Whoever writes to a case tells this first, so that a late timekeeper changes nothing.
"""

from __future__ import annotations

from datetime import datetime

from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import Staff
from domain.cases.work_events import ClaimLapsed, WaitEnd, WaitEnded


def look_at_clock(
    case: ExceptionCase, now: datetime, staff: Staff
) -> tuple[list[CaseEvent], ExceptionCase]:
    """All that has come to pass by now with nobody doing anything, and the case after it."""
    events: list[CaseEvent] = []
    while found := _came_to_pass(case, now, staff):
        for event in found:
            events.append(event)
            case = case.after(event, case.order, now)
    return events, case


def _came_to_pass(case: ExceptionCase, now: datetime, staff: Staff) -> list[CaseEvent]:
    """What comes to pass next."""
    waiting = case.waiting
    if waiting is not None and waiting.expected_by is not None and waiting.expected_by <= now:
        return [WaitEnded(how=WaitEnd.OVERDUE)]
    if case.lease_until is not None and case.lease_until <= now:
        assert case.person is not None
        return [ClaimLapsed(person=case.person, lease_until=case.lease_until)]
    if case.adjustments and (lapsed := case.adjustments.lapsed(now)):
        return [*lapsed]
    return [*case.steps.overdue(now), *case.timing.came_to_pass(now, staff)]
