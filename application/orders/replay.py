"""Replays recorded signals in simulated time, with the real intake, timekeeper and log."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from msgspec import structs

from application.orders.batches import Arrival
from application.orders.intake import Intake
from application.timekeeper import Timekeeper
from domain.people import Actor

BATCH_SIZE = 500


def replay(
    arrivals: Iterable[Arrival],
    intake: Intake,
    timekeeper: Timekeeper,
    actor: Actor,
    ends_at: datetime | None = None,
) -> Iterator[tuple[int, datetime]]:
    """Record arrivals, sorted by time, as if each came at its time.

    What falls due is decided at the moment when it is due, up to `ends_at` (by default the time of the
    last arrival). Yields after each batch the number of signals so far, and the simulated time.
    """
    stream = iter(arrivals)
    count, now = 0, ends_at
    while batch := list(islice(stream, BATCH_SIZE)):
        # Orders do not affect each other, so what falls due within the batch can wait for the order's
        # next signal or the next batch: it is decided at its own moment in both cases.
        tick_until(batch[0].received_at, timekeeper)
        intake.take([structs.replace(one, is_replayed=True) for one in batch], actor)
        count += len(batch)
        now = ends_at or batch[-1].received_at
        yield count, batch[-1].received_at
    if now is not None:
        tick_until(now, timekeeper)


def tick_until(now: datetime, timekeeper: Timekeeper) -> None:
    while timekeeper.tick_due(now, punctual=True, most=BATCH_SIZE):
        pass
