"""simulate: recorded signals of a second under two policies at once.

The active policy decided on all orders, so its decisions are taken from the log. Beside it: a proposed policy
with a rule of its own, and a history that other rules decided on, where each order is read from the log and its
timers are decided at the time when they are due. Compared with only decoding the same lines of the log, in one
process.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec import structs

from api.composition import Desks, desks, prepare_database
from application.log.event_codec import from_state
from application.orders.batches import Arrival
from application.policy.decided_history import decided_after
from application.policy.order_pasts import SimulationScope
from domain.policy.document import Severity
from domain.policy.document_types import Condition
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

        def simulated(scope: SimulationScope) -> float:
            started = time.monotonic()
            *_, last = run_simulation(dsn, working.log, scope)
            # The results of look-ups for these orders are signals too.
            assert last.tally.signals >= signals, (last.tally.signals, signals)
            return last.tally.signals / (time.monotonic() - started)

        scope = _asked(working)
        scopes = {
            "simulate": scope,
            "simulate-new-rule": structs.replace(scope, proposed=_with_a_rule(scope.proposed)),
            "simulate-whole": structs.replace(scope, decided_after=None),
        }
        pieces = {name: partial(simulated, one) for name, one in scopes.items()}
        found = measure_in_turn(bench, {**pieces, "decode": decoded}, rounds=3)
    return [
        Figure(
            name=name,
            value=found.value(name),
            unit="signals/s, two policies",
            ratio=found.ratio(name, "decode"),
            against=found.against("decoding the same lines, 1 process", "decode", "signals/s"),
        )
        for name in scopes
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
        decided_after=decided_after(working.log, working.policy, now),
    )


def _with_a_rule(rulebook: Rulebook) -> Rulebook:
    """The policy with a rule that finds nothing in this shop."""
    document = rulebook.document
    rule = structs.replace(
        document.detect[0],
        rule="of-nobody",
        when=Condition(fact="customer.id", is_="nobody"),
        each=None,
    )
    return Rulebook(structs.replace(document, version="more", detect=(rule, *document.detect)))
