"""Orders: the facts known about each, and its timeline."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.query import ListQuery, Page, Sort, given_filters, require_known_parameters
from api.http.service import Service, ServiceDependency
from api.routes.case import AsOf, KnownAt, require_time_limits
from api.routes.standard_work import OrderOwner, owner_of
from application.people.scope import can_read_order
from domain.authority import Authority
from domain.cases.packet import PacketFact, packet_of
from domain.errors import OrderNotFound
from domain.orders.events import ProblemDetected
from domain.orders.order import Order, order_stream
from domain.orders.signals import Signal, event_time_key
from domain.orders.stage import Stage
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent
from infrastructure.reports.scope_sql import orders_in_scope
from projections.orders import OrderRow

BY_LAST_SIGNAL: Sort = {"last_signal_at": datetime, "order_id": str}


class OrderView(Struct, frozen=True):
    """An order: its facts with the signals they come from, its signals, and its cases by kind. `owner` is
    null for a closed order."""

    id: str
    version: int
    owner: OrderOwner | None
    facts: Sequence[PacketFact]
    signals: Sequence[Signal]
    cases: Mapping[str, UUID]


class Timeline(Struct, frozen=True):
    order: str
    lines: Sequence[RecordedEvent]


@get("/orders", needs=Permission.READ_ORDERS, summary="List orders")
def list_orders(
    listing: ListQuery,
    service: ServiceDependency,
    tier: Annotated[str | None, QueryParameter()] = None,
    stage: Annotated[Stage | None, QueryParameter()] = None,
    owner_team: Annotated[str | None, QueryParameter()] = None,
) -> Response[Page[OrderRow]]:
    """The order with the latest signal first."""
    listing.wait_for("orders")
    where = given_filters(tier=tier, stage=stage, owner_team=owner_team)
    reach = orders_in_scope(listing.authority, Permission.READ_ORDERS)
    return listing.page(
        BY_LAST_SIGNAL, lambda after, limit: service.reports.orders(where, after, limit, reach)
    )


@get("/orders/{order_id:str}", needs=Permission.READ_ORDERS, summary="Get an order")
def get_order(
    request: AuthenticatedRequest,
    order_id: FromPath[str],
    service: ServiceDependency,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> OrderView:
    """As it is known now. `as_of` limits it to what had happened by then, `known_at` to what was
    recorded by then; they are independent."""
    require_known_parameters(request)
    order = _order(service, order_id, request.user.authority)
    if as_of is not None or known_at is not None:
        order, _ = service.desks.order_at(order_id, *require_time_limits(as_of, known_at))
    at = min((t for t in (as_of, known_at) if t is not None), default=service.desks.clock())
    readable = _cases_in_scope(
        service, [ref.case for ref in order.cases.values()], request.user.authority
    )
    return OrderView(
        id=order.id,
        version=order.version,
        owner=owner_of(order, service.desks.policy.current, at),
        facts=packet_of(order),
        signals=sorted(order.signals.values(), key=event_time_key),
        cases={kind: ref.case for kind, ref in order.cases.items() if ref.case in readable},
    )


@get("/orders/{order_id:str}/timeline", needs=Permission.READ_ORDERS, summary="Get a timeline")
def get_timeline(
    request: AuthenticatedRequest, order_id: FromPath[str], service: ServiceDependency
) -> Timeline:
    """All log lines about the order and those of its cases that you may read, by position."""
    order = _order(service, order_id, request.user.authority)
    stream = order_stream(order.id)
    trail = service.desks.log.trail(stream)
    found = {line.event.case for line in trail if isinstance(line.event, ProblemDetected)}
    cases = _cases_in_scope(service, found, request.user.authority)
    trails = service.desks.log.trails([stream, *cases])
    lines = sorted((line for t in trails.values() for line in t), key=lambda line: line.position)
    return Timeline(order=order_id, lines=lines)


def _order(service: Service, order_id: str, authority: Authority) -> Order:
    stream = order_stream(order_id)
    order = service.desks.orders.current([stream]).get(stream)
    if order is None or not can_read_order(authority, order):
        raise OrderNotFound(f"no order {order_id}")
    return order


def _cases_in_scope(
    service: Service, cases: Collection[UUID], authority: Authority
) -> frozenset[UUID]:
    """Those of the cases that the person may read."""
    if Permission.READ_CASES in authority.everywhere:
        return frozenset(cases)
    found = service.desks.cases.current_cases(cases)
    return frozenset(
        case.id
        for case in found
        if authority.covers(Permission.READ_CASES, case.queue, case.region, case.id)
    )
