"""timekeeper: due streams decided in a second, and the delay of a new one behind 100,000 older ones.

The streams are orders that were never shipped, decided by the shipped policy: each opens a case.
Compared with appends of one event by one caller.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from api.commands.worker import TIMEKEEPER_THREADS
from api.composition import Desks, desks
from application.orders.batches import Arrival
from domain.money import PositiveMoney
from domain.orders.order import order_stream
from domain.orders.purchase_signals import Customer, Line, OrderPlaced
from domain.recorded_event import RecordedEvent
from tests.benchmarks.figures import Bench, Figure, at_least, at_most
from tests.benchmarks.real_events import SHOP, one_signal
from tests.benchmarks.servers import scratch_log

HEAP = 100_000
MOST_DELAY_SECONDS = 2
AT_ONCE = 500
NEW_AFTER_SECONDS = 1.0
PATIENCE_SECONDS = 60.0

TARGETS = {
    "timekeeper": at_least(2_000, "due streams/s"),
    "timekeeper, new one behind 100,000": at_most(MOST_DELAY_SECONDS, "s"),
}


def run(bench: Bench) -> list[Figure]:
    with scratch_log(bench.dsn) as dsn, desks(dsn) as working:
        working.ensure_policy()
        appends = _appends_per_second(working, bench.seconds)
        bench.say(f"placing {HEAP:,} orders")
        _place(working, HEAP)
        bench.say(f"{HEAP:,} streams are due, and one falls due now")
        per_second, delay = _behind_a_heap(working, 3 * bench.seconds)
    return [
        Figure(
            name="timekeeper",
            value=per_second,
            unit="due streams/s",
            ratio=per_second / appends,
            against=f"appends of one event, 1 caller: {appends:,.0f} appends/s",
        ),
        Figure(
            name="timekeeper, new one behind 100,000",
            value=delay,
            unit="s until it was decided",
            ratio=delay / MOST_DELAY_SECONDS,
            against=f"the target of {MOST_DELAY_SECONDS} s",
        ),
    ]


def _place(working: Desks, count: int) -> None:
    """Orders that should have been shipped an hour ago, received two hours ago."""
    now = datetime.now(UTC)
    for first in range(0, count, AT_ONCE):
        batch = [
            Arrival(_order(f"T-{first + n}", now - timedelta(hours=1)), now - timedelta(hours=2))
            for n in range(min(AT_ONCE, count - first))
        ]
        working.intake.take(batch, SHOP)


def _order(name: str, ship_by: datetime) -> OrderPlaced:
    return OrderPlaced(
        source="shop",
        id=name,
        order=name,
        event_time=ship_by - timedelta(hours=2),
        customer=Customer(id=f"C-{name}"),
        lines=(Line(sku="kettle", price=PositiveMoney("10.00", "EUR"), ship_by=ship_by),),
        tenders=("card",),
    )


def _appends_per_second(working: Desks, seconds: float) -> float:
    started = time.monotonic()
    done = 0
    while (elapsed := time.monotonic() - started) < seconds:
        working.log.append([one_signal()])
        done += 1
    return done / elapsed


def _behind_a_heap(working: Desks, seconds: float) -> tuple[float, float]:
    """Return the streams decided in a second, and the delay of a new stream in seconds.

    The delay is the time from the moment when the new stream falls due until its case is opened. The
    measurement ends early if no stream is due any more.
    """
    due_at = datetime.now(UTC) + timedelta(seconds=NEW_AFTER_SECONDS)
    working.intake.take([Arrival(_order("T-new", due_at), datetime.now(UTC))], SHOP)
    ending = threading.Event()
    ticked: list[tuple[int, float]] = []
    """How many, until when."""
    started = time.monotonic()

    def keep() -> None:
        while not ending.is_set():
            done = working.timekeeper.tick_due(datetime.now(UTC))
            if done:
                ticked.append((done, time.monotonic()))
            else:
                time.sleep(0.005)

    keepers = [threading.Thread(target=keep) for _ in range(TIMEKEEPER_THREADS)]
    for keeper in keepers:
        keeper.start()
    delay = PATIENCE_SECONDS
    try:
        while time.monotonic() - started < PATIENCE_SECONDS:
            if any(line.type == "order.problem_detected" for line in _trail(working)):
                delay = (datetime.now(UTC) - due_at).total_seconds()
                break
            time.sleep(0.005)
        time.sleep(max(0.0, seconds - (time.monotonic() - started)))
    finally:
        ending.set()
        for keeper in keepers:
            keeper.join()
    last = max(until for _, until in ticked)
    return sum(done for done, _ in ticked) / (last - started), delay


def _trail(working: Desks) -> list[RecordedEvent]:
    return working.log.trail(order_stream("T-new"))
