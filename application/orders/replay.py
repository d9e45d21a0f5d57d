"""Living through a recorded stream in virtual time: the same intake, timekeeper and log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from application.orders.batches import Arrival
from application.orders.intake import Intake
from application.timekeeper import Timekeeper
from domain.people import Actor

AT_ONCE = 500


def replay(
    arrivals: Iterable[Arrival],
    intake: Intake,
    timekeeper: Timekeeper,
    actor: Actor,
    ends_at: datetime | None = None,
) -> Iterator[tuple[int, datetime]]:
    """Take arrivals, sorted by their time, as if each came at that time.

    What falls due is decided as of the moment when it is due, up to `ends_at` (the last arrival's
    time, if not given). Yields how many signals were taken, and the virtual time, batch by batch.
    """
    stream = iter(arrivals)
    taken, now = 0, ends_at
    while batch := list(islice(stream, AT_ONCE)):
        # Orders do not touch each other, so what falls due within the batch is decided with the
        # order's next signal, or with the next batch: as of its own moment either way.
        tick_until(batch[0].received_at, timekeeper)
        intake.take(batch, actor)
        taken += len(batch)
        now = ends_at or batch[-1].received_at
        yield taken, batch[-1].received_at
    if now is not None:
        tick_until(now, timekeeper)


def tick_until(now: datetime, timekeeper: Timekeeper) -> None:
    while timekeeper.tick_due(now, punctual=True, most=AT_ONCE):
        pass
