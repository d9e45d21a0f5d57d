"""Groups a batch of signals by order and by time of arrival."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from domain.errors import CasetrailError, SignalIdReused, SourceReserved
from domain.orders.order import Order, is_same_signal
from domain.orders.signal_body import OWN_SOURCE
from domain.orders.signals import Signal


class Arrival(Struct, frozen=True):
    """A signal, and when it reached us."""

    signal: Signal
    received_at: datetime
    is_own: bool = False
    """Whether the service states it itself, under its own source name."""


class OrderBatch(Struct, frozen=True):
    """The arrivals of one order in a batch, and their places in the batch."""

    order: str
    arrivals: list[Arrival]
    places: list[int]


def group_by_order(arrivals: Sequence[Arrival]) -> list[OrderBatch]:
    units: dict[str, OrderBatch] = {}
    for place, arrival in enumerate(arrivals):
        unit = units.setdefault(arrival.signal.order, OrderBatch(arrival.signal.order, [], []))
        unit.arrivals.append(arrival)
        unit.places.append(place)
    return list(units.values())


def group_by_time(unit: OrderBatch) -> list[tuple[datetime, list[int]]]:
    groups: dict[datetime, list[int]] = {}
    for n, arrival in enumerate(unit.arrivals):
        groups.setdefault(arrival.received_at, []).append(n)
    return sorted(groups.items())


def split_accepted(
    sent: Sequence[Signal], derived: Iterable[Signal], order: Order
) -> tuple[list[Signal], dict[int, CasetrailError]]:
    """The signals to record, and the error for each that is refused, by its `id()`."""
    accepted: dict[str, Signal] = {}
    refused: dict[int, CasetrailError] = {
        id(signal): SourceReserved(
            f"{signal.key} of order {order.id} has the source {OWN_SOURCE}; send it with another source"
        )
        for signal in sent
        if signal.source == OWN_SOURCE
    }
    for signal in (*(signal for signal in sent if id(signal) not in refused), *derived):
        known = order.signals.get(signal.key) or accepted.get(signal.key)
        if known is None:
            accepted[signal.key] = signal
        elif not is_same_signal(known, signal):
            refused[id(signal)] = SignalIdReused(
                f"{signal.key} of order {order.id} was recorded with other content; send a new id"
            )
    return list(accepted.values()), refused
