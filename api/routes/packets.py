"""The packet of a case: all that is known of its order, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from api.http.concurrency import get
from api.http.query import MOST_ROWS, only_known
from api.http.responses import JSON
from api.http.service import Service
from api.routes.cases import Asking
from api.routes.one_case import AsOf, KnownAt, past_of
from application.cases.history import case_of, known_by, lines_until
from domain.cases.errors import PacketNotFound
from domain.cases.events import Enriched
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import PacketFact, packet_bytes, packet_of
from domain.errors import OrderNotFound
from domain.orders.conflicts import Conflict, conflicts_of
from domain.orders.order import Order
from domain.orders.signals import MessageReceived, MessageSent, WarehouseNoted, in_time_order
from domain.permissions import Permission
from domain.policy.decision import Read
from domain.recorded import Recorded
from infrastructure.reports.scope_sql import cases_within


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


class Said(Struct, frozen=True):
    """Something that was said to the customer, by the customer, or at the warehouse."""

    said: str
    by: str
    """`us`, `customer` or `warehouse`."""
    channel: str | None
    source: str
    event_time: datetime
    record_time: datetime


class PacketView(Struct, frozen=True):
    """All that is known of the order: as the last decision of the trail had it, and as it is now;
    with what systems hold against each other, what was said, and the order's other cases."""

    order: str
    decided_on: Sequence[PacketFact]
    digest: str
    recorded_at: datetime
    now: Sequence[KnownFact]
    conflicts: Sequence[Conflict]
    said: Sequence[Said]
    cases: Sequence[EarlierCase]


@get(
    "/cases/{case_id:uuid}/packet",
    needs=Permission.READ_CASES,
    summary="What is known of the order",
)
def get_packet(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> PacketView:
    """Each fact with the signals that it rests on: as it was decided on last, and as it is now. Or
    as both were at `known_at`, by what had happened until `as_of`."""
    only_known(request, "as_of", "known_at")
    past_of(as_of, known_at)
    authority = request.user.authority
    trail: Sequence[Recorded] = service.desks.cases.trail(case_id, authority)
    if known_at is not None:
        trail = lines_until(trail, known_at)
    order_id = trail[0].order or ""
    line, enriched = next((x, x.event) for x in reversed(trail) if isinstance(x.event, Enriched))
    try:
        order, told = service.desks.order_at(order_id, as_of, known_at)
    except OrderNotFound:
        order, told = Order(id=order_id), {}
    now = known_at or service.desks.clock()
    known = []
    for fact in packet_of(order):
        record_time = max(told[source] for source in fact.sources)
        age = (now - record_time).total_seconds()
        known.append(
            KnownFact(fact.fact, fact.value, fact.sources, fact.event_time, record_time, age)
        )
    reach = cases_within(authority, Permission.READ_CASES)
    rows = service.reports.cases({"order_id": order_id}, None, MOST_ROWS, reach=reach)
    others = [
        EarlierCase(row.case_id, row.kind, row.state, row.opened_at, row.resolved_at)
        for row in rows
        if row.case_id != case_id
    ]
    if known_at is not None:
        trails = service.desks.log.trails([one.case for one in others])
        stood = [case_of(so) for x in trails.values() if (so := [*known_by(x, known_at)])]
        others = [EarlierCase(x.id, x.kind, x.state, _begun(x), x.resolved_at) for x in stood]
    return PacketView(
        order=order_id,
        decided_on=enriched.packet,
        digest=enriched.digest,
        recorded_at=line.recorded_at,
        now=known,
        conflicts=conflicts_of(order.signals.values()),
        said=_said(order, told),
        cases=others,
    )


def _begun(case: ExceptionCase) -> datetime:
    assert case.opened_at is not None
    return case.opened_at


def _said(order: Order, told: Mapping[str, datetime]) -> list[Said]:
    found = []
    over: str | None
    for signal in sorted(order.signals.values(), key=in_time_order):
        match signal:
            case MessageSent(summary=text, channel=channel):
                by, over = "us", channel.value
            case MessageReceived(summary=text, channel=channel):
                by, over = "customer", channel.value
            case WarehouseNoted(note=text):
                by, over = "warehouse", None
            case _:
                continue
        found.append(Said(text, by, over, signal.key, signal.event_time, told[signal.key]))
    return found


@get(
    "/cases/{case_id:uuid}/packets/{digest:str}",
    needs=Permission.READ_CASES,
    summary="A packet, byte for byte",
)
def get_decided_packet(
    request: Asking,
    case_id: FromPath[UUID],
    digest: FromPath[str],
    service: NamedDependency[Service],
) -> Response[Sequence[PacketFact]]:
    """The packet that a decision was made on. Its SHA-256 is the digest that the trail names."""
    for line in service.desks.cases.trail(case_id, request.user.authority):
        if isinstance(line.event, Enriched) and line.event.digest == digest:
            packet = packet_bytes(line.event.packet)
            return Response(packet, media_type=JSON)  # type: ignore[arg-type]
    raise PacketNotFound(f"case {case_id} has no packet {digest}")
