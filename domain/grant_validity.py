"""Whether the people behind a grant could give it: by the names that are known now, and by what their own grants
were worth at that moment.

A grant rests on the act of each person who was needed for it. Such an act does not count if that person could do
it only by a grant that is itself void. A grant that merely ended later (revoked, expired, its person left) was
valid while it lasted, and so is what was done with it.
"""

from collections.abc import Callable
from datetime import datetime
from itertools import combinations
from typing import Protocol

from msgspec import structs

from domain.authority import Authority, authority_of
from domain.people import Actor
from domain.permissions import Permission
from domain.person import Grant, Person

Allows = Callable[[Authority], bool]


class PeopleOfTheLog(Protocol):
    """What the log says of people."""

    def names_of(self, name: str) -> frozenset[str]:
        """All names of this person, as they are known now."""

    def before(self, name: str, position: int) -> Person | None:
        """The person by what the log has before a position, but with all names that are known now. No grant is
        marked as void."""


def mark_void_grants(person: Person, known: PeopleOfTheLog) -> Person:
    """The person, with each grant marked that is void, and each confirmation that does not count."""
    grants = tuple(
        structs.replace(
            grant,
            void_for=why_void(person, grant, known),
            unconfirmed_for=_why_unconfirmed(grant, known),
        )
        for grant in person.grants
    )
    return person if grants == person.grants else structs.replace(person, grants=grants)


def why_void(person: Person, grant: Grant, known: PeopleOfTheLog) -> str | None:
    """Why the grant gives nothing; None if it is valid.

    It asks only for grants at earlier positions, so it ends.
    """
    if (
        grant.under is not None
    ):  # each case where it was used checks that these are different people
        return _why_void_glass(person, grant, known)
    giver = frozenset().union(*map(known.names_of, grant.granted_by.persons))
    confirmer = frozenset(grant.confirmed_by.persons if grant.confirmed_by is not None else ())
    parts = (("receiver", person.known_as), ("giver", giver), ("confirmer", confirmer))
    for (one, names), (other, others) in combinations(parts, 2):
        if names & others:
            return f"its {one} and its {other} are the same person"
    if not grant.is_controlled:
        return None  # one person is enough for it, and no control rests on it
    if why := _why_powerless(grant.granted_by, grant.position, grant.granted_at, known):
        return f"{why} gave it"
    if grant.was_proposed and (why := _why_confirmed_in_vain(grant, known)):
        return why
    return None


def acted_by_a_void_grant(
    name: str, allows: Allows, position: int, at: datetime, known: PeopleOfTheLog
) -> bool:
    """Whether the person could act before this position, at this time, but not without grants that are void."""
    past = known.before(name, position)
    if past is None:
        return False
    grants = past.at(at)
    if not allows(authority_of(grants)):
        return False
    return not allows(authority_of(one for one in grants if why_void(past, one, known) is None))


def _why_unconfirmed(grant: Grant, known: PeopleOfTheLog) -> str | None:
    """Why the confirmation of a grant that was active before it does not count."""
    return None if grant.was_proposed else _why_confirmed_in_vain(grant, known)


def _why_confirmed_in_vain(grant: Grant, known: PeopleOfTheLog) -> str | None:
    if grant.confirmed_by is None or grant.confirmed_at is None:
        return None
    why = _why_powerless(grant.confirmed_by, grant.confirmed_position, grant.confirmed_at, known)
    return f"{why} confirmed it" if why else None


def manages_people(authority: Authority) -> bool:
    return Permission.MANAGE_PEOPLE in authority.everywhere


def _why_powerless(actor: Actor, position: int, at: datetime, known: PeopleOfTheLog) -> str | None:
    """A delegate acts with the permissions of the person; the operator needs none."""
    if actor.person is None or not acted_by_a_void_grant(
        actor.person, manages_people, position, at, known
    ):
        return None
    return f"{actor.person}, whose own grant to manage people is void,"


def _why_void_glass(person: Person, grant: Grant, known: PeopleOfTheLog) -> str | None:
    def may_use(authority: Authority) -> bool:
        return authority.may(Permission.USE_BREAK_GLASS)

    for name, part in ((person.name, "asked for"), (grant.granted_by.person, "opened")):
        if name is not None and acted_by_a_void_grant(
            name, may_use, grant.position, grant.granted_at, known
        ):
            return f"{name}, whose own grant to use a break-glass is void, {part} it"
    return None
