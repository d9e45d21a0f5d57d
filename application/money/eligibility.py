"""Who could have approved, executed or reconciled an adjustment at a time, and why the others could not.

The answer uses only what was recorded until then about people, the case and the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.cases.history import case_of, lines_until, recorded_until
from application.log.event_log import EventLog
from application.people.order_duties import OrderDuties
from application.people.people_desk import PeopleDesk
from application.people.refusals import earlier_version_of
from domain.adjustments import decisions
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import Refusal
from domain.adjustments.kinds import Duty
from domain.authority import authority_of
from domain.cases.duties import DutiesElsewhere, find_duty_conflict
from domain.cases.exception_case import ExceptionCase
from domain.people import Role
from domain.permissions import Permission
from domain.person import Person
from domain.policy.approvals import ApprovalMatrix
from domain.recorded_event import RecordedEvent

PERMISSION_BY_DUTY = {
    Duty.APPROVE: Permission.APPROVE_ADJUSTMENTS,
    Duty.EXECUTE: Permission.EXECUTE_ADJUSTMENTS,
    Duty.RECONCILE: Permission.RECONCILE_ADJUSTMENTS,
}


class BlockingRule(Struct, frozen=True):
    """A rule that forbids it to the person, and the act in the case's trail that it follows from."""

    rule: str
    detail: str
    version: int | None = None
    """The version of that act in the case's trail."""

    @staticmethod
    def by(refusal: Refusal) -> BlockingRule:
        return BlockingRule(str(refusal.facts["rule"]), refusal.detail, earlier_version_of(refusal))


class Candidate(Struct, frozen=True):
    person: str
    roles: Sequence[Role]
    """The roles that gave the permission over the case."""
    could: bool
    why_not: Sequence[BlockingRule]


class EligibilityCheck(Struct, frozen=True):
    """Checks every person; `matrix` gives the approval matrix of a policy by its digest."""

    people: PeopleDesk
    matrix: Callable[[str], ApprovalMatrix]
    log: EventLog
    duties: OrderDuties

    def look(
        self, lines: Sequence[RecordedEvent], adjustment: UUID, duty: Duty, at: datetime
    ) -> list[Candidate]:
        """A candidate for each person of that time. Raises CaseNotFound, AdjustmentNotFound."""
        case = case_of(lines_until(lines, at))
        found, elsewhere = case.adjustments.get(adjustment), self._elsewhere(case, at)
        return [
            self._candidate(case, found, duty, person, elsewhere, at)
            for person in self.people.everybody(at)
        ]

    def _elsewhere(self, case: ExceptionCase, at: datetime) -> DutiesElsewhere:
        """The duties that people had in the order's other cases at that time."""
        trails = self.log.trails([*self.duties.of(case).others])
        then = {id: [*recorded_until(lines, at)] for id, lines in trails.items()}
        return {id: case_of(lines).duties for id, lines in then.items() if lines}

    def _candidate(
        self,
        case: ExceptionCase,
        adjustment: Adjustment,
        duty: Duty,
        person: Person,
        elsewhere: DutiesElsewhere,
        at: datetime,
    ) -> Candidate:
        grants = () if person.has_left else person.at(at)
        roles = sorted(
            authority_of(grants).roles_over(
                PERMISSION_BY_DUTY[duty], case.queue, case.region, case.id
            )
        )
        blocking = self._blocking_rules(case, adjustment, duty, person, roles, elsewhere)
        return Candidate(person.name, roles, not blocking, blocking)

    def _blocking_rules(
        self,
        case: ExceptionCase,
        adjustment: Adjustment,
        duty: Duty,
        person: Person,
        roles: Sequence[Role],
        elsewhere: DutiesElsewhere,
    ) -> list[BlockingRule]:
        names = sorted(person.known_as)
        found = []
        if not roles:
            needed = PERMISSION_BY_DUTY[duty]
            reason = (
                f"{person.name} has left"
                if person.has_left
                else f"no grant of {person.name} gives the permission to {duty} ({needed}) in this case"
            )
            found.append(BlockingRule("permission", reason))
        if duty is Duty.APPROVE:
            approver = decisions.ActingPerson(
                person.name, tuple(names), tuple(roles), elsewhere=elsewhere
            )
            matrix = self.matrix(adjustment.requirement.policy_digest)
            refusals: Iterable[Refusal] = decisions.find_refusals(
                case, adjustment, approver, matrix
            )
        else:
            refused = find_duty_conflict(case.duties, names, duty, elsewhere)
            refusals = () if refused is None else (refused,)
        return [*found, *map(BlockingRule.by, refusals)]
