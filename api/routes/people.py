"""People: their roles and permissions, now and at any time; the access review; who could act."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.http.concurrency import get
from api.http.errors import MalformedParameter
from api.http.query import ListQuery, Page, ReadQuery, Sort
from api.http.service import Service, ServiceDependency
from api.http.times import require_offset
from application.cases.history import case_of, lines_until
from domain.authority import authority_of
from domain.people import Actor, Role
from domain.permissions import Permission
from domain.person import Grant, GrantStatus, Person
from domain.struct_fields import fill

At = Annotated[
    datetime | None, QueryParameter(name="at", description="As recorded by then: an RFC 3339 time.")
]
BY_NAME: Sort = {"name": str}
BY_GRANT: Sort = {"person": str, "number": int}


class GrantView(Struct, frozen=True):
    """A role, its scope and its end; who gave it and why, and who confirmed it. `lives` says whether it is active."""

    grant: str
    role: Role
    queues: Sequence[str]
    """Empty: all queues; the same for regions."""
    regions: Sequence[str]
    case: UUID | None
    granted_at: datetime
    granted_by: str
    reason: str | None
    until: datetime | None
    under: str | None
    """The break-glass that created it."""
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_for: str | None
    """Also why it was rejected or withdrawn."""
    lives: bool
    status: GrantStatus
    confirmed_at: datetime | None
    confirmed_by: str | None
    """The second person who gave it; None if it takes one, or if nobody has confirmed it."""
    void_for: str | None
    """Why it gives nothing: two of its people turned out to be one, or the grant of one of them to be void."""
    unconfirmed_for: str | None
    """Why its confirmation does not count: the grant of who confirmed it turned out to be void."""


class PersonView(Struct, frozen=True):
    """A person with all names: every grant, and the permissions as of `as_of`."""

    name: str
    version: int
    as_of: datetime
    known_as: Sequence[str]
    added_at: datetime | None
    left_at: datetime | None
    left_for: str | None
    skills: Sequence[str]
    roles: Sequence[Role]
    permissions: Sequence[Permission]
    """In any scope; `grants` list the scopes."""
    grants: Sequence[GrantView]
    reviews_due: Sequence[UUID]
    """Break-glasses that the person took part in and that await review."""


class ReviewLine(Struct, frozen=True):
    """One grant of one person, for review."""

    person: str
    known_as: Sequence[str]
    left_at: datetime | None
    number: int
    grant: GrantView


class EligibleView(Struct, frozen=True):
    """A person who has the permission, and every grant that gives it."""

    person: str
    known_as: Sequence[str]
    grants: Sequence[GrantView]


class EligibleList(Struct, frozen=True):
    """Everyone who has the permission there, as of `as_of`."""

    permission: Permission
    queue: str
    region: str | None
    case: UUID | None
    as_of: datetime
    items: Sequence[EligibleView]


def grant_view(grant: Grant, status: GrantStatus) -> GrantView:
    return fill(
        GrantView,
        grant,
        granted_by=_by(grant.granted_by),
        revoked_by=_by(grant.revoked_by),
        confirmed_by=_by(grant.confirmed_by),
        status=status,
        lives=status in (GrantStatus.ACTIVE, GrantStatus.UNCONFIRMED),
    )


def _by(actor: Actor | None) -> str | None:
    return (actor.person or actor.principal) if actor is not None else None


def person_view(person: Person, now: datetime) -> PersonView:
    authority = authority_of(person.at(now))
    return fill(
        PersonView,
        person,
        as_of=now,
        known_as=sorted(person.known_as),
        roles=authority.roles,
        permissions=sorted(authority.permissions),
        grants=[grant_view(grant, person.status_of(grant, now)) for grant in person.grants],
        reviews_due=sorted(person.reviews_due),
    )


def review_lines(people: Sequence[Person], now: datetime) -> list[ReviewLine]:
    """A line for every grant that existed then; none for a person without grants."""
    return [
        ReviewLine(
            person=person.name,
            known_as=sorted(person.known_as),
            left_at=person.left_at,
            number=number,
            grant=grant_view(grant, person.status_of(grant, now)),
        )
        for person in people
        for number, grant in enumerate(person.grants, start=1)
    ]


@get("/people", needs=Permission.READ_PEOPLE, summary="List people")
def list_people(
    listing: ListQuery, service: ServiceDependency, moment: At = None
) -> Response[Page[PersonView]]:
    """By name, each with all grants and the permissions that they give."""
    people, now = _everybody(listing, service, moment)

    def rows(after: list[str] | None, limit: int) -> list[PersonView]:
        rest = [person for person in people if after is None or person.name > after[0]]
        return [person_view(person, now) for person in rest[:limit]]

    return listing.page(BY_NAME, rows)


@get("/people/{name:str}", needs=Permission.READ_PEOPLE, summary="Get a person")
def get_person(name: FromPath[str], service: ServiceDependency, moment: At = None) -> PersonView:
    """Now, or at a time. Computed from the person's own events: always up to date."""
    if moment is not None:
        require_offset("at", moment)
    return person_view(service.desks.people.person(name, moment), moment or service.desks.clock())


