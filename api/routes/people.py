"""People: who may what, who gave it to them, and who could have done what at any time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.http.authentication import Who
from api.http.concurrency import get
from api.http.errors import MalformedParameter
from api.http.query import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked_for,
    decode_cursor,
    only_known,
    page_of,
    wait_for,
)
from api.http.service import Service
from api.http.times import must_have_zone
from application.cases.history import case_of, lines_until
from domain.authority import authority_of
from domain.people import Actor, Grant, Person, Role
from domain.permissions import Permission

Asking = Request[Who, str, Any]
At = Annotated[
    datetime | None,
    QueryParameter(name="at", description="As it was recorded until then: an RFC 3339 time."),
]
NAMES = (str,)
PLACES = (str, int)


class GrantView(Struct, frozen=True):
    """A role, where and until when; who gave it and why. `lives` says whether it is good."""

    grant: str
    role: Role
    queues: Sequence[str]
    """Without any, all of them."""
    regions: Sequence[str]
    case: UUID | None
    granted_at: datetime
    granted_by: str
    reason: str | None
    until: datetime | None
    under: str | None
    """The break-glass that gave it."""
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_for: str | None
    lives: bool


class PersonView(Struct, frozen=True):
    """A person, under all names: what was ever granted, and what may be done by it as of `as_of`."""

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
    """In any scope at all: `grants` say in which."""
    grants: Sequence[GrantView]
    reviews_due: Sequence[UUID]
    """Break-glasses that the person had a part in, and nobody has reviewed."""


class ReviewLine(Struct, frozen=True):
    """One grant of one person, for somebody to look at."""

    person: str
    known_as: Sequence[str]
    left_at: datetime | None
    number: int
    grant: GrantView


class EligibleView(Struct, frozen=True):
    """Somebody who could have done it, and every grant by which."""

    person: str
    known_as: Sequence[str]
    grants: Sequence[GrantView]


class EligibleList(Struct, frozen=True):
    """Everybody who could have done it there, as of `as_of`."""

    permission: Permission
    queue: str
    region: str | None
    case: UUID | None
    as_of: datetime
    items: Sequence[EligibleView]


def grant_view(grant: Grant, lives: bool) -> GrantView:
    return GrantView(
        grant=grant.grant,
        role=grant.role,
        queues=grant.queues,
        regions=grant.regions,
        case=grant.case,
        granted_at=grant.granted_at,
        granted_by=_by(grant.granted_by),
        reason=grant.reason,
        until=grant.until,
        under=grant.under,
        revoked_at=grant.revoked_at,
        revoked_by=_by(grant.revoked_by) if grant.revoked_by is not None else None,
        revoked_for=grant.revoked_for,
        lives=lives,
    )


def _by(actor: Actor) -> str:
    return actor.person or actor.principal


def person_view(person: Person, now: datetime) -> PersonView:
    living = person.at(now)
    authority = authority_of(living)
    return PersonView(
        name=person.name,
        version=person.version,
        as_of=now,
        known_as=sorted(person.known_as),
        added_at=person.added_at,
        left_at=person.left_at,
        left_for=person.left_for,
        skills=person.skills,
        roles=authority.roles,
        permissions=sorted(authority.permissions),
        grants=[grant_view(grant, grant in living) for grant in person.grants],
        reviews_due=sorted(person.reviews_due),
    )


def review_lines(people: Sequence[Person], now: datetime) -> list[ReviewLine]:
    """Every grant that there was by then, a line each; somebody without any has none."""
    return [
        ReviewLine(
            person=person.name,
            known_as=sorted(person.known_as),
            left_at=person.left_at,
            number=number,
            grant=grant_view(grant, grant in person.at(now)),
        )
        for person in people
        for number, grant in enumerate(person.grants, start=1)
    ]


@get("/people", needs=Permission.READ_PEOPLE, summary="Everybody, by name")
def list_people(
    request: Asking,
    service: NamedDependency[Service],
    moment: At = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[PersonView]]:
    """With what was granted to each, and what of it is good."""
    only_known(request, "at")
    people, now = _everybody(service, moment, min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), NAMES)
    rest = [one for one in people if after is None or one.name > after[0]]
    rows = [person_view(one, now) for one in rest[: limit + 1]]
    return page_of(request, rows, limit, ("name",))


@get("/people/{name:str}", needs=Permission.READ_PEOPLE, summary="One person, now or then")
def get_person(
    name: FromPath[str], service: NamedDependency[Service], moment: At = None
) -> PersonView:
    """Folded from the person's own stream: never behind."""
    if moment is not None:
        must_have_zone("at", moment)
    return person_view(service.desks.people.person(name, moment), moment or service.desks.clock())


@get("/access-review", needs=Permission.READ_PEOPLE, summary="Who may what, why, and by whom")
def review_access(
    request: Asking,
    service: NamedDependency[Service],
    moment: At = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[ReviewLine]]:
    """Every grant of everybody, as of a time: those that ended too, for they were good once."""
    only_known(request, "at")
    people, now = _everybody(service, moment, min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), PLACES)
    lines = review_lines(people, now)
    rest = [x for x in lines if after is None or (x.person, x.number) > (after[0], after[1])]
    return page_of(request, rest[: limit + 1], limit, ("person", "number"))


@get("/eligible", needs=Permission.READ_PEOPLE, summary="Who could have done it")
def list_eligible(
    request: Asking,
    service: NamedDependency[Service],
    permission: Annotated[Permission, QueryParameter()],
    queue: Annotated[str | None, QueryParameter()] = None,
    region: Annotated[str | None, QueryParameter()] = None,
    case: Annotated[
        UUID | None, QueryParameter(description="Where the case was at that time.")
    ] = None,
    moment: At = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> EligibleList:
    """By the grants that were good at that time, in a queue and region, or for a case as it was."""
    only_known(request, "permission", "queue", "region", "case", "at")
    if (queue is None) == (case is None):
        raise MalformedParameter("name either a queue, with a region if you like, or a case")
    desk = service.desks.people
    wait_for(service.positions, "people", min_position, prefer)
    if moment is not None:
        must_have_zone("at", moment)
    now = moment or service.desks.clock()
    where = queue or ""
    if case is not None:
        lines = service.desks.cases.trail(case, request.user.authority)
        stood = case_of(lines_until(lines, now))
        where, region = stood.queue, stood.region
    found = desk.eligible(permission, where, region, now, case)
    return EligibleList(
        permission=permission,
        queue=where,
        region=region,
        case=case,
        as_of=now,
        items=[
            EligibleView(
                person=one.person.name,
                known_as=sorted(one.person.known_as),
                grants=[grant_view(grant, lives=True) for grant in one.grants],
            )
            for one in found
        ],
    )


def _everybody(
    service: Service, moment: datetime | None, min_position: int | None, prefer: str | None
) -> tuple[list[Person], datetime]:
    if moment is not None:
        must_have_zone("at", moment)
    wait_for(service.positions, "people", min_position, prefer)
    return service.desks.people.everybody(moment), moment or service.desks.clock()
