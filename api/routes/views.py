"""Clocks: the list of what is due next, and the clock of a case; order flow; report updates."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import litestar
import msgspec
from litestar import Response
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get, permission_option
from api.http.errors import RouteNotFound
from api.http.query import ListQuery, Names, Page, ReadQuery, Sort, given_filters, none_if_never
from api.http.service import Service, ServiceDependency
from domain.clock.measure_runs import MissedMeasure, TimeAttribution
from domain.clock.terms import Measure, ServiceTerms
from domain.fault_texts import no_such
from domain.permissions import Permission
from domain.struct_fields import fill
from infrastructure.reports.queries import OrderFlow
from infrastructure.reports.scope_sql import known_cases_in_scope, orders_in_scope
from projections import PROJECTIONS
from projections.sla import SlaRow

BY_DUE: Sort = {"due_next": datetime, "case_id": UUID}
POLL_SECONDS = 0.25
KEEP_ALIVE_SECONDS = 15.0


class SlaView(Struct, frozen=True):
    """A summary of the clock of a case. `due_next` is the earliest due time."""

    case: UUID
    order: str
    shop: str
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
    """A measure of a clock, in seconds of business time; `left_seconds` is negative once overdue."""

    measure: Measure
    due_at: datetime | None
    due_before: datetime | None
    """The due time under the terms before the last re-term."""
    at_risk_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    paused: bool
    used_seconds: float
    left_seconds: float | None


class ClockView(Struct, frozen=True):
    """The clock of a case as of `as_of`: its terms, each measure, where the time was spent, and where
    the time of each missed measure was spent."""

    case: UUID
    as_of: datetime
    terms: ServiceTerms | None
    measures: Sequence[MeasureView]
    attribution: TimeAttribution | None
    misses: Sequence[MissedMeasure]


@get("/views/sla", needs=Permission.READ_CASES, summary="List clocks")
def get_sla(
    listing: ListQuery, service: ServiceDependency, queue: Names = None, owner: Names = None
) -> Response[Page[SlaView]]:
    """The clocks of all cases that are not resolved; what is due next comes first."""
    listing.wait_for("sla")
    where = given_filters(queue=queue, owner=owner)
    reach = known_cases_in_scope(listing.authority, Permission.READ_CASES)
    return listing.page(
        BY_DUE, lambda after, limit: service.reports.sla(where, after, limit, reach), _view
    )


def _view(row: SlaRow) -> SlaView:
    due_next = none_if_never(row.due_next)
    return fill(SlaView, row, case=row.case_id, order=row.order_id, due_next=due_next)


@get("/cases/{case_id:uuid}/clock", needs=Permission.READ_CASES, summary="Get the clock of a case")
def get_clock(
    request: AuthenticatedRequest, case_id: FromPath[UUID], service: ServiceDependency
) -> ClockView:
    """Computed from the case's own events: always up to date."""
    clock = service.desks.cases.case(case_id, request.user.authority).timing.clock
    now = service.desks.clock()
    standings = [clock.standing(measure, now) for measure in Measure]
    return ClockView(
        case=case_id,
        as_of=now,
        terms=clock.terms,
        measures=[
            fill(
                MeasureView,
                standing,
                used_seconds=standing.used.total_seconds(),
                left_seconds=standing.left.total_seconds() if standing.left is not None else None,
            )
            for standing in standings
            if standing is not None
        ],
        attribution=clock.attribution(now) if clock.terms is not None else None,
        misses=clock.misses(now) if clock.terms is not None else (),
    )


@get("/views/flow", needs=Permission.READ_CASES, summary="Get the order flow")
def get_flow(read: ReadQuery, service: ServiceDependency) -> OrderFlow:
    """How many orders passed without a case, and how many had one."""
    read.wait_for("orders")
    return service.reports.flow(orders_in_scope(read.authority, Permission.READ_ORDERS))


@litestar.get(
    "/views/{view:str}/stream",
    summary="Stream the updates of a report",
    sync_to_thread=False,
    opt=permission_option(Permission.READ_CASES),
)
def stream_view(view: FromPath[str], service: ServiceDependency) -> ServerSentEvent:
    """Server-sent events: `position` with the report's new position after each update. Read the
    report again with it as Casetrail-Min-Position."""
    names = [projection.name for projection in PROJECTIONS]
    if view not in names:
        raise RouteNotFound(no_such("view", view, names))
    return ServerSentEvent(_positions(service, view))


async def _positions(service: Service, view: str) -> AsyncIterator[ServerSentEventMessage]:
    sent = -1
    quiet = 0.0
    while True:
        position = service.positions.known(view)
        if position != sent:
            sent, quiet = position, 0.0
            data = msgspec.json.encode({"view": view, "position": position}).decode()
            yield ServerSentEventMessage(data=data, event="position", id=str(position))
        elif quiet >= KEEP_ALIVE_SECONDS:
            quiet = 0.0
            yield ServerSentEventMessage(comment="keep-alive")
        await asyncio.sleep(POLL_SECONDS)
        quiet += POLL_SECONDS
