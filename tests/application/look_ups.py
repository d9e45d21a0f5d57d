"""A service with look-ups, and orders that repeat each other or have unusual prices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from domain.orders.purchase_signals import Customer, Line, OrderPlaced
from domain.orders.signals import Signal
from domain.policy.look_up_parts import DuplicateLookUp, LookUps, PriceLookUp
from domain.policy.rulebook import Rulebook
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from tests.application.in_memory_service import SHIPPED_RULEBOOK, UNTIMED_RULEBOOK, InMemoryService
from tests.domain.signals import money, placed

SHIPPED = SHIPPED_RULEBOOK.document.look_ups
assert SHIPPED is not None
DAY, WEEK, QUARTER = timedelta(days=1), timedelta(days=7), timedelta(days=90)
DUPLICATES = LookUps(duplicates=DuplicateLookUp(within=DAY))
PRICES = LookUps(prices=PriceLookUp(over=QUARTER, least_history=WEEK))
ADDRESSES = LookUps(addresses=True)


def service_with_look_ups(look_ups: LookUps | None = SHIPPED, **more: Any) -> InMemoryService:
    """A service without clocks and with these look-ups."""
    return InMemoryService(Rulebook(replace(UNTIMED_RULEBOOK.document, look_ups=look_ups)), **more)


def purchase(
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
    body = {"customer": Customer(id=customer), "lines": (line,), "tenders": None, **more}
    return replace(placed(hours, **body), order=order)


def days(count: float) -> float:
    return 24 * count


def take_signals(service: InMemoryService, *signals: Signal) -> None:
    """Take each signal at its own time."""
    for signal in sorted(signals, key=lambda one: one.event_time):
        service.take(signal, at=signal.event_time)


def own_signals(service: InMemoryService) -> list[Signal]:
    """The service's own signals, in the order of the log."""
    lines = [line for line in service.lines() if line.type == "order.signal_recorded"]
    return [line.event.signal for line in lines if line.event.signal.source == "casetrail"]


def own_signals_of(service: InMemoryService, type: str) -> list[Any]:
    return [signal for signal in own_signals(service) if signal.type == type]


class CountingRecorder(InMemoryLogRecorder):
    """A recorder that counts reads of streams."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[set[UUID]] = []

    def select_streams(self, streams: Any) -> Any:
        self.reads.append(set(streams))
        return super().select_streams(streams)
