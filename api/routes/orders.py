"""Orders: the facts known about each, and its timeline."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.encoded_orders import read_order_id
from api.http.errors import MalformedParameter
from api.http.log_lines import LogLine, log_lines
from api.http.order_names import SHOP_PATTERN, Shop, key_of
from api.http.query import ListQuery, Names, Page, Sort, given_filters
from api.http.service import Service, ServiceDependency
from api.http.times import UpdatedSince, require_offset
from api.routes.case import AsOf, KnownAt, require_time_limits
from api.routes.order_parts import OrderPartsView, order_parts_of
from api.routes.other_shops import naming_other_shops
from api.routes.standard_work import OrderOwner, owner_of
from application.cases.related_orders import RelatedOrder, related_orders
from application.people.scope import can_read_order
from domain.authority import Authority
from domain.cases.packet import PacketFact, packet_of
from domain.errors import OrderNotFound
from domain.orders.events import ProblemDetected
from domain.orders.notices import Notice
from domain.orders.order import Order, order_stream
from domain.orders.order_names import describe_missing
from domain.orders.parcel_names import tracking_value
from domain.orders.references import TRACKING, parcel_value
from domain.orders.signal_body import DEFAULT_SHOP
from domain.orders.signals import Signal, event_time_key
from domain.orders.stage import Stage
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill
from infrastructure.reports.pages import ALL_ROWS, all_of
from infrastructure.reports.scope_sql import (
    orders_changed_since,
    orders_in_scope,
    orders_named,
    orders_of_subject,
)
from infrastructure.reports.scope_sql import updated_since as is_updated_since

BY_LAST_SIGNAL: Sort = {"last_signal_at": datetime, "name": str}


class OrderLine(Struct, frozen=True):
    """An order in the list: its milestones, and how many cases it has had."""

    order_id: str
    shop: str
    first_signal_at: datetime
    last_signal_at: datetime
    updated_at: datetime
    """When its last event was recorded."""
    signals: int
    cases: int
    tier: str | None
    promised_date: date | None
    placed_at: datetime | None
    placed_by: str | None
    """The signal (`source/id`) that first said that it was placed."""
    approved_at: datetime | None
    handed_over_at: datetime | None
    delivered_at: datetime | None
    cancelled_at: datetime | None
    unavailable_at: datetime | None
    passed_at: datetime | None
    """When it passed intake as standard flow."""
    region: str | None
    """Where the order ships to."""
    stage: Stage | None
    """Where it is in standard work; null if it is closed, or if policy names no stages."""
    owner_team: str | None
    stage_since: datetime | None
    stage_due_at: datetime | None
    position: int
    """The position of the last change."""


class OrderNotice(Struct, frozen=True):
    """Something odd about a statement that is kept: its signal, the field (JSON Pointer), and what to do."""

    signal: str
    pointer: str
    detail: str


class OrderView(Struct, frozen=True):
    """An order: its facts with the signals they come from, its signals, and its cases by kind. `owner` is
    null for a closed order. `notices` say what is odd about a statement that counts all the same."""

    id: str
    shop: str
    version: int
    owner: OrderOwner | None
    facts: Sequence[PacketFact]
    parts: OrderPartsView
    notices: Sequence[OrderNotice]
    signals: Sequence[Signal]
    related: Sequence[RelatedOrder]
    cases: Mapping[str, UUID]


class Timeline(Struct, frozen=True):
    order: str
    shop: str
    lines: Sequence[LogLine]


ReferenceFilter = Annotated[
    str | None,
    QueryParameter(max_length=200, description="Only orders that this reference leads to."),
]


@get("/orders", needs=Permission.READ_ORDERS, summary="List orders")
def list_orders(
    listing: ListQuery,
    service: ServiceDependency,
    tier: Names = None,
    order: Annotated[str | None, QueryParameter(description="The id of an order.")] = None,
    shop: Annotated[
        str | None, QueryParameter(pattern=SHOP_PATTERN, description="Only orders of this shop.")
    ] = None,
    customer: Annotated[
        str | None,
        QueryParameter(
            description="The shop's id of the customer. After an erasure, none are found."
        ),
    ] = None,
    changed_since: Annotated[
        int | None,
        QueryParameter(
            ge=0, description="Only orders that changed after this position of the log."
        ),
    ] = None,
    updated_since: UpdatedSince = None,
    payment: ReferenceFilter = None,
    refund: ReferenceFilter = None,
    dispute: ReferenceFilter = None,
    order_number: ReferenceFilter = None,
    fulfilment: ReferenceFilter = None,
    shipment: ReferenceFilter = None,
    checkout: ReferenceFilter = None,
    rma: ReferenceFilter = None,
    tracking: ReferenceFilter = None,
    carrier: Annotated[
        str | None, QueryParameter(max_length=500, description="The carrier of `tracking`.")
    ] = None,
    stage: Annotated[list[Stage] | None, QueryParameter()] = None,
    owner_team: Names = None,
) -> Response[Page[OrderLine]]:
    """The order with the latest signal first. An order must match all filters."""
    listing.wait_for("orders")
    if updated_since is not None:
        require_offset("updated_since", updated_since)
    named = given_filters(
        payment=payment,
        refund=refund,
        dispute=dispute,
        order_number=order_number,
        fulfilment=fulfilment,
        shipment=shipment,
        checkout=checkout,
        rma=rma,
    )
    wanted = [(kind, str(value)) for kind, value in named.items()]
    if tracking is not None:
        value = parcel_value(tracking, carrier) if carrier else tracking_value(tracking)
        wanted.append((TRACKING, value))
    elif carrier is not None:
        raise MalformedParameter("`carrier` needs `tracking`: send the parcel's tracking code too")
    reach = all_of(
        orders_in_scope(listing.authority, Permission.READ_ORDERS),
        orders_named(wanted),
        orders_of_subject(service.desks.log.subject_of(customer)) if customer else ALL_ROWS,
        orders_changed_since(changed_since) if changed_since is not None else ALL_ROWS,
        is_updated_since(updated_since),
    )
    where = given_filters(tier=tier, order_id=order, shop=shop, stage=stage, owner_team=owner_team)
    return listing.page(
        BY_LAST_SIGNAL,
        lambda after, limit: service.reports.orders(where, after, limit, reach),
        lambda row: fill(OrderLine, row),
    )


@get("/orders/{order_id:str}", needs=Permission.READ_ORDERS, summary="Get an order")
def get_order(
    request: AuthenticatedRequest,
    order_id: FromPath[str],
    service: ServiceDependency,
    shop: Shop = DEFAULT_SHOP,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> OrderView:
    """As it is known now. `as_of` limits it to what had happened by then, `known_at` to what was
    recorded by then; they are independent."""
    key = key_of(order_id, shop)
    order = _order(service, key, request.user.authority)
    may_read = partial(can_read_order, request.user.authority)
    foreign: Sequence[Notice] = ()
    if as_of is not None or known_at is not None:
        order, _ = service.desks.order_at(key, *require_time_limits(as_of, known_at))
    else:
        foreign = service.desks.intake.foreign.of_order(order, may_read)
    at = min((t for t in (as_of, known_at) if t is not None), default=service.desks.clock())
    readable = _cases_in_scope(
        service, [ref.case for ref in order.cases.values()], request.user.authority
    )
    return OrderView(
        id=read_order_id(order_id),
        shop=shop,
        version=order.version,
        owner=owner_of(order, service.desks.policy.current, at),
        facts=packet_of(order),
        parts=order_parts_of(order.facts.parts),
        notices=[fill(OrderNotice, notice) for notice in (*order.notices, *foreign)],
        signals=sorted(order.signals.values(), key=event_time_key),
        related=related_orders(service.desks.log, order, may_read, as_of, known_at),
        cases={kind: ref.case for kind, ref in order.cases.items() if ref.case in readable},
    )


@get("/orders/{order_id:str}/timeline", needs=Permission.READ_ORDERS, summary="Get a timeline")
def get_timeline(
    request: AuthenticatedRequest,
    order_id: FromPath[str],
    service: ServiceDependency,
    shop: Shop = DEFAULT_SHOP,
) -> Timeline:
    """All log lines about the order and those of its cases that you may read, by position."""
    order = _order(service, key_of(order_id, shop), request.user.authority)
    stream = order_stream(order.id)
    trail = service.desks.log.trail(stream)
    found = {line.event.case for line in trail if isinstance(line.event, ProblemDetected)}
    cases = _cases_in_scope(service, found, request.user.authority)
    trails = service.desks.log.trails([stream, *cases])
    shown = (line for t in trails.values() for line in t if _names_only(line, cases))
    lines = sorted(shown, key=lambda line: line.position)
    return Timeline(order=read_order_id(order_id), shop=shop, lines=log_lines(lines))


def _names_only(line: RecordedEvent, cases: Collection[UUID]) -> bool:
    """Whether a line names no other case than these."""
    return not isinstance(line.event, ProblemDetected) or line.event.case in cases


def _order(service: Service, key: str, authority: Authority) -> Order:
    stream = order_stream(key)
    order = service.desks.orders.current([stream]).get(stream)
    with naming_other_shops(service, key, authority):
        if order is None or not can_read_order(authority, order):
            needs = Permission.READ_ORDERS if order is not None else None
            raise OrderNotFound(describe_missing(key)).out_of_scope(needs)
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
