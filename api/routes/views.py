"""Views of the clocks: what is due next, and the clock of one case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import litestar
import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage
from msgspec import Struct

from api.http.concurrency import get, needing
from api.http.errors import RouteNotFound
from api.http.query import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked,
    asked_for,
    decode_cursor,
    only_known,
    page_of_views,
    unless_never,
    wait_for,
)
from api.http.service import Service
from api.routes.cases import Asking
from domain.clock.runs import Attribution, Miss
from domain.clock.terms import Measure, ServiceTerms
from domain.permissions import Permission
from infrastructure.reports.queries import Flow
from infrastructure.reports.scope_sql import known_within, orders_within
from projections import PROJECTIONS
from projections.sla import SlaRow

DUE_TYPES = (datetime, UUID)
LOOK_SECONDS = 0.25
STILL_THERE_SECONDS = 15.0


class SlaView(Struct, frozen=True):
    """The clock of one case, in short. `due_next` is the earliest of what is due."""

    case: UUID
    order: str
    kind: str
    queue: str
    work_type: str
    service: str
    owner: str
    due_next: datetime | None
    first_action_due: datetime | None
    next_update_due: datetime | None
    resolution_due: datetime | None
    at_risk: Sequence[str]
    breached: Sequence[str]
    paused: bool
    waits_for: str | None
    spent: Mapping[str, int]


class MeasureView(Struct, frozen=True):
    """How a measure stands: seconds of business time; `left` is negative once it is overrun."""

    measure: Measure
    due_at: datetime | None
    due_before: datetime | None
    """Under the terms before the last re-term."""
    at_risk_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    paused: bool
    used_seconds: float
    left_seconds: float | None


class ClockView(Struct, frozen=True):
    """The whole clock of a case as of `as_of`: its terms, how each measure stands, where the time
    went, and for each miss where its time went."""

    case: UUID
    as_of: datetime
    terms: ServiceTerms | None
    measures: Sequence[MeasureView]
    attribution: Attribution | None
    misses: Sequence[Miss]


@get("/views/sla", needs=Permission.READ_CASES, summary="Clocks, what is due next first")
def get_sla(
    request: Asking,
    service: NamedDependency[Service],
    queue: Annotated[str | None, QueryParameter()] = None,
    owner: Annotated[str | None, QueryParameter()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[SlaView]]:
    """Of every case that is not resolved."""
    only_known(request, "queue", "owner")
    wait_for(service.positions, "sla", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), DUE_TYPES)
    reach = known_within(request.user.authority, Permission.READ_CASES)
    rows = service.reports.sla(asked(queue=queue, owner=owner), after, limit + 1, reach)
    return page_of_views(request, rows, limit, ("due_next", "case_id"), _view)


@get("/cases/{case_id:uuid}/clock", needs=Permission.READ_CASES, summary="The clock of a case")
def get_clock(
    request: Asking, case_id: FromPath[UUID], service: NamedDependency[Service]
) -> ClockView:
    """Folded from the case's own stream: never behind."""
    clock = service.desks.cases.case(case_id, request.user.authority).timing.clock
    now = service.desks.clock()
    standings = [clock.standing(measure, now) for measure in Measure]
    return ClockView(
        case=case_id,
        as_of=now,
        terms=clock.terms,
        measures=[
            MeasureView(
                measure=one.measure,
                due_at=one.due_at,
                due_before=one.due_before,
                at_risk_at=one.at_risk_at,
                met_at=one.met_at,
                breached_at=one.breached_at,
                paused=one.paused,
                used_seconds=one.used.total_seconds(),
                left_seconds=one.left.total_seconds() if one.left is not None else None,
            )
            for one in standings
            if one is not None
        ],
        attribution=clock.attribution(now) if clock.terms is not None else None,
        misses=clock.misses(now) if clock.terms is not None else (),
    )


@get("/views/flow", needs=Permission.READ_CASES, summary="Standard flow, and what broke")
def get_flow(
    request: Asking,
    service: NamedDependency[Service],
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Flow:
    """How many orders passed intake and needed nobody, and how many had a case."""
    only_known(request)
    wait_for(service.positions, "orders", min_position, prefer)
    return service.reports.flow(orders_within(request.user.authority, Permission.READ_ORDERS))


@litestar.get(
    "/views/{view:str}/stream",
    summary="Told when a report has moved",
    sync_to_thread=False,
    opt=needing(Permission.READ_CASES),
)
def stream_view(view: FromPath[str], service: NamedDependency[Service]) -> ServerSentEvent:
    """Server-sent events: `position` with the report's new position, as soon as it has moved. Ask
    the report again with it as Casetrail-Min-Position."""
    if view not in {projection.name for projection in PROJECTIONS}:
        raise RouteNotFound(f"no view {view}")
    return ServerSentEvent(_positions(service, view))


async def _positions(service: Service, view: str) -> AsyncIterator[ServerSentEventMessage]:
    told = -1
    quiet = 0.0
    while True:
        position = service.positions.known(view)
        if position != told:
            told, quiet = position, 0.0
            data = msgspec.json.encode({"view": view, "position": position}).decode()
            yield ServerSentEventMessage(data=data, event="position", id=str(position))
        elif quiet >= STILL_THERE_SECONDS:
            quiet = 0.0
            yield ServerSentEventMessage(comment="still there")
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS


def _view(row: SlaRow) -> SlaView:
    return SlaView(
        case=row.case_id,
        order=row.order_id,
        kind=row.kind,
        queue=row.queue,
        work_type=row.work_type,
        service=row.service,
        owner=row.owner,
        due_next=unless_never(row.due_next),
        first_action_due=row.first_action_due,
        next_update_due=row.next_update_due,
        resolution_due=row.resolution_due,
        at_risk=row.at_risk,
        breached=row.breached,
        paused=row.paused,
        waits_for=row.waits_for,
        spent=row.spent,
    )
