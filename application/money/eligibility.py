"""Who could have approved, executed or reconciled an adjustment at a time, and who could not and why:
by what was recorded of people, of the case and of the policy until then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.cases.history import case_of, lines_until
from application.people.people_desk import PeopleDesk
from domain.adjustments import decisions
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import Refusal
from domain.adjustments.kinds import Duty
from domain.authority import authority_of
from domain.cases.duties import conflict
from domain.cases.exception_case import ExceptionCase
from domain.people import Person, Role
from domain.permissions import Permission
from domain.policy.approvals import ApprovalMatrix
from domain.recorded import Recorded

NEEDS = {
    Duty.APPROVE: Permission.APPROVE_ADJUSTMENTS,
    Duty.EXECUTE: Permission.EXECUTE_ADJUSTMENTS,
    Duty.RECONCILE: Permission.RECONCILE_ADJUSTMENTS,
}


class Against(Struct, frozen=True):
    """A rule that stands against it, and the act in the case's trail that it follows from."""

    rule: str
    detail: str
    version: int | None = None
    """Of the case's trail."""

    @staticmethod
    def by(refusal: Refusal) -> Against:
        version = refusal.facts.get("version")
        known = version if isinstance(version, int) else None
        return Against(str(refusal.facts["rule"]), refusal.detail, known)


class Candidate(Struct, frozen=True):
    person: str
    roles: Sequence[Role]
    """Those that reached the case with this permission."""
    could: bool
    why_not: Sequence[Against]


class WhoCould(Struct, frozen=True):
    """`matrix` gives the approval matrix of the policy with a digest."""

    people: PeopleDesk
    matrix: Callable[[str], ApprovalMatrix]

    def look(
        self, lines: Sequence[Recorded], adjustment: UUID, duty: Duty, at: datetime
    ) -> list[Candidate]:
        """Everybody who was here then. Raises CaseNotFound, AdjustmentNotFound."""
        case = case_of(lines_until(lines, at))
        one = case.adjustments.get(adjustment)
        return [
            self._candidate(case, one, duty, person, at) for person in self.people.everybody(at)
        ]

    def _candidate(
        self, case: ExceptionCase, one: Adjustment, duty: Duty, person: Person, at: datetime
    ) -> Candidate:
        grants = () if person.has_left else person.at(at)
        roles = sorted(
            authority_of(grants).roles_over(NEEDS[duty], case.queue, case.region, case.id)
        )
        against = self._against(case, one, duty, person, roles)
        return Candidate(person.name, roles, not against, against)

    def _against(
        self,
        case: ExceptionCase,
        one: Adjustment,
        duty: Duty,
        person: Person,
        roles: Sequence[Role],
    ) -> list[Against]:
        names = sorted(person.known_as)
        found = []
        if not roles:
            has_left = "has left" if person.has_left else "has no grant that reaches the case"
            found.append(Against("permission", f"{person.name} {has_left} ({NEEDS[duty]})"))
        if duty is Duty.APPROVE:
            hands = decisions.Hands(person.name, tuple(names), tuple(roles))
            matrix = self.matrix(one.requirement.policy_digest)
            refusals: Iterable[Refusal] = decisions.why_not(case, one, hands, matrix)
        else:
            refused = conflict(case.duties, names, duty)
            refusals = () if refused is None else (refused,)
        return [*found, *map(Against.by, refusals)]
