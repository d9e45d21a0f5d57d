"""Orders: what is known of each, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.http.authentication import Who
from api.http.concurrency import get
from api.http.query import (
    DEFAULT_LIMIT,
    LAST_SIGNAL_TYPES,
    Cursor,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked,
    asked_for,
    decode_cursor,
    only_known,
    page_of,
    wait_for,
)
from api.http.service import Service
from api.routes.one_case import AsOf, KnownAt, past_of
from application.people.scope import may_see
from domain.authority import Authority
from domain.cases.packet import PacketFact, packet_of
from domain.errors import OrderNotFound
from domain.orders.events import ProblemDetected
from domain.orders.order import Order, order_stream
from domain.orders.signals import Signal, in_time_order
from domain.permissions import Permission
from domain.recorded import Recorded
from infrastructure.reports.scope_sql import orders_within
from projections.orders import OrderRow

Asking = Request[Who, str, Any]


class OrderView(Struct, frozen=True):
    """The order packet: facts with the signals they rest on, the signals, and the cases by kind."""

    id: str
    version: int
    facts: Sequence[PacketFact]
    signals: Sequence[Signal]
    cases: Mapping[str, UUID]


class Timeline(Struct, frozen=True):
    order: str
    lines: Sequence[Recorded]


@get("/orders", needs=Permission.READ_ORDERS, summary="Orders, the latest heard of first")
def list_orders(
    request: Asking,
    service: NamedDependency[Service],
    tier: Annotated[str | None, QueryParameter()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[OrderRow]]:
    only_known(request, "tier")
    wait_for(service.positions, "orders", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), LAST_SIGNAL_TYPES)
    reach = orders_within(request.user.authority, Permission.READ_ORDERS)
    rows = service.reports.orders(asked(tier=tier), after, limit + 1, reach)
    return page_of(request, rows, limit, ("last_signal_at", "order_id"))


@get("/orders/{order_id:str}", needs=Permission.READ_ORDERS, summary="The order packet")
def get_order(
    request: Asking,
    order_id: FromPath[str],
    service: NamedDependency[Service],
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> OrderView:
    """As it is known now; or by what had happened until `as_of`, of what was recorded until
    `known_at`: both may be said, and they are two different questions."""
    only_known(request, "as_of", "known_at")
    order = _order(service, order_id, request.user.authority)
    if as_of is not None or known_at is not None:
        order, _ = service.desks.order_at(order_id, *past_of(as_of, known_at))
    reached = _reached(service, [ref.case for ref in order.cases.values()], request.user.authority)
    return OrderView(
        id=order.id,
        version=order.version,
        facts=packet_of(order),
        signals=sorted(order.signals.values(), key=in_time_order),
        cases={kind: ref.case for kind, ref in order.cases.items() if ref.case in reached},
    )


@get("/orders/{order_id:str}/timeline", needs=Permission.READ_ORDERS, summary="All that happened")
def get_timeline(
    request: Asking, order_id: FromPath[str], service: NamedDependency[Service]
) -> Timeline:
    """Every line of the log about the order and those of its cases that you may read, in the order
    of their positions."""
    order = _order(service, order_id, request.user.authority)
    stream = order_stream(order.id)
    told = service.desks.log.trail(stream)
    found = {line.event.case for line in told if isinstance(line.event, ProblemDetected)}
    cases = _reached(service, found, request.user.authority)
    trails = service.desks.log.trails([stream, *cases])
    lines = sorted((line for t in trails.values() for line in t), key=lambda line: line.position)
    return Timeline(order=order_id, lines=lines)


def _order(service: Service, order_id: str, authority: Authority) -> Order:
    stream = order_stream(order_id)
    order = service.desks.orders.current([stream]).get(stream)
    if order is None or not may_see(authority, order):
        raise OrderNotFound(f"no order {order_id}")
    return order


def _reached(service: Service, cases: Collection[UUID], authority: Authority) -> frozenset[UUID]:
    """Those of the cases that one may read."""
    if Permission.READ_CASES in authority.everywhere:
        return frozenset(cases)
    found = service.desks.cases.those(cases)
    return frozenset(
        case.id
        for case in found
        if authority.covers(Permission.READ_CASES, case.queue, case.region, case.id)
    )
