"""Potential conflicts: grants that would allow a person two duties in one case, without the case's rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.audit.persons import Persons
from application.cases.trail import describe_actor
from domain.adjustments.kinds import Duty
from domain.authority import permissions_of_grant, scope_of
from domain.people import Role
from domain.permissions import Permission
from domain.person import Grant, Person
from domain.principals import DelegationEnded, DelegationGranted
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

DUTY_BY_PERMISSION: Final[Mapping[Permission, Duty]] = {
    Permission.PROPOSE_ADJUSTMENTS: Duty.REVIEW,
    Permission.WORK_CASES: Duty.REVIEW,
    Permission.APPROVE_ADJUSTMENTS: Duty.APPROVE,
    Permission.EXECUTE_ADJUSTMENTS: Duty.EXECUTE,
    Permission.RECONCILE_ADJUSTMENTS: Duty.RECONCILE,
}


class ConflictingGrant(Struct, frozen=True, kw_only=True):
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
    """The person whose grant it is, if this person is a delegate."""


class PotentialConflict(Struct, frozen=True, kw_only=True):
    """Grants that would allow a person two duties in one case; in each case, the rules allow only one."""

    person: str
    known_as: Sequence[str]
    duties: tuple[Duty, Duty]
    by_one_role: Sequence[Role]
    """Roles that give both duties by themselves."""
    grants: Sequence[ConflictingGrant]


class Delegations:
    """Collects who may act for whom at a time."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._until: dict[tuple[str, str], datetime] = {}

    def take(self, line: RecordedEvent) -> None:
        match line.event:
            case DelegationGranted(person=person, delegate=delegate, until=until):
                if line.recorded_at <= self._at:
                    self._until[person, delegate] = until
            case DelegationEnded(person=person, delegate=delegate):
                if line.recorded_at <= self._at:
                    self._until.pop((person, delegate), None)

    def active_by_delegate(self) -> dict[str, list[str]]:
        """The persons that each delegate may act for."""
        found: dict[str, list[str]] = {}
        for (person, delegate), until in sorted(self._until.items()):
            if self._at < until:
                found.setdefault(delegate, []).append(person)
        return found


def find_potential_conflicts(
    persons: Persons, acting_for: Mapping[str, Sequence[str]], at: datetime
) -> Iterator[PotentialConflict]:
    by_name = {person.name: person for person in persons.people}
    for names in persons.name_groups():
        present = [person for person in names if not person.has_left]
        granted: list[_GrantedDuty] = [
            (duty, None) for person in present for duty in _granted_duties(person, at)
        ]
        for person in present:
            for other in acting_for.get(person.name, ()):
                if other in by_name and not by_name[other].has_left:
                    granted += [(duty, other) for duty in _granted_duties(by_name[other], at)]
        for duties in combinations(Duty, 2):
            pairs = [
                (one, other)
                for one in granted
                for other in granted
                if (one[0][0], other[0][0]) == duties and _can_overlap(one, other)
            ]
            if pairs:
                yield PotentialConflict(
                    person=names[0].name,
                    known_as=sorted(names[0].known_as),
                    duties=duties,
                    by_one_role=sorted({a[2].role for (a, _), (b, _) in pairs if a[2] is b[2]}),
                    grants=[*_merge_grants(part for pair in pairs for part in pair)],
                )


_GrantedDuty = tuple[tuple[Duty, str, Grant], str | None]
"""A duty, the person and grant that give it, and the person that a delegate acts for, if any."""


def _granted_duties(person: Person, at: datetime) -> list[tuple[Duty, str, Grant]]:
    found = []
    for grant in person.at(at):
        duties = {
            DUTY_BY_PERMISSION[permission]
            for permission in permissions_of_grant(grant)
            if permission in DUTY_BY_PERMISSION
        }
        found += [(duty, person.name, grant) for duty in Duty if duty in duties]
    return found


def _can_overlap(one: _GrantedDuty, other: _GrantedDuty) -> bool:
    """Whether both can apply to one case, and are not both of the same other person, who has a row anyway."""
    if one[1] is not None and one[1] == other[1]:
        return False
    return scope_of(one[0][2]).within(scope_of(other[0][2])) is not None


def _merge_grants(parts: Iterable[_GrantedDuty]) -> Iterator[ConflictingGrant]:
    """Each grant once, with those of the two duties that it gives."""
    found: dict[tuple[str, str, str | None], tuple[Grant, set[Duty]]] = {}
    for (duty, person, grant), delegated_by in parts:
        found.setdefault((person, grant.grant, delegated_by), (grant, set()))[1].add(duty)
    for (person, _, delegated_by), (grant, duties) in found.items():
        yield fill(
            ConflictingGrant,
            grant,
            duties=[duty for duty in Duty if duty in duties],
            person=person,
            granted_by=describe_actor(grant.granted_by),
            delegated_by=delegated_by,
        )
