"""One case: now, at a version or time in the past, and the difference between two points."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.errors import MalformedParameter
from api.http.query import etag
from api.http.service import ServiceDependency
from api.http.times import require_offset
from api.routes.cases import CaseView, view_of
from application.cases import history
from application.policy.reperformance import Reperformance, ReperformedDecision
from domain.cases.events import Enriched
from domain.cases.packet import PacketFact
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent

PAST_HEADER = "Casetrail-Past"
AsOf = Annotated[
    datetime | None, QueryParameter(description="What had happened by then: an RFC 3339 time.")
]
KnownAt = Annotated[
    datetime | None, QueryParameter(description="What was recorded by then: an RFC 3339 time.")
]


class ComparedPoint(Struct, frozen=True):
    """A version of a case, and when it was recorded."""

    version: int
    recorded_at: datetime


class CaseDiff(Struct, frozen=True):
    """The differences of a case, and of its packet, between two points."""

    id: UUID
    before: ComparedPoint
    after: ComparedPoint
    case: Sequence[history.Change]
    packet: Sequence[history.Change]


class CaseReperformance(Struct, frozen=True):
    id: UUID
    decisions: Sequence[ReperformedDecision]


@get("/cases/{case_id:uuid}", needs=Permission.READ_CASES, summary="Get a case")
def get_case(
    request: AuthenticatedRequest,
    case_id: FromPath[UUID],
    service: ServiceDependency,
    version: Annotated[
        int | None, QueryParameter(description="The case after this line of its trail.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        QueryParameter(description="The case as recorded by then: an RFC 3339 time."),
    ] = None,
    known_at: KnownAt = None,
) -> Response[CaseView]:
    """Computed from the case's own events: always up to date. Send its ETag as If-Match with a command.

    A past version has no ETag; `Casetrail-Past` says which of how many versions it is. Acts on a case
    happen when they are recorded: with both `as_of` and `known_at`, the earlier one counts. The facts
    behind the case (`/packet`) have both limits.
    """
    require_time_limits(as_of, known_at)
    authority = request.user.authority
    if version is None and as_of is None and known_at is None:
        case = service.desks.cases.case(case_id, authority)
        return Response(view_of(case), headers={"ETag": etag(case.version)})
    lines = service.desks.cases.trail(case_id, authority)
    if version is None:
        past = history.case_of(history.lines_until_both(lines, as_of, known_at))
    elif as_of is None and known_at is None:
        past = history.case_of(history.lines_until(lines, version))
    else:
        raise MalformedParameter("send either version, or as_of and known_at (one or both)")
    header = f"version={past.version}, of={len(lines)}"
    return Response(view_of(past), headers={PAST_HEADER: header})


@get(
    "/cases/{case_id:uuid}/diff",
    needs=Permission.READ_CASES,
    summary="Compare a case at two points",
)
def get_diff(
    request: AuthenticatedRequest,
    case_id: FromPath[UUID],
    service: ServiceDependency,
    since: Annotated[
        str,
        QueryParameter(
            name="from", max_length=40, description="A version of the case, or an RFC 3339 time."
        ),
    ],
    until: Annotated[
        str | None,
        QueryParameter(name="to", max_length=40, description="A version or a time [now]."),
    ] = None,
) -> CaseDiff:
    """Every difference, in words and as values. `from` may be later than `to`."""
    lines = service.desks.cases.trail(case_id, request.user.authority)
    after: history.HistoryPoint = parse_point("to", until) if until is not None else len(lines)
    return case_diff_of(
        history.lines_until(lines, parse_point("from", since)), history.lines_until(lines, after)
    )


def case_diff_of(before: Sequence[RecordedEvent], after: Sequence[RecordedEvent]) -> CaseDiff:
    """The differences of a case between two prefixes of its trail."""
    return CaseDiff(
        id=before[0].stream,
        before=ComparedPoint(len(before), before[-1].recorded_at),
        after=ComparedPoint(len(after), after[-1].recorded_at),
        case=[*history.find_changes(_case_json(before), _case_json(after))],
        packet=[*history.find_packet_changes(_packet_of(before), _packet_of(after))],
    )


@get(
    "/cases/{case_id:uuid}/reperformance",
    needs=Permission.READ_CASES,
    summary="Re-perform the policy decisions of a case",
)
def reperform_case(
    request: AuthenticatedRequest, case_id: FromPath[UUID], service: ServiceDependency
) -> CaseReperformance:
    """Each decision is computed again from what was known at its position, under the policy that it
    cites. `differs` is empty if the result is the recorded one."""
    service.desks.cases.trail(case_id, request.user.authority)
    desk = Reperformance(service.desks.log, service.desks.policy.cited)
    return CaseReperformance(case_id, desk.reperform_case(case_id))


def require_time_limits(
    as_of: datetime | None, known_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """The two times. Raises MalformedParameter for one without an offset."""
    for name, moment in (("as_of", as_of), ("known_at", known_at)):
        if moment is not None:
            require_offset(name, moment)
    return as_of, known_at


def parse_point(name: str, text: str) -> history.HistoryPoint:
    """A version or a time. Raises MalformedParameter."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise MalformedParameter(
            f"{name}={text} is neither a version nor a time such as 2026-11-21T12:00:00Z"
        ) from None
    require_offset(name, moment)
    return moment


def _case_json(lines: Sequence[RecordedEvent]) -> object:
    return _as_json(view_of(history.case_of(lines)))


def _packet_of(lines: Sequence[RecordedEvent]) -> Sequence[PacketFact]:
    found = (line.event for line in reversed(lines) if isinstance(line.event, Enriched))
    enriched = next(found, None)
    return enriched.packet if enriched is not None else ()


def _as_json(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value))
