"""Signals as the systems of a shop send them: many orders live at a time, one in seven in trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count, islice
from pathlib import Path

import msgspec

from domain.orders.signals import Signal
from infrastructure.sources.demonstration.orders import OrderGenerator

BETWEEN_ORDERS = timedelta(minutes=2)


def write_bodies(file: Path, signals: int, at_once: int) -> None:
    """One body on each line."""
    stream = _signals(datetime.now(UTC))
    encode = msgspec.json.Encoder().encode
    with file.open("wb") as lines:
        for _ in range(0, signals, at_once):
            lines.write(encode(list(islice(stream, at_once))) + b"\n")


def _signals(now: datetime) -> Iterator[Signal]:
    """What the orders of a shop tell, in the order in which it happens from now on.

    Nothing of it is due yet: a batch of last week's signals would open cases for what the next
    batch shows to be well.
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
