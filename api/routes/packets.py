"""The packet of a case: the facts known about its order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from litestar import Response
from litestar.params import FromPath
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.query import MOST_ROWS
from api.http.responses import JSON_MEDIA_TYPE
from api.http.service import ServiceDependency
from api.routes.case import AsOf, KnownAt, require_time_limits
from application.cases.history import case_of, lines_until, recorded_until
from application.cases.related_orders import RelatedOrder, related_orders
from application.people.scope import can_read_order
from domain.cases.errors import PacketNotFound
from domain.cases.events import Enriched
from domain.cases.packet import PacketFact, packet_bytes, packet_of
from domain.errors import OrderNotFound
from domain.orders.conflicts import FieldConflict, find_field_conflicts
from domain.orders.message_signals import MessageReceived, MessageSent, WarehouseNoted
from domain.orders.order import Order
from domain.orders.order_names import order_name
from domain.orders.signals import event_time_key
from domain.permissions import Permission
from domain.policy.decision import FactValue
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill
from infrastructure.reports.scope_sql import cases_in_scope


class KnownFact(Struct, frozen=True):
    """A fact as it is known now: when it happened, when it was recorded, and how many seconds ago."""

    fact: str
    value: FactValue
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


class PacketMessage(Struct, frozen=True):
    """A message to the customer, from the customer, or from the warehouse."""

    said: str
    by: str
    """`us`, `customer` or `warehouse`."""
    channel: str | None
    source: str
    event_time: datetime
    record_time: datetime


class PacketView(Struct, frozen=True):
    """What is known about the order: at the last decision of the trail, and now; with the conflicts
    between source systems, the messages, the related orders, and the order's other cases."""

    order: str
    shop: str
    decided_on: Sequence[PacketFact]
    digest: str
    recorded_at: datetime
    now: Sequence[KnownFact]
    conflicts: Sequence[FieldConflict]
    said: Sequence[PacketMessage]
    related: Sequence[RelatedOrder]
    cases: Sequence[EarlierCase]


@get(
    "/cases/{case_id:uuid}/packet", needs=Permission.READ_CASES, summary="Get the packet of a case"
)
def get_packet(
    request: AuthenticatedRequest,
    case_id: FromPath[UUID],
    service: ServiceDependency,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> PacketView:
    """Each fact with the signals that it comes from: at the last decision, and now. `known_at` and
    `as_of` show both in the past."""
    require_time_limits(as_of, known_at)
    authority = request.user.authority
    trail: Sequence[RecordedEvent] = service.desks.cases.trail(case_id, authority)
    if known_at is not None:
        trail = lines_until(trail, known_at)
    order_id = trail[0].order or ""
    name = order_name(order_id)
    line, enriched = next((x, x.event) for x in reversed(trail) if isinstance(x.event, Enriched))
    try:
        order, recorded = service.desks.order_at(order_id, as_of, known_at)
    except OrderNotFound:
        order, recorded = Order(id=order_id), {}
    now = known_at or service.desks.clock()
    known = []
    for fact in packet_of(order) if name.order else enriched.packet:
        # A case without an order has no facts but those of its packet.
        record_time = max(recorded.get(one, line.recorded_at) for one in fact.sources)
        age = (now - record_time).total_seconds()
        known.append(
            KnownFact(fact.fact, fact.value, fact.sources, fact.event_time, record_time, age)
        )
    reach = cases_in_scope(authority, Permission.READ_CASES)
    where = {"order_id": name.order, "shop": name.shop}
    rows = service.reports.cases(where, None, MOST_ROWS, reach=reach) if name.order else []
    others = [
        EarlierCase(row.case_id, row.kind, row.state, row.opened_at, row.resolved_at)
        for row in rows
        if row.case_id != case_id
    ]
    if known_at is not None:
        trails = service.desks.log.trails([other.case for other in others])
        past = [case_of(x) for t in trails.values() if (x := [*recorded_until(t, known_at)])]
        others = [fill(EarlierCase, case, case=case.id) for case in past]
    return PacketView(
        order=name.order,
        shop=name.shop,
        decided_on=enriched.packet,
        digest=enriched.digest,
        recorded_at=line.recorded_at,
        now=known,
        conflicts=find_field_conflicts(order.signals.values()),
        said=_packet_messages(order, recorded),
        related=related_orders(
            service.desks.log, order, partial(can_read_order, authority), as_of, known_at
        ),
        cases=others,
    )


def _packet_messages(order: Order, recorded: Mapping[str, datetime]) -> list[PacketMessage]:
    found = []
    channel: str | None
    for signal in sorted(order.signals.values(), key=event_time_key):
        match signal:
            case MessageSent(summary=text):
                by, channel = "us", signal.channel.value
            case MessageReceived(summary=text):
                by, channel = "customer", signal.channel.value
            case WarehouseNoted(note=text):
                by, channel = "warehouse", None
            case _:
                continue
        at, recorded_at = signal.event_time, recorded[signal.key]
        found.append(PacketMessage(text, by, channel, signal.key, at, recorded_at))
    return found


@get(
    "/cases/{case_id:uuid}/packets/{digest:str}",
    needs=Permission.READ_CASES,
    summary="Get the packet of a decision",
)
def get_decided_packet(
    request: AuthenticatedRequest,
    case_id: FromPath[UUID],
    digest: FromPath[str],
    service: ServiceDependency,
) -> Response[Sequence[PacketFact]]:
    """The packet that a decision used, byte for byte. Its SHA-256 is the digest in the trail."""
    for line in service.desks.cases.trail(case_id, request.user.authority):
        if isinstance(line.event, Enriched) and line.event.digest == digest:
            packet = packet_bytes(line.event.packet)
            return Response(packet, media_type=JSON_MEDIA_TYPE)  # type: ignore[arg-type]
    raise PacketNotFound(f"case {case_id} has no packet {digest}")
