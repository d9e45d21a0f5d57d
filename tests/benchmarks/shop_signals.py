"""Signals as the systems of a shop send them: many orders at a time, one in seven in trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count, islice

import msgspec

from domain.orders.signals import Signal
from infrastructure.sources.demonstration.orders import OrderGenerator

BETWEEN_ORDERS = timedelta(minutes=2)


def bodies(signals_each: int) -> Iterator[bytes]:
    """Bodies of requests, without end."""
    stream = _signals(datetime.now(UTC))
    encode = msgspec.json.Encoder().encode
    while True:
        yield encode(list(islice(stream, signals_each)))


def _signals(now: datetime) -> Iterator[Signal]:
    """The signals of a shop's orders, in the order in which they happen from now on.

    No deadline has passed yet: a batch of last week's signals would open cases for problems that the
    next batch solves.
    """
    shop = OrderGenerator(7, "B")
    numbers = count()
    waiting: list[tuple[datetime, int, Signal]] = []
    at = now
    while True:
        for time, signal in shop.order(at):
            heappush(waiting, (time, next(numbers), signal))
        at += BETWEEN_ORDERS
        while waiting and waiting[0][0] < at:
            yield heappop(waiting)[2]
