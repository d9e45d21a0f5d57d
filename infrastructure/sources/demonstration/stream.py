"""The signals of a shop's systems in order of arrival."""

import heapq
import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from domain.orders.signals import Signal
from infrastructure.sources.demonstration.orders import OrderGenerator
from infrastructure.sources.demonstration.signal_plan import SignalPlan

HISTORY: Final = timedelta(days=14)
HISTORY_ORDERS: Final = 520


class DemonstrationStream:
    """The signals of the shop's systems in order of arrival."""

    def __init__(self, seed: int, started_at: datetime) -> None:
        stamp = started_at.strftime("%m%d%H%M")
        self._past = OrderGenerator(seed, f"P{stamp}")
        self._present = OrderGenerator(seed + 1, f"D{stamp}")
        self._chance = random.Random(seed + 2)
        self._started_at = started_at
        self._sequence = itertools.count()
        self._waiting: list[tuple[datetime, int, Signal]] = []

    def history(self) -> Iterator[tuple[datetime, Signal]]:
        """The signals of two weeks of orders up to the start; their later signals come with `present`.
        Orders are older if their trouble takes longer to show."""
        for n in range(HISTORY_ORDERS):
            share = 1 - (n + self._chance.random()) / HISTORY_ORDERS
            at = self._started_at - HISTORY * share
            self._add(self._past.order(at, shows_by=self._started_at))
        yield from self._until(self._started_at)

    def present(self, now: datetime, *, trouble: bool) -> list[Signal]:
        """The signals that have arrived by now, after one more order: a usual one, or one in trouble."""
        plan = self._present.order_in_trouble_now(now) if trouble else self._present.order(now)
        self._add(plan)
        return [signal for _, signal in self._until(now)]

    def _add(self, plan: SignalPlan) -> None:
        for at, signal in plan:
            heapq.heappush(self._waiting, (at, next(self._sequence), signal))

    def _until(self, now: datetime) -> Iterator[tuple[datetime, Signal]]:
        while self._waiting and self._waiting[0][0] <= now:
            at, _, signal = heapq.heappop(self._waiting)
            yield at, signal
