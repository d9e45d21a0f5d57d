"""What a shop's systems tell, in the order in which they tell it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from domain.orders.signals import Signal
from infrastructure.sources.demonstration.orders import OrderGenerator
from infrastructure.sources.demonstration.shop import SignalPlan

HISTORY: Final = timedelta(days=14)
HISTORY_ORDERS: Final = 420


class DemonstrationStream:
    """What the shop's systems tell, in the order in which they tell it."""

    def __init__(self, seed: int, started_at: datetime) -> None:
        stamp = started_at.strftime("%m%d%H%M")
        self._past = OrderGenerator(seed, f"P{stamp}")
        self._present = OrderGenerator(seed + 1, f"D{stamp}")
        self._chance = random.Random(seed + 2)
        self._started_at = started_at
        self._told = itertools.count()
        self._waiting: list[tuple[datetime, int, Signal]] = []

    def history(self) -> Iterator[tuple[datetime, Signal]]:
        """Two weeks of orders up to the start; what they still have to tell comes with the rest.
        Troubles that take longer to show are of orders that are older."""
        for n in range(HISTORY_ORDERS):
            share = 1 - (n + self._chance.random()) / HISTORY_ORDERS
            at = self._started_at - HISTORY * share
            self._expect(self._past.order(at, shows_by=self._started_at))
        yield from self._until(self._started_at)

    def present(self, now: datetime, *, trouble: bool) -> list[Signal]:
        """What is told by now, with one more order: an everyday one, or one in trouble."""
        plan = self._present.order_in_trouble_now(now) if trouble else self._present.order(now)
        self._expect(plan)
        return [signal for _, signal in self._until(now)]

    def _expect(self, plan: SignalPlan) -> None:
        for at, signal in plan:
            heapq.heappush(self._waiting, (at, next(self._told), signal))

    def _until(self, now: datetime) -> Iterator[tuple[datetime, Signal]]:
        while self._waiting and self._waiting[0][0] <= now:
            at, _, signal = heapq.heappop(self._waiting)
            yield at, signal
