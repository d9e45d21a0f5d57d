"""Who could have approved, executed or reconciled an adjustment at a time, and why the others could not.

The answer uses only what was recorded until then about people, the case and the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.cases.history import case_of, lines_until
from application.people.people_desk import PeopleDesk
from application.people.refusals import earlier_version_of
from domain.adjustments import decisions
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import Refusal
from domain.adjustments.kinds import Duty
from domain.authority import authority_of
from domain.cases.duties import find_duty_conflict
from domain.cases.exception_case import ExceptionCase
from domain.people import Person, Role
from domain.permissions import Permission
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

    def look(
        self, lines: Sequence[RecordedEvent], adjustment: UUID, duty: Duty, at: datetime
    ) -> list[Candidate]:
        """A candidate for each person of that time. Raises CaseNotFound, AdjustmentNotFound."""
        case = case_of(lines_until(lines, at))
        found = case.adjustments.get(adjustment)
        return [
            self._candidate(case, found, duty, person, at) for person in self.people.everybody(at)
        ]

    def _candidate(
        self, case: ExceptionCase, adjustment: Adjustment, duty: Duty, person: Person, at: datetime
    ) -> Candidate:
        grants = () if person.has_left else person.at(at)
        roles = sorted(
            authority_of(grants).roles_over(
                PERMISSION_BY_DUTY[duty], case.queue, case.region, case.id
            )
        )
        blocking = self._blocking_rules(case, adjustment, duty, person, roles)
        return Candidate(person.name, roles, not blocking, blocking)

    def _blocking_rules(
        self,
        case: ExceptionCase,
        adjustment: Adjustment,
        duty: Duty,
        person: Person,
        roles: Sequence[Role],
    ) -> list[BlockingRule]:
        names = sorted(person.known_as)
        found = []
        if not roles:
            reason = "has left" if person.has_left else "has no grant that reaches the case"
            found.append(
                BlockingRule("permission", f"{person.name} {reason} ({PERMISSION_BY_DUTY[duty]})")
            )
        if duty is Duty.APPROVE:
            approver = decisions.ActingPerson(person.name, tuple(names), tuple(roles))
            matrix = self.matrix(adjustment.requirement.policy_digest)
            refusals: Iterable[Refusal] = decisions.find_refusals(
                case, adjustment, approver, matrix
            )
        else:
            refused = find_duty_conflict(case.duties, names, duty)
            refusals = () if refused is None else (refused,)
        return [*found, *map(BlockingRule.by, refusals)]
