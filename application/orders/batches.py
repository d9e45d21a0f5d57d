"""A batch of signals, by the orders that they speak of and the moments at which they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from domain.errors import CasetrailError, SignalIdReused, SourceReserved
from domain.orders.order import Order, is_the_same
from domain.orders.signals import OWN_SOURCE, Signal


class Arrival(Struct, frozen=True):
    """A signal, and when it reached us."""

    signal: Signal
    received_at: datetime


class Unit(Struct, frozen=True):
    """What a batch says of one order: the arrivals, and their places in the batch."""

    order: str
    arrivals: list[Arrival]
    places: list[int]


def by_order(arrivals: Sequence[Arrival]) -> list[Unit]:
    units: dict[str, Unit] = {}
    for place, arrival in enumerate(arrivals):
        unit = units.setdefault(arrival.signal.order, Unit(arrival.signal.order, [], []))
        unit.arrivals.append(arrival)
        unit.places.append(place)
    return list(units.values())


def moments(unit: Unit) -> list[tuple[datetime, list[int]]]:
    groups: dict[datetime, list[int]] = {}
    for n, arrival in enumerate(unit.arrivals):
        groups.setdefault(arrival.received_at, []).append(n)
    return sorted(groups.items())


def sound(
    sent: Sequence[Signal], derived: Iterable[Signal], order: Order
) -> tuple[list[Signal], dict[int, CasetrailError]]:
    """The signals that may be taken, and those that may not and why, by `id()`."""
    sound: dict[str, Signal] = {}
    refused: dict[int, CasetrailError] = {
        id(signal): SourceReserved(f"{signal.key} of order {order.id} was sent to us")
        for signal in sent
        if signal.source == OWN_SOURCE
    }
    for signal in (*(signal for signal in sent if id(signal) not in refused), *derived):
        known = order.signals.get(signal.key) or sound.get(signal.key)
        if known is None:
            sound[signal.key] = signal
        elif not is_the_same(known, signal):
            refused[id(signal)] = SignalIdReused(
                f"{signal.key} of order {order.id} was taken with other content"
            )
    return list(sound.values()), refused
