"""What somebody's grants would allow: two duties of one case, if no rule of the case forbade it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.audit.persons import Humans
from application.cases.trail import who
from domain.adjustments.kinds import Duty
from domain.authority import permissions_by, scope_of
from domain.people import Grant, Person, Role
from domain.permissions import Permission
from domain.principals import DelegationEnded, DelegationGranted
from domain.recorded import Recorded

DUTY_BY: Final[Mapping[Permission, Duty]] = {
    Permission.PROPOSE_ADJUSTMENTS: Duty.REVIEW,
    Permission.WORK_CASES: Duty.REVIEW,
    Permission.APPROVE_ADJUSTMENTS: Duty.APPROVE,
    Permission.EXECUTE_ADJUSTMENTS: Duty.EXECUTE,
    Permission.RECONCILE_ADJUSTMENTS: Duty.RECONCILE,
}


class ByGrant(Struct, frozen=True, kw_only=True):
    """A grant that gives at least one of the two duties."""

    duties: Sequence[Duty]
    person: str
    grant: str
    role: Role
    queues: Sequence[str]
    regions: Sequence[str]
    case: UUID | None
    granted_at: datetime
    granted_by: str
    until: datetime | None
    under: str | None
    delegated_by: str | None
    """Whose grant it is, where somebody may act for another."""


class CouldConflict(Struct, frozen=True, kw_only=True):
    """Somebody's grants would allow two duties in one case; in each case, the rules then allow one."""

    person: str
    known_as: Sequence[str]
    duties: tuple[Duty, Duty]
    by_one_role: Sequence[Role]
    """Roles that give both by themselves."""
    grants: Sequence[ByGrant]


class Delegations:
    """Who may act for whom, as of a time."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._until: dict[tuple[str, str], datetime] = {}

    def take(self, line: Recorded) -> None:
        match line.event:
            case DelegationGranted(person=person, delegate=delegate, until=until):
                if line.recorded_at <= self._at:
                    self._until[person, delegate] = until
            case DelegationEnded(person=person, delegate=delegate):
                if line.recorded_at <= self._at:
                    self._until.pop((person, delegate), None)
            case _:
                pass

    def living(self) -> dict[str, list[str]]:
        """By delegate: for whom."""
        found: dict[str, list[str]] = {}
        for (person, delegate), until in sorted(self._until.items()):
            if self._at < until:
                found.setdefault(delegate, []).append(person)
        return found


def could_conflict(
    humans: Humans, acting_for: Mapping[str, Sequence[str]], at: datetime
) -> Iterator[CouldConflict]:
    by_name = {person.name: person for person in humans.people}
    for names in humans.each():
        here = [person for person in names if not person.has_left]
        given: list[_Given] = [(one, None) for person in here for one in _given(person, at)]
        for person in here:
            for other in acting_for.get(person.name, ()):
                if other in by_name and not by_name[other].has_left:
                    given += [(one, other) for one in _given(by_name[other], at)]
        for duties in combinations(Duty, 2):
            pairs = [
                (one, other)
                for one in given
                for other in given
                if (one[0][0], other[0][0]) == duties and _meet(one, other)
            ]
            if pairs:
                yield CouldConflict(
                    person=names[0].name,
                    known_as=sorted(names[0].known_as),
                    duties=duties,
                    by_one_role=sorted({a[2].role for (a, _), (b, _) in pairs if a[2] is b[2]}),
                    grants=[*_once(part for pair in pairs for part in pair)],
                )


_Given = tuple[tuple[Duty, str, Grant], str | None]
"""A duty, whose grant gives it and by which; and the other for whom somebody acts by it."""


def _given(person: Person, at: datetime) -> list[tuple[Duty, str, Grant]]:
    found = []
    for grant in person.at(at):
        duties = {DUTY_BY[one] for one in permissions_by(grant) if one in DUTY_BY}
        found += [(duty, person.name, grant) for duty in Duty if duty in duties]
    return found


def _meet(one: _Given, other: _Given) -> bool:
    """Both in one case; and not both of somebody else, of whom it is told anyway."""
    if one[1] is not None and one[1] == other[1]:
        return False
    return scope_of(one[0][2]).within(scope_of(other[0][2])) is not None


def _once(parts: Iterable[_Given]) -> Iterator[ByGrant]:
    """Each grant once, with the duties that it gives of those in question."""
    found: dict[tuple[str, str, str | None], tuple[Grant, set[Duty]]] = {}
    for (duty, person, grant), delegated_by in parts:
        found.setdefault((person, grant.grant, delegated_by), (grant, set()))[1].add(duty)
    for (person, _, delegated_by), (grant, duties) in found.items():
        yield _by_grant(person, grant, [duty for duty in Duty if duty in duties], delegated_by)


def _by_grant(
    person: str, grant: Grant, duties: Sequence[Duty], delegated_by: str | None
) -> ByGrant:
    return ByGrant(
        duties=duties,
        person=person,
        grant=grant.grant,
        role=grant.role,
        queues=grant.queues,
        regions=grant.regions,
        case=grant.case,
        granted_at=grant.granted_at,
        granted_by=who(grant.granted_by),
        until=grant.until,
        under=grant.under,
        delegated_by=delegated_by,
    )
