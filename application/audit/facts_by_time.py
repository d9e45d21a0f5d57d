"""The facts of an order by two clocks: what had happened, what was recorded, and what came later."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from application.cases.history import order_of
from application.cases.trail import UnshownSignal
from domain.cases.packet import PacketFact, packet_digest, packet_of
from domain.errors import OrderNotFound
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.recorded_event import RecordedEvent


class FactsAtTimes(Struct, frozen=True, kw_only=True):
    """The facts that had happened by one time, from what was recorded by the other."""

    facts: Sequence[PacketFact]
    digest: str
    not_known_yet: Sequence[UnshownSignal]
    """Signals that had happened, but were recorded later."""
    not_happened_yet: Sequence[UnshownSignal]
    """Signals that were recorded, but happened later."""


def find_facts_at(
    lines: Sequence[RecordedEvent], order_id: str, as_of: datetime | None, known_at: datetime | None
) -> FactsAtTimes:
    """The facts of the order with these lines; None is now."""
    try:
        order, _ = order_of(lines, as_of, known_at)
    except OrderNotFound:
        order = Order(id=order_id)
    packet = packet_of(order)
    signals = [*list_signal_times(lines)]
    return FactsAtTimes(
        facts=packet,
        digest=packet_digest(packet),
        not_known_yet=[
            x
            for x in signals
            if _is_until(x.event_time, as_of) and not _is_until(x.recorded_at, known_at)
        ],
        not_happened_yet=[
            x
            for x in signals
            if not _is_until(x.event_time, as_of) and _is_until(x.recorded_at, known_at)
        ],
    )


def list_signal_times(lines: Iterable[RecordedEvent]) -> Iterable[UnshownSignal]:
    """Each signal, with the time when it happened and the time when it was recorded."""
    for line in lines:
        if isinstance(line.event, SignalRecorded):
            signal = line.event.signal
            yield UnshownSignal(signal.key, signal.type, signal.event_time, line.recorded_at)


def _is_until(moment: datetime, limit: datetime | None) -> bool:
    return limit is None or moment <= limit