@get("/access-review", needs=Permission.READ_PEOPLE, summary="List all grants for an access review")
def review_access(
    listing: ListQuery, service: ServiceDependency, moment: At = None
) -> Response[Page[ReviewLine]]:
    """Every grant of every person at that time, including those that had ended."""
    people, now = _everybody(listing, service, moment)
    lines = review_lines(people, now)

    def rows(after: list[object] | None, limit: int) -> list[ReviewLine]:
        return [x for x in lines if after is None or [x.person, x.number] > after][:limit]

    return listing.page(BY_GRANT, rows)


@get("/grants", needs=Permission.READ_PEOPLE, summary="List grants by status")
def list_grants(
    listing: ListQuery,
    service: ServiceDependency,
    status: Annotated[
        list[GrantStatus] | None,
        QueryParameter(
            description="`proposed`: those that wait for a second person to confirm them."
        ),
    ] = None,
) -> Response[Page[ReviewLine]]:
    """`unconfirmed` are active, but one person gave them alone: the operator, or a manager before two were needed."""
    people, now = _everybody(listing, service, None)
    lines = [x for x in review_lines(people, now) if status is None or x.grant.status in status]

    def rows(after: list[object] | None, limit: int) -> list[ReviewLine]:
        return [x for x in lines if after is None or [x.person, x.number] > after][:limit]

    return listing.page(BY_GRANT, rows)


@get("/eligible", needs=Permission.READ_PEOPLE, summary="List people with a permission")
def list_eligible(
    read: ReadQuery,
    service: ServiceDependency,
    permission: Annotated[Permission, QueryParameter()],
    queue: Annotated[str | None, QueryParameter()] = None,
    region: Annotated[str | None, QueryParameter()] = None,
    case: Annotated[
        UUID | None, QueryParameter(description="The queue and region of the case at that time.")
    ] = None,
    moment: At = None,
) -> EligibleList:
    """By the grants that were active at that time, in a queue and region, or for a case."""
    if (queue is None) == (case is None):
        raise MalformedParameter("send either queue (and region, if any) or case")
    read.wait_for("people")
    if moment is not None:
        require_offset("at", moment)
    now = moment or service.desks.clock()
    where = queue or ""
    if case is not None:
        lines = service.desks.cases.trail(case, read.authority)
        past = case_of(lines_until(lines, now))
        where, region = past.queue, past.region
    found = service.desks.people.eligible(permission, where, region, now, case)
    return EligibleList(
        permission=permission,
        queue=where,
        region=region,
        case=case,
        as_of=now,
        items=[
            EligibleView(
                person=eligible.person.name,
                known_as=sorted(eligible.person.known_as),
                grants=[grant_view(grant, grant.status(now)) for grant in eligible.grants],
            )
            for eligible in found
        ],
    )


def _everybody(
    read: ReadQuery, service: Service, moment: datetime | None
) -> tuple[list[Person], datetime]:
    if moment is not None:
        require_offset("at", moment)
    read.wait_for("people")
    return service.desks.people.everybody(moment), moment or service.desks.clock()
