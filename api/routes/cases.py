"""Cases: finding them, reading them with their trail, and the commands on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.answers import JSON, Answer, answer_of
from api.authentication import Who
from api.reading import (
    DEFAULT_LIMIT,
    MOST_ROWS,
    URGENCY_TYPES,
    Cursor,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked_for,
    decode_cursor,
    etag,
    must_have_zone,
    only_known,
    page_of,
    wait_for,
)
from api.service import Service
from domain.cases.events import Enriched, Resolution
from domain.cases.evidence import Evidence
from domain.cases.exception_case import ExceptionCase, State
from domain.cases.packet import PacketFact, packet_of
from domain.cases.steps import Hold, Task
from domain.cases.work_events import Link, WaitStarted
from domain.policy.decision import Read
from domain.policy.document import Bucket, Severity
from domain.recorded import Recorded
from projections.cases import CaseRow

Asking = Request[Who, str, Any]


class LinkView(Struct, frozen=True):
    link: Link
    case: UUID


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
    lease_until: datetime | None
    """When the claim lapses unless something is done."""
    waiting: WaitStarted | None
    hand_offs: int
    escalations: int
    evidence: Sequence[Evidence]
    tasks: Sequence[Task]
    """What is to be done about it, with an owner and a time each."""
    holds: Sequence[Hold]
    """What the case keeps from going on."""
    links: Sequence[LinkView]
    errors: Sequence[int]
    """Versions of the trail that were declared to be wrong."""


class KnownFact(Struct, frozen=True):
    """One fact as it is known now, and how fresh: when it happened, when we were told, and how many
    seconds ago that was."""

    fact: str
    value: Read
    sources: Sequence[str]
    event_time: datetime
    record_time: datetime
    age_seconds: float


class EarlierCase(Struct, frozen=True):
    """Another case of the same order."""

    case: UUID
    kind: str
    state: str
    opened_at: datetime
    resolved_at: datetime | None


class PacketView(Struct, frozen=True):
    """All that is known of the order: as the last decision of the trail had it, and as it is now,
    with the order's other cases."""

    order: str
    decided_on: Sequence[PacketFact]
    digest: str
    recorded_at: datetime
    now: Sequence[KnownFact]
    cases: Sequence[EarlierCase]


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
        owner=case.owner,
        owned_since=case.owned_since or case.opened_at,
        queue=case.queue,
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
        lease_until=case.lease_until,
        waiting=case.waiting,
        hand_offs=case.hand_offs,
        escalations=case.escalations,
        evidence=case.evidence,
        tasks=case.steps.tasks,
        holds=case.steps.holds,
        links=[LinkView(link, other) for other, link in case.links.items()],
        errors=case.errors,
    )


def case_answer(case: ExceptionCase) -> Answer:
    return answer_of(view_of(case), headers={"ETag": etag(case.version)})


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
    due: Annotated[
        datetime | None,
        QueryParameter(description="Something of it is due by then, or was: an RFC 3339 time."),
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[CaseRow]]:
    """By queue, state, kind, bucket, severity, owner, order and due time, all of which must fit."""
    only_known(request, "queue", "state", "kind", "bucket", "severity", "owner", "order", "due")
    wait_for(service.positions, "cases", min_position, prefer)
    if due is not None:
        must_have_zone("due", due)
        wait_for(service.positions, "sla", min_position, prefer)
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
    rows = service.reports.cases(where, after, limit + 1, due)
    return page_of(request, rows, limit, ("priority", "opened_at", "case_id"))


@get("/cases/{case_id:uuid}", summary="One case, as it stands", sync_to_thread=True)
def get_case(case_id: FromPath[UUID], service: NamedDependency[Service]) -> Response[CaseView]:
    """Read from the case's own stream: never behind. Its ETag goes into If-Match."""
    case = service.desks.cases.case(case_id)
    return Response(view_of(case), headers={"ETag": etag(case.version)})


@get("/cases/{case_id:uuid}/packet", summary="What is known of the order", sync_to_thread=True)
def get_packet(case_id: FromPath[UUID], service: NamedDependency[Service]) -> PacketView:
    """Each fact with the signals that it rests on: as it was decided on last, and as it is now."""
    trail = service.desks.cases.trail(case_id)
    order_id = trail[0].order or ""
    line, enriched = next((x, x.event) for x in reversed(trail) if isinstance(x.event, Enriched))
    order, told = service.desks.order_with_times(order_id)
    now = service.desks.clock()
    known = []
    for fact in packet_of(order):
        record_time = max(told[source] for source in fact.sources)
        age = (now - record_time).total_seconds()
        known.append(
            KnownFact(fact.fact, fact.value, fact.sources, fact.event_time, record_time, age)
        )
    rows = service.reports.cases({"order_id": order_id}, None, MOST_ROWS)
    others = [
        EarlierCase(row.case_id, row.kind, row.state, row.opened_at, row.resolved_at)
        for row in rows
        if row.case_id != case_id
    ]
    return PacketView(
        order=order_id,
        decided_on=enriched.packet,
        digest=enriched.digest,
        recorded_at=line.recorded_at,
        now=known,
        cases=others,
    )


@get(
    "/cases/{case_id:uuid}/packets/{digest:str}",
    summary="A packet, byte for byte",
    sync_to_thread=True,
)
def get_decided_packet(
    case_id: FromPath[UUID], digest: FromPath[str], service: NamedDependency[Service]
) -> Response[Sequence[PacketFact]]:
    """The packet that a decision was made on. Its SHA-256 is the digest that the trail names."""
    return Response(service.desks.cases.packet(case_id, digest), media_type=JSON)  # type: ignore[arg-type]


@get("/cases/{case_id:uuid}/trail", summary="The decision trail", sync_to_thread=True)
def get_trail(case_id: FromPath[UUID], service: NamedDependency[Service]) -> TrailView:
    """Every event of the case: who, when, why, with the verdict of each test of policy."""
    lines = service.desks.cases.trail(case_id)
    return TrailView(case=case_id, order=lines[0].order or "", lines=lines)
