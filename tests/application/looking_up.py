"""A house that looks things up, and orders that repeat each other or cost too little."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from domain.orders.signals import Customer, Line, OrderPlaced, Signal
from domain.policy.document import DuplicateLookUp, LookUps, PriceLookUp
from domain.policy.rulebook import Rulebook
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from tests.application.house import CLOCKED, DEFAULT, House
from tests.domain.telling import money, placed

SHIPPED = CLOCKED.document.look_ups
assert SHIPPED is not None
DAY, WEEK, QUARTER = timedelta(days=1), timedelta(days=7), timedelta(days=90)
DUPLICATES = LookUps(duplicates=DuplicateLookUp(within=DAY))
PRICES = LookUps(prices=PriceLookUp(over=QUARTER, least_history=WEEK))
ADDRESSES = LookUps(addresses=True)


def looking_up(look_ups: LookUps | None = SHIPPED, **more: Any) -> House:
    """No clock runs, and this is looked up."""
    return House(Rulebook(replace(DEFAULT.document, look_ups=look_ups)), **more)


def buys(
    order: str,
    hours: float = 0,
    customer: str = "ana",
    price: str = "100.00",
    sku: str = "kettle",
    quantity: int = 1,
    currency: str = "BRL",
    **more: Any,
) -> OrderPlaced:
    """An order of one line."""
    line = Line(sku=sku, quantity=quantity, price=money(price, currency))
    said = {"customer": Customer(id=customer), "lines": (line,), "tenders": None, **more}
    return replace(placed(hours, **said), order=order)


def days(count: float) -> float:
    return 24 * count


def sent(house: House, *signals: Signal) -> None:
    """Each at its own time."""
    for signal in sorted(signals, key=lambda one: one.event_time):
        house.take(signal, at=signal.event_time)


def own(house: House) -> list[Signal]:
    """What the house itself has said of orders, in the order of the log."""
    lines = [line for line in house.lines() if line.type == "order.signal_recorded"]
    return [line.event.signal for line in lines if line.event.signal.source == "casetrail"]


def told_of(house: House, type: str) -> list[Any]:
    return [signal for signal in own(house) if signal.type == type]


class CountingRecorder(InMemoryLogRecorder):
    """Counts how often streams were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[set[UUID]] = []

    def select_streams(self, streams: Any) -> Any:
        self.asked.append(set(streams))
        return super().select_streams(streams)
