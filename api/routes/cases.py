"""Cases: finding them, reading them with their trail, and the commands on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter, RawBody
from msgspec import Struct

from api.answers import Answer, Ask, answer_of, ask_of
from api.authentication import Who
from api.json_names import refuse_repeated_names
from api.reading import (
    DEFAULT_LIMIT,
    URGENCY_TYPES,
    Cursor,
    IdempotencyKey,
    IfMatch,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked_for,
    decode_cursor,
    etag,
    expected_version,
    only_known,
    page_of,
    wait_for,
)
from api.service import Service
from application.case_desk import Caller, Done
from domain.cases.events import Enriched, Note, Resolution
from domain.cases.exception_case import ExceptionCase, State
from domain.cases.packet import PacketFact, packet_of
from domain.orders.order import order_stream
from domain.policy.document import Bucket, Severity
from domain.recorded import Recorded
from domain.texts import lines
from projections.cases import CaseRow

Asking = Request[Who, str, Any]


class CaseView(Struct, frozen=True):
    """A case as it stands. `owner` is the person who holds it, else the team of its queue; nobody
    once it is resolved."""

    id: UUID
    version: int
    order: str
    kind: str
    bucket: str
    severity: str
    automation: str
    state: str
    owner: str | None
    owned_since: datetime
    queue: str
    work_type: str
    skill: str
    priority: int
    detected_at: datetime
    opened_at: datetime
    deadline: datetime | None
    occurrence: int
    recurrence_of: UUID | None
    signals_joined: int
    cleared: bool
    reopened: int
    resolved_at: datetime | None
    resolution: Resolution | None


class ReleaseBody(Struct, forbid_unknown_fields=True):
    note: Note = ""


class ReopenBody(Struct, forbid_unknown_fields=True):
    note: Annotated[str, lines(4000, least=1)]
    """Why it must be worked on again."""


class PacketView(Struct, frozen=True):
    """The order packet as it was when the case was opened, and as it is now."""

    order: str
    detected_with: Sequence[PacketFact]
    digest: str
    recorded_at: datetime
    now: Sequence[PacketFact]


class TrailView(Struct, frozen=True):
    case: UUID
    order: str
    lines: Sequence[Recorded]


def view_of(case: ExceptionCase) -> CaseView:
    routed = case.routed
    assert routed is not None
    assert case.detected_at is not None
    assert case.opened_at is not None
    return CaseView(
        id=case.id,
        version=case.version,
        order=case.order,
        kind=case.kind,
        bucket=routed.bucket,
        severity=routed.severity,
        automation=case.automation,
        state=case.state,
        owner=None if case.is_resolved else case.person or routed.owner_team,
        owned_since=case.owned_since or case.opened_at,
        queue=routed.queue,
        work_type=routed.work_type,
        skill=routed.skill,
        priority=routed.priority,
        detected_at=case.detected_at,
        opened_at=case.opened_at,
        deadline=case.deadline,
        occurrence=case.occurrence,
        recurrence_of=case.recurrence_of,
        signals_joined=case.signals_joined,
        cleared=case.cleared,
        reopened=case.reopened,
        resolved_at=case.resolved_at,
        resolution=case.resolution,
    )


def case_answer(case: ExceptionCase) -> Answer:
    return answer_of(view_of(case), headers={"ETag": etag(case.version)})


def caller_of(service: Service, ask: Ask) -> Caller:
    """The caller of a command, whose answer is kept under the request's key."""

    def row(case: ExceptionCase | None) -> Any:
        return ask.row(case_answer(case)) if case is not None else None

    cause = f"command:{ask.key or ask.digest.hex()[:16]}"
    now = service.desks.clock()
    return Caller(ask.who.actor, ask.who.person, now, cause, row if ask.key else None)


def command(
    request: Asking,
    service: Service,
    body: bytes,
    key: str | None,
    if_match: str | None,
    carry_out: Callable[[int, Caller], Done],
) -> Response[Any]:
    """One command on one case: who, on which version, once."""
    ask = ask_of(request, body, key)
    refuse_repeated_names(body)

    def work() -> Response[Any]:
        done = carry_out(expected_version(if_match), caller_of(service, ask))
        return case_answer(done.case).response(done.position)

    return service.answers.carry_out(ask, work)


