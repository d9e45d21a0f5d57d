"""How an order stood by what had happened and by what was known: and what came later, by either clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from application.cases.history import order_of
from application.cases.trail import NotShown
from domain.cases.packet import PacketFact, packet_digest, packet_of
from domain.errors import OrderNotFound
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.recorded import Recorded


class Facts(Struct, frozen=True, kw_only=True):
    """The facts that had happened by the one time, of what was recorded by the other."""

    facts: Sequence[PacketFact]
    digest: str
    not_known_yet: Sequence[NotShown]
    """It had happened, and was recorded later."""
    not_happened_yet: Sequence[NotShown]
    """It was recorded, and is told to have happened later."""


def facts_by(
    lines: Sequence[Recorded], order_id: str, as_of: datetime | None, known_at: datetime | None
) -> Facts:
    """Of the order with these lines; None: by now."""
    try:
        order, _ = order_of(lines, as_of, known_at)
    except OrderNotFound:
        order = Order(id=order_id)
    packet = packet_of(order)
    told = [*signals_of(lines)]
    return Facts(
        facts=packet,
        digest=packet_digest(packet),
        not_known_yet=[
            one for one in told if _by(one.event_time, as_of) and not _by(one.recorded_at, known_at)
        ],
        not_happened_yet=[
            one for one in told if not _by(one.event_time, as_of) and _by(one.recorded_at, known_at)
        ],
    )


def signals_of(lines: Iterable[Recorded]) -> Iterable[NotShown]:
    """Each signal, with when it happened and when it was recorded."""
    for line in lines:
        if isinstance(line.event, SignalRecorded):
            signal = line.event.signal
            yield NotShown(signal.key, signal.type, signal.event_time, line.recorded_at)


def _by(moment: datetime, limit: datetime | None) -> bool:
    return limit is None or moment <= limit
