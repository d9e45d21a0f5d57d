"""Decisions that give authority to people and take it back; they return events.

Nobody can give authority to themselves, under any of their names. A controlled role takes two people, neither of
them the receiver: one proposes, the other confirms. The operator of the command line gives at once.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from domain import access_errors as errors
from domain import people
from domain.errors import Fault, Invalid
from domain.fault_texts import no_such
from domain.moments import CommandRequest, Moment
from domain.people import PersonName, Reason, Role
from domain.permissions import is_controlled
from domain.person import Grant, GrantStatus, Person
from domain.policy.document_types import Name
from domain.regions import Region


class AddPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new person. Each role is a grant without scope and without end; one that takes two people is proposed."""

    name: PersonName
    roles: Annotated[tuple[Role, ...], Meta(max_length=20)] = ()
    skills: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()


class GrantRole(CommandRequest, frozen=True, kw_only=True):
    """A role for some queues and regions, or all, until a time or without end."""

    role: Role
    queues: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    regions: Annotated[tuple[Region, ...], Meta(max_length=100)] = ()
    until: Moment | None = None
    reason: Reason


class ChangePersonStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reason to revoke, reject or withdraw a grant, or to record that a person leaves or returns."""

    reason: Reason


class SetSkills(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    skills: Annotated[tuple[Name, ...], Meta(max_length=100)]


class LinkPersonName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name of the same person."""

    other: PersonName
    reason: Reason


def grant_role(
    person: Person, request: GrantRole, by: Collection[str], queues: Collection[str], now: datetime
) -> people.PersonGranted | people.GrantProposed:
    """The event of a new grant, or of its proposal. `by` are all names of the giver; empty for the operator.

    Raises AnotherPersonNeeded, PersonGone, Invalid.
    """
    _require_different_person(person, by, "gives a role to")
    _require_present(person)
    faults = [*_grant_faults(request, queues, now)]
    if faults:
        raise Invalid(faults, "the grant")
    kind = people.GrantProposed if by and is_controlled(request.role) else people.PersonGranted
    return kind(
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
    if request.until is not None and request.until <= now:
        yield Fault("/until", f"{request.until.isoformat()} is in the past")


def add_person(request: AddPerson, by: Collection[str]) -> list[people.PersonRecordEvent]:
    """The events of a new person. `by` are all names of the giver; empty for the operator."""
    controlled = [role for role in request.roles if by and is_controlled(role)]
    at_once = tuple(role for role in request.roles if role not in controlled)
    added = people.PersonAdded(name=request.name, roles=at_once, skills=request.skills)
    proposed = [
        people.GrantProposed(grant=f"g{n}", role=role, reason="For the person who was added.")
        for n, role in enumerate(controlled, start=len(at_once) + 1)
    ]
    return [added, *proposed]


def confirm_grant(
    person: Person, grant: str, by: Collection[str], givers: Collection[str], now: datetime
) -> people.GrantConfirmed:
    """The event of a confirmation. `by` are all names of the confirmer, `givers` all those of the giver.

    Raises AnotherPersonNeeded, PersonGone, GrantNotFound, GrantNotWaiting.
    """
    if not by:
        raise errors.AnotherPersonNeeded(
            "a person confirms a grant; the command line acts for nobody"
        )
    found = _require_waiting(
        person, grant, (GrantStatus.PROPOSED, GrantStatus.UNCONFIRMED), now, "confirmed"
    )
    _require_different_person(person, by, "confirms a grant of")
    if own := {*givers} & {*by}:
        names = ", ".join(sorted(own))
        raise errors.AnotherPersonNeeded(
            f"{names} gave {grant} to {person.name}: another person confirms it"
        )
    return people.GrantConfirmed(grant=found.grant)


def reject_grant(
    person: Person,
    grant: str,
    reason: Reason,
    by: Collection[str],
    givers: Collection[str],
    now: datetime,
) -> people.GrantRejected:
    """Raises AnotherPersonNeeded if the caller proposed it, PersonGone, GrantNotFound, GrantNotWaiting."""
    found = _require_waiting(person, grant, (GrantStatus.PROPOSED,), now, "rejected")
    if {*givers} & {*by}:
        who = ", ".join(found.granted_by.persons)
        raise errors.AnotherPersonNeeded(
            f"{who} proposed {grant} of {person.name}: withdraw it instead"
        )
    return people.GrantRejected(grant=grant, reason=reason)


def withdraw_grant(
    person: Person,
    grant: str,
    reason: Reason,
    by: Collection[str],
    givers: Collection[str],
    now: datetime,
) -> people.GrantWithdrawn:
    """Raises AnotherPersonNeeded unless the caller proposed it, PersonGone, GrantNotFound, GrantNotWaiting."""
    found = _require_waiting(person, grant, (GrantStatus.PROPOSED,), now, "withdrawn")
    if not {*givers} & {*by}:
        who = ", ".join(found.granted_by.persons)
        raise errors.AnotherPersonNeeded(
            f"{who} proposed {grant} of {person.name}: reject it instead"
        )
    return people.GrantWithdrawn(grant=grant, reason=reason)


def _require_waiting(
    person: Person, grant: str, states: Collection[GrantStatus], now: datetime, what: str
) -> Grant:
    found = _require_grant(person, grant)
    _require_present(person)
    status = found.status(now)
    if status not in states:
        why = f" ({found.void_for})" if found.void_for is not None else ""
        raise errors.GrantNotWaiting(
            f"grant {grant} of {person.name} is {status}{why} and cannot be {what}", state=status
        )
    return found


def revoke_grant(person: Person, grant: str, reason: Reason, now: datetime) -> people.GrantRevoked:
    require_active_grant(person, grant, now)
    return people.GrantRevoked(grant=grant, reason=reason)


def require_active_grant(person: Person, grant: str, now: datetime) -> Grant:
    """Raises GrantNotFound, GrantOver."""
    found = _require_grant(person, grant)
    if not found.lives(now):
        status = found.status(now)
        how = "has ended" if status is GrantStatus.ENDED else f"is not active: it is {status}"
        raise errors.GrantOver(f"grant {grant} of {person.name} {how}")
    return found


def _require_grant(person: Person, grant: str) -> Grant:
    found = person.grant(grant)
    if found is None:
        known = ", ".join(one.grant for one in person.grants) or "none"
        raise errors.GrantNotFound(f"{person.name} has no grant {grant}; known are: {known}")
    return found


def record_departure(person: Person, reason: Reason) -> people.PersonLeft:
    _require_present(person)
    return people.PersonLeft(reason=reason)


def record_return(
    person: Person, reason: Reason, by: Collection[str], now: datetime
) -> people.PersonReturned:
    """The event of a return, which makes the unended grants active again; those that take two people wait
    for a confirmation. `by` are all names of the caller; empty for the operator.

    It gives authority, so nobody can do it for themselves. Raises AnotherPersonNeeded, PersonPresent.
    """
    _require_different_person(person, by, "records the return of")
    if not person.has_left:
        raise errors.PersonPresent(f"{person.name} has not left")
    again = tuple(g.grant for g in person.grants if g.is_controlled and g.lives(now))
    return people.PersonReturned(reason=reason, gives_again=again)


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