@get("/cases", summary="Find cases, most urgent first", sync_to_thread=True)
def list_cases(
    request: Asking,
    service: NamedDependency[Service],
    queue: Annotated[str | None, QueryParameter()] = None,
    case_state: Annotated[State | None, QueryParameter(name="state")] = None,
    kind: Annotated[str | None, QueryParameter()] = None,
    bucket: Annotated[Bucket | None, QueryParameter()] = None,
    severity: Annotated[Severity | None, QueryParameter()] = None,
    owner: Annotated[
        str | None, QueryParameter(description="A person or a team: whoever owns it now.")
    ] = None,
    order: Annotated[str | None, QueryParameter()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[CaseRow]]:
    """By queue, state, kind, bucket, severity, owner and order, all of which must fit."""
    only_known(request, "queue", "state", "kind", "bucket", "severity", "owner", "order")
    wait_for(service.positions, "cases", min_position, prefer)
    wanted: dict[str, object] = {
        "queue": queue,
        "state": case_state,
        "kind": kind,
        "bucket": bucket,
        "severity": severity,
        "owner": owner,
        "order_id": order,
    }
    after = decode_cursor(cursor, asked_for(request), URGENCY_TYPES)
    where = {name: value for name, value in wanted.items() if value is not None}
    rows = service.reports.cases(where, after, limit + 1)
    return page_of(request, rows, limit, ("priority", "opened_at", "case_id"))


@get("/cases/{case_id:uuid}", summary="One case, as it stands", sync_to_thread=True)
def get_case(case_id: FromPath[UUID], service: NamedDependency[Service]) -> Response[CaseView]:
    """Read from the case's own stream: never behind. Its ETag goes into If-Match."""
    case = service.desks.cases.case(case_id)
    return Response(view_of(case), headers={"ETag": etag(case.version)})


@get("/cases/{case_id:uuid}/packet", summary="What is known of the order", sync_to_thread=True)
def get_packet(case_id: FromPath[UUID], service: NamedDependency[Service]) -> PacketView:
    """Each fact with the signals that it rests on: as the case was opened with, and now."""
    trail = service.desks.cases.trail(case_id)
    order_id = trail[0].order or ""
    line, enriched = next((x, x.event) for x in trail if isinstance(x.event, Enriched))
    order = service.desks.orders.current([order_stream(order_id)])[order_stream(order_id)]
    return PacketView(
        order=order_id,
        detected_with=enriched.packet,
        digest=enriched.digest,
        recorded_at=line.recorded_at,
        now=packet_of(order),
    )


@get("/cases/{case_id:uuid}/trail", summary="The decision trail", sync_to_thread=True)
def get_trail(case_id: FromPath[UUID], service: NamedDependency[Service]) -> TrailView:
    """Every event of the case: who, when, why, with the verdict of each test of policy."""
    lines = service.desks.cases.trail(case_id)
    return TrailView(case=case_id, order=lines[0].order or "", lines=lines)


@post("/cases/{case_id:uuid}/claim", status_code=200, summary="Claim", sync_to_thread=True)
def claim(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    body: RawBody,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """Take an open case as your own."""
    return command(
        request,
        service,
        body,
        key,
        if_match,
        lambda v, by: service.desks.cases.claim(case_id, v, by),
    )


@post("/cases/{case_id:uuid}/release", status_code=200, summary="Release", sync_to_thread=True)
def release(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    data: JSONBody[ReleaseBody],
    body: RawBody,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """Give a case that you hold back to its queue."""
    return command(
        request,
        service,
        body,
        key,
        if_match,
        lambda v, by: service.desks.cases.release(case_id, v, data.note, by),
    )


@post("/cases/{case_id:uuid}/resolve", status_code=200, summary="Resolve", sync_to_thread=True)
def resolve(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    data: JSONBody[Resolution],
    body: RawBody,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """End a case that you hold: with its reason, root cause and evidence."""
    return command(
        request,
        service,
        body,
        key,
        if_match,
        lambda v, by: service.desks.cases.resolve(case_id, v, data, by),
    )


@post("/cases/{case_id:uuid}/reopen", status_code=200, summary="Reopen", sync_to_thread=True)
def reopen(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    data: JSONBody[ReopenBody],
    body: RawBody,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """Put a resolved case back to work. It counts as rework."""
    return command(
        request,
        service,
        body,
        key,
        if_match,
        lambda v, by: service.desks.cases.reopen(case_id, v, data.note, by),
    )
