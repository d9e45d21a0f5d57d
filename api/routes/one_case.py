"""One case: as it stands, as it stood, and what changed in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.http.concurrency import get
from api.http.errors import MalformedParameter
from api.http.query import etag, only_known
from api.http.service import Service
from api.http.times import must_have_zone
from api.routes.cases import Asking, CaseView, view_of
from application.cases.history import Change, Point, case_of, changes, lines_until, until_both
from application.policy.reperformance import Redone, Reperformance
from domain.cases.events import Enriched
from domain.permissions import Permission
from domain.recorded import Recorded

PAST = "Casetrail-Past"
AsOf = Annotated[
    datetime | None,
    QueryParameter(description="By what had happened until then: an RFC 3339 time."),
]
KnownAt = Annotated[
    datetime | None,
    QueryParameter(description="By what was recorded until then: an RFC 3339 time."),
]


class ComparedPoint(Struct, frozen=True):
    """A version of a case, and when it was recorded."""

    version: int
    recorded_at: datetime


class CaseDiff(Struct, frozen=True):
    """All that differs between two points of a case, and of the packet that its trail had then."""

    id: UUID
    before: ComparedPoint
    after: ComparedPoint
    case: Sequence[Change]
    packet: Sequence[Change]


class CaseReperformance(Struct, frozen=True):
    id: UUID
    decisions: Sequence[Redone]


@get(
    "/cases/{case_id:uuid}", needs=Permission.READ_CASES, summary="One case, as it stands or stood"
)
def get_case(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    version: Annotated[
        int | None, QueryParameter(description="As it stood after this line of its trail.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        QueryParameter(description="As it was recorded until then: an RFC 3339 time."),
    ] = None,
    known_at: KnownAt = None,
) -> Response[CaseView]:
    """Read from the case's own stream: never behind. Its ETag goes into If-Match; what is past has
    none, and says in `Casetrail-Past` which version of how many it is. What is done to a case happens
    when it is recorded: with `as_of` and `known_at` it is as it was at the earlier of the two; the
    facts behind it (`/packet`) have both limits."""
    only_known(request, "version", "as_of", "known_at")
    past_of(as_of, known_at)
    authority = request.user.authority
    if version is None and as_of is None and known_at is None:
        case = service.desks.cases.case(case_id, authority)
        return Response(view_of(case), headers={"ETag": etag(case.version)})
    lines = service.desks.cases.trail(case_id, authority)
    if version is None:
        then = case_of(until_both(lines, as_of, known_at))
    elif as_of is None and known_at is None:
        then = case_of(lines_until(lines, version))
    else:
        raise MalformedParameter("say version, or one or both of as_of, known_at")
    told = f"version={then.version}, of={len(lines)}"
    return Response(view_of(then), headers={PAST: told})


@get(
    "/cases/{case_id:uuid}/diff",
    needs=Permission.READ_CASES,
    summary="What changed in a case between two points",
)
def get_diff(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    since: Annotated[
        str,
        QueryParameter(
            name="from", max_length=40, description="A version of the case, or an RFC 3339 time."
        ),
    ],
    until: Annotated[
        str | None,
        QueryParameter(name="to", max_length=40, description="The same; left out: as it stands."),
    ] = None,
) -> CaseDiff:
    """In words and as values, place by place. Whatever differs is told, in whichever direction the
    two points stand."""
    only_known(request, "from", "to")
    lines = service.desks.cases.trail(case_id, request.user.authority)
    after: Point = point_of("to", until) if until is not None else len(lines)
    return diff_of(lines_until(lines, point_of("from", since)), lines_until(lines, after))


def diff_of(before: Sequence[Recorded], after: Sequence[Recorded]) -> CaseDiff:
    """Of the case after these lines, and after those."""
    return CaseDiff(
        id=before[0].stream,
        before=ComparedPoint(len(before), before[-1].recorded_at),
        after=ComparedPoint(len(after), after[-1].recorded_at),
        case=[*changes(_view(before), _view(after))],
        packet=[*changes(_packet(before), _packet(after))],
    )


@get(
    "/cases/{case_id:uuid}/reperformance",
    needs=Permission.READ_CASES,
    summary="Every decision of policy on a case, made again",
)
def reperform_case(
    request: Asking, case_id: FromPath[UUID], service: NamedDependency[Service]
) -> CaseReperformance:
    """On what was known at its position, under the policy that it cites: `differs` is empty where it
    came out as it was recorded."""
    service.desks.cases.trail(case_id, request.user.authority)
    desk = Reperformance(service.desks.log, service.desks.policy.cited)
    return CaseReperformance(case_id, desk.of_case(case_id))


def past_of(
    as_of: datetime | None, known_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """The two times as they were sent. Raises MalformedParameter."""
    for name, moment in (("as_of", as_of), ("known_at", known_at)):
        if moment is not None:
            must_have_zone(name, moment)
    return as_of, known_at


def point_of(name: str, told: str) -> Point:
    """A version or a time as it was written. Raises MalformedParameter."""
    if told.isascii() and told.isdigit() and len(told) < 10:
        return int(told)
    try:
        moment = msgspec.convert(told, datetime)
    except msgspec.ValidationError:
        raise MalformedParameter(
            f"{name}={told} is neither a version nor a time such as 2026-11-21T12:00:00Z"
        ) from None
    must_have_zone(name, moment)
    return moment


def _view(lines: Sequence[Recorded]) -> object:
    return _as_sent(view_of(case_of(lines)))


def _packet(lines: Sequence[Recorded]) -> object:
    told = (line.event for line in reversed(lines) if isinstance(line.event, Enriched))
    enriched = next(told, None)
    return _as_sent(enriched.packet if enriched is not None else ())


def _as_sent(told: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(told))
