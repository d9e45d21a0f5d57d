"""simulate: recorded signals replayed in a second under two policies at once.

Each order is read from the log, and its timers are decided at the time when they are due, twice.
Compared with only decoding the same lines of the log, in one process.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from msgspec import structs

from api.composition import Desks, desks, prepare_database
from application.log.event_codec import from_state
from application.orders.batches import Arrival
from application.policy.simulation import SimulationScope
from domain.policy.document import Severity
from domain.policy.rulebook import Rulebook
from infrastructure.policies.simulation_runs import run_simulation
from infrastructure.sources.demonstration.orders import OrderGenerator
from tests.benchmarks.figures import Bench, Figure, at_least, measure_in_turn
from tests.benchmarks.real_events import SHOP
from tests.benchmarks.servers import scratch_log

ORDERS = 8_000
AT_ONCE = 500
BETWEEN_ORDERS = timedelta(minutes=2)

TARGETS = {"simulate": at_least(20_000, "signals/s")}


def run(bench: Bench) -> list[Figure]:
    with scratch_log(bench.dsn) as dsn, desks(dsn) as working:
        prepare_database(dsn)
        working.ensure_policy()
        bench.say(f"recording {ORDERS:,} orders")
        signals = _record(working)
        lines = [
            state
            for position in range(0, working.log.head(), AT_ONCE)
            for _, state in working.recorder.select_positions(position, AT_ONCE)
            if b'"type":"order.signal_recorded"' in state
        ]

        def decoded() -> float:
            started = time.monotonic()
            for state in lines:
                from_state(1, state)
            return len(lines) / (time.monotonic() - started)

        def simulated() -> float:
            started = time.monotonic()
            *_, last = run_simulation(dsn, working.log, _asked(working))
            # The results of look-ups for these orders are signals too.
            assert last.tally.signals >= signals, (last.tally.signals, signals)
            return last.tally.signals / (time.monotonic() - started)

        found = measure_in_turn(bench, {"simulate": simulated, "decode": decoded}, rounds=3)
    return [
        Figure(
            name="simulate",
            value=found.value("simulate"),
            unit="signals/s, two policies",
            ratio=found.ratio("simulate", "decode"),
            against=found.against("decoding the same lines, 1 process", "decode", "signals/s"),
        )
    ]


def _record(working: Desks) -> int:
    """Record the signals of a shop's orders, one in seven in trouble; return how many."""
    shop, begin = OrderGenerator(7, "S"), datetime.now(UTC) - timedelta(days=60)
    plan = [entry for n in range(ORDERS) for entry in shop.order(begin + n * BETWEEN_ORDERS)]
    arrivals = [Arrival(signal, at) for at, signal in sorted(plan, key=lambda entry: entry[0])]
    for first in range(0, len(arrivals), AT_ONCE):
        working.intake.take(arrivals[first : first + AT_ONCE], SHOP)
    return sum(1 for arrival in arrivals if arrival.received_at < datetime.now(UTC))


def _asked(working: Desks) -> SimulationScope:
    """Compare the shipped policy with one that gives late deliveries a higher severity."""
    active = working.policy.current
    kinds = dict(active.document.kinds)
    kinds["delivery_late"] = structs.replace(kinds["delivery_late"], severity=Severity.CRITICAL)
    proposed = Rulebook(structs.replace(active.document, version="stricter", kinds=kinds))
    now = datetime.now(UTC)
    return SimulationScope(
        active=active,
        proposed=proposed,
        since=now - timedelta(days=90),
        until=now,
        position=working.log.head(),
    )
