"""Giving authority to people and taking it back: decisions that return events. Nobody gives any to
themselves, under whatever name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from domain.access_errors import (
    AnotherPersonNeeded,
    GrantNotFound,
    GrantOver,
    PersonGone,
    PersonPresent,
)
from domain.errors import Fault, Invalid
from domain.people import (
    Grant,
    GrantRevoked,
    Person,
    PersonGranted,
    PersonLeft,
    PersonName,
    PersonReturned,
    Reason,
    Role,
    SameAs,
    SkillsSet,
)
from domain.policy.parts import Name
from domain.regions import Region


class AddPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody new. Each of the roles is a grant without scope and without end."""

    name: PersonName
    roles: Annotated[tuple[Role, ...], Meta(max_length=20)] = ()
    skills: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()


class GiveRole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role: for some queues and regions, or all; until a time, or for good."""

    role: Role
    queues: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    regions: Annotated[tuple[Region, ...], Meta(max_length=100)] = ()
    until: datetime | None = None
    reason: Reason


class ChangeStanding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A grant is taken back, or the person leaves or comes back."""

    reason: Reason


class SetSkills(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    skills: Annotated[tuple[Name, ...], Meta(max_length=100)]


class NameOther(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name of the same human."""

    other: PersonName
    reason: Reason


def give(
    person: Person, ask: GiveRole, by: Collection[str], queues: Collection[str], now: datetime
) -> PersonGranted:
    """`by` are all names of whoever gives it; nobody's, where it is done beside the database."""
    _must_be_another(person, by, "gives a role to")
    _must_be_here(person)
    faults = [*_faults(ask, queues, now)]
    if faults:
        raise Invalid(faults, "the grant")
    return PersonGranted(
        grant=person.next_grant,
        role=ask.role,
        queues=tuple(dict.fromkeys(ask.queues)),
        regions=tuple(dict.fromkeys(ask.regions)),
        until=ask.until,
        reason=ask.reason,
    )


def _faults(ask: GiveRole, queues: Collection[str], now: datetime) -> Iterator[Fault]:
    for n, queue in enumerate(ask.queues):
        if queue not in queues:
            known = ", ".join(sorted(queues))
            yield Fault(f"/queues/{n}", f"no queue {queue}; known are: {known}")
    if ask.until is not None and ask.until.tzinfo is None:
        yield Fault("/until", "it has no offset; write it as in 2026-11-21T12:00:00Z")
    elif ask.until is not None and ask.until <= now:
        yield Fault("/until", "it is past")


def revoke(person: Person, grant: str, reason: Reason, now: datetime) -> GrantRevoked:
    living(person, grant, now)
    return GrantRevoked(grant=grant, reason=reason)


def living(person: Person, grant: str, now: datetime) -> Grant:
    """Raises GrantNotFound, GrantOver."""
    found = person.grant(grant)
    if found is None:
        raise GrantNotFound(f"{person.name} has no grant {grant}")
    if not found.lives(now):
        raise GrantOver(f"grant {grant} of {person.name} is over")
    return found


def leave(person: Person, reason: Reason) -> PersonLeft:
    _must_be_here(person)
    return PersonLeft(reason=reason)


def come_back(person: Person, reason: Reason, by: Collection[str]) -> PersonReturned:
    """The grants that have not ended are good again: given once more, and so not by oneself."""
    _must_be_another(person, by, "lets")
    if not person.has_left:
        raise PersonPresent(f"{person.name} has not left")
    return PersonReturned(reason=reason)


def set_skills(person: Person, ask: SetSkills) -> SkillsSet:
    _must_be_here(person)
    return SkillsSet(skills=tuple(dict.fromkeys(ask.skills)))


def same(
    some: Collection[Person], others: Collection[Person], reason: Reason
) -> list[tuple[Person, list[SameAs]]]:
    """Two humans that are one: each of all their names learns of each that it did not know."""
    everyone = {person.name: person for person in (*some, *others)}
    return [
        (
            person,
            [
                SameAs(other=other, reason=reason)
                for other in sorted(everyone.keys() - person.known_as)
            ],
        )
        for _, person in sorted(everyone.items())
    ]


def _must_be_another(person: Person, by: Collection[str], does: str) -> None:
    own = person.known_as & {*by}
    if own:
        raise AnotherPersonNeeded(
            f"{', '.join(sorted(own))} {does} {person.name}: that is one human"
        )


def _must_be_here(person: Person) -> None:
    if person.has_left:
        raise PersonGone(f"{person.name} has left")
