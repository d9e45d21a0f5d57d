"""Which people could have done something at a time, from their records up to that time."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.authority import authority_of
from domain.permissions import Permission
from domain.person import Grant, Person


class EligiblePerson(Struct, frozen=True):
    """A person who could have done it, and the grants that allow it."""

    person: Person
    grants: Sequence[Grant]


def find_eligible(
    people: Iterable[Person],
    permission: Permission,
    queue: str,
    region: str | None,
    at: datetime,
    case: UUID | None = None,
) -> list[EligiblePerson]:
    """The people with a grant that is active at that time and gives the permission there."""
    found = []
    for person in people:
        grants = [
            grant
            for grant in person.at(at)
            if authority_of([grant]).covers(permission, queue, region, case)
        ]
        if grants:
            found.append(EligiblePerson(person, grants))
    return found
