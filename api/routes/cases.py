"""Cases: what is shown of them, and finding them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from api.http.authentication import Who
from api.http.concurrency import get
from api.http.query import (
    DEFAULT_LIMIT,
    URGENCY_TYPES,
    Cursor,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked,
    asked_for,
    decode_cursor,
    etag,
    only_known,
    page_of,
    wait_for,
)
from api.http.responses import Answer
from api.http.service import Service
from api.http.times import must_have_zone
from domain.adjustments.adjustment import Adjustment
from domain.cases.duties import DutyHeld
from domain.cases.events import Resolution
from domain.cases.evidence import Evidence
from domain.cases.exception_case import ExceptionCase, State
from domain.cases.steps import Hold, Task
from domain.cases.work_events import Link, WaitStarted
from domain.permissions import Permission
from domain.policy.document import Bucket, Severity
from infrastructure.reports.scope_sql import cases_within
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
    bucket: str | None
    """This, the queue and what else comes with a routing are not there in a past before it."""
    severity: str | None
    automation: str
    state: str
    owner: str | None
    owned_since: datetime
    queue: str | None
    region: str | None
    """Where the order ships to (ISO 3166), as far as was known when the case was routed."""
    work_type: str | None
    skill: str | None
    priority: int | None
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
    adjustments: Sequence[Adjustment]
    """What is to be given to the customer: who recommended it, who must approve, what became of it."""
    duties: Mapping[str, DutyHeld]
    """Who has which duty in the case, and since which act: one person, one duty."""
    conflicts: Sequence[Sequence[str]]
    """Names that turned out later to be one human's, with different duties in the case."""


def view_of(case: ExceptionCase) -> CaseView:
    routed = case.routed
    assert case.detected_at is not None
    assert case.opened_at is not None
    return CaseView(
        id=case.id,
        version=case.version,
        order=case.order,
        kind=case.kind,
        bucket=routed.bucket if routed else None,
        severity=routed.severity if routed else None,
        automation=case.automation,
        state=case.state,
        owner=case.owner,
        owned_since=case.owned_since or case.opened_at,
        queue=case.queue or None,
        region=case.region,
        work_type=routed.work_type if routed else None,
        skill=routed.skill if routed else None,
        priority=routed.priority if routed else None,
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
        adjustments=case.adjustments.items,
        duties=case.duties,
        conflicts=[sorted(names) for names in case.conflicts],
    )


def case_answer(case: ExceptionCase) -> Answer:
    return Answer(view_of(case), headers={"ETag": etag(case.version)})


@get("/cases", needs=Permission.READ_CASES, summary="Find cases, most urgent first")
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
    where = asked(
        queue=queue,
        state=case_state,
        kind=kind,
        bucket=bucket,
        severity=severity,
        owner=owner,
        order_id=order,
    )
    after = decode_cursor(cursor, asked_for(request), URGENCY_TYPES)
    reach = cases_within(request.user.authority, Permission.READ_CASES)
    rows = service.reports.cases(where, after, limit + 1, due, reach)
    return page_of(request, rows, limit, ("priority", "opened_at", "case_id"))
