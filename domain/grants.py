"""Decisions that give authority to people and take it back; they return events.

Nobody can give authority to themselves, under any of their names.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from domain import access_errors as errors
from domain import people
from domain.errors import Fault, Invalid
from domain.fault_texts import no_such
from domain.people import Grant, Person, PersonName, Reason, Role
from domain.policy.document_types import Name
from domain.regions import Region


class AddPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new person. Each role is a grant without scope and without end."""

    name: PersonName
    roles: Annotated[tuple[Role, ...], Meta(max_length=20)] = ()
    skills: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()


class GrantRole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role for some queues and regions, or all, until a time or without end."""

    role: Role
    queues: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    regions: Annotated[tuple[Region, ...], Meta(max_length=100)] = ()
    until: datetime | None = None
    reason: Reason


class ChangePersonStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reason to revoke a grant, or to record that a person leaves or returns."""

    reason: Reason


class SetSkills(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    skills: Annotated[tuple[Name, ...], Meta(max_length=100)]


class LinkPersonName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name of the same person."""

    other: PersonName
    reason: Reason


def grant_role(
    person: Person, request: GrantRole, by: Collection[str], queues: Collection[str], now: datetime
) -> people.PersonGranted:
    """The event of a new grant. `by` are all names of the giver; empty for the command line.

    Raises AnotherPersonNeeded, PersonGone, Invalid.
    """
    _require_different_person(person, by, "gives a role to")
    _require_present(person)
    faults = [*_grant_faults(request, queues, now)]
    if faults:
        raise Invalid(faults, "the grant")
    return people.PersonGranted(
        grant=person.next_grant,
        role=request.role,
        queues=tuple(dict.fromkeys(request.queues)),
        regions=tuple(dict.fromkeys(request.regions)),
        until=request.until,
        reason=request.reason,
    )


def _grant_faults(request: GrantRole, queues: Collection[str], now: datetime) -> Iterator[Fault]:
    for n, queue in enumerate(request.queues):
        if queue not in queues:
            yield Fault(f"/queues/{n}", no_such("queue", queue, queues))
    if request.until is not None and request.until.tzinfo is None:
        yield Fault("/until", "the time has no offset; write it as in 2026-11-21T12:00:00Z")
    elif request.until is not None and request.until <= now:
        yield Fault("/until", f"{request.until.isoformat()} is in the past")


def revoke_grant(person: Person, grant: str, reason: Reason, now: datetime) -> people.GrantRevoked:
    require_active_grant(person, grant, now)
    return people.GrantRevoked(grant=grant, reason=reason)


def require_active_grant(person: Person, grant: str, now: datetime) -> Grant:
    """Raises GrantNotFound, GrantOver."""
    found = person.grant(grant)
    if found is None:
        known = ", ".join(one.grant for one in person.grants) or "none"
        raise errors.GrantNotFound(f"{person.name} has no grant {grant}; known are: {known}")
    if not found.lives(now):
        raise errors.GrantOver(f"grant {grant} of {person.name} has ended")
    return found


def record_departure(person: Person, reason: Reason) -> people.PersonLeft:
    _require_present(person)
    return people.PersonLeft(reason=reason)


def record_return(person: Person, reason: Reason, by: Collection[str]) -> people.PersonReturned:
    """The event of a return, which makes the unended grants active again.

    It gives authority, so nobody can do it for themselves. Raises AnotherPersonNeeded, PersonPresent.
    """
    _require_different_person(person, by, "records the return of")
    if not person.has_left:
        raise errors.PersonPresent(f"{person.name} has not left")
    return people.PersonReturned(reason=reason)


def set_skills(person: Person, request: SetSkills) -> people.SkillsSet:
    _require_present(person)
    return people.SkillsSet(skills=tuple(dict.fromkeys(request.skills)))


def link_person_names(
    some: Collection[Person], others: Collection[Person], reason: Reason
) -> list[tuple[Person, list[people.SameAs]]]:
    """The events that make two accounts one person: each name records every name new to it."""
    everyone = {person.name: person for person in (*some, *others)}
    return [
        (
            person,
            [
                people.SameAs(other=other, reason=reason)
                for other in sorted(everyone.keys() - person.known_as)
            ],
        )
        for _, person in sorted(everyone.items())
    ]


def _require_different_person(person: Person, by: Collection[str], does: str) -> None:
    own = person.known_as & {*by}
    if own:
        names = ", ".join(sorted(own))
        raise errors.AnotherPersonNeeded(
            f"{names} {does} {person.name}, and they are the same person"
        )


def _require_present(person: Person) -> None:
    if person.has_left:
        raise errors.PersonGone(f"{person.name} has left")
