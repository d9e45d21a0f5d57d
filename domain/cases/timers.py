"""The timers of a case: a wait ends, a claim or an adjustment lapses, a task is overdue, a measure is at
risk or breached, the case escalates.

Every write to a case records due events first, so that a late timekeeper changes nothing.
"""

from datetime import datetime

from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import RoleMembers
from domain.cases.work_events import ClaimLapsed, WaitEnd, WaitEnded


def apply_due_events(
    case: ExceptionCase, now: datetime, staff: RoleMembers
) -> tuple[list[CaseEvent], ExceptionCase]:
    """All timer events that are due by now, and the case after them."""
    events: list[CaseEvent] = []
    while found := _find_due_events(case, now, staff):
        for event in found:
            events.append(event)
            case = case.after(event, case.order, now)
    return events, case


def _find_due_events(case: ExceptionCase, now: datetime, staff: RoleMembers) -> list[CaseEvent]:
    """The next due events. More may follow from them."""
    waiting = case.waiting
    if waiting is not None and waiting.expected_by is not None and waiting.expected_by <= now:
        return [WaitEnded(how=WaitEnd.OVERDUE)]
    if case.lease_until is not None and case.lease_until <= now:
        assert case.person is not None
        return [ClaimLapsed(person=case.person, lease_until=case.lease_until)]
    if case.adjustments and (lapsed := case.adjustments.find_due_lapses(now)):
        return [*lapsed]
    return [*case.steps.overdue(now), *case.timing.find_due_events(now, staff)]
