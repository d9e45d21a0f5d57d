"""A simulation over the real log gives the same figures in one process as in several."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from api.composition import Desks, desks, prepare_database
from application.orders.batches import Arrival
from application.policy.order_pasts import SimulationScope
from domain.policy.document import Severity
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import SimulationFigures
from infrastructure.policies import simulation_runs
from infrastructure.policies.simulation_runs import run_simulation
from infrastructure.sources.demonstration.orders import OrderGenerator
from tests.application.in_memory_service import SENDER

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ORDERS = 60


def scope_of(working: Desks) -> SimulationScope:
    active = working.policy.current
    kinds = {
        name: structs.replace(kind, severity=Severity.CRITICAL)
        for name, kind in active.document.kinds.items()
    }
    return SimulationScope(
        active=active,
        proposed=Rulebook(structs.replace(active.document, version="dire", kinds=kinds)),
        since=NOW - timedelta(days=1),
        until=NOW + timedelta(days=60),
        position=working.log.head(),
    )


def test_one_process_and_several_give_the_same_figures(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_database(dsn)
    with desks(dsn, lambda: NOW) as working:
        working.ensure_policy()
        shop = OrderGenerator(7, "S")
        plan = [one for n in range(ORDERS) for one in shop.order(NOW + n * timedelta(minutes=9))]
        plan.sort(key=lambda one: one[0])
        working.intake.take([Arrival(signal, at) for at, signal in plan], SENDER)
        scope = scope_of(working)

        def figures() -> SimulationFigures:
            *_, last = run_simulation(dsn, working.log, scope, 2)
            assert last.position == scope.position
            return last.tally.figures()

        alone = figures()
        assert alone.orders == ORDERS
        assert alone.cases.active > 0
        assert alone.severities["critical"].proposed == alone.cases.proposed
        monkeypatch.setattr(simulation_runs, "BATCH_SIZE", 7)
        monkeypatch.setattr(simulation_runs, "MAX_ORDERS_IN_PROCESS", 14)
        positions = [one.position for one in run_simulation(dsn, working.log, scope, 2)]
        assert positions == sorted(positions)
        assert len(positions) > ORDERS // 7
        assert figures() == alone


def test_a_simulation_of_an_empty_log_has_no_orders(dsn: str) -> None:
    prepare_database(dsn)
    with desks(dsn, lambda: NOW) as working:
        working.ensure_policy()
        *_, last = run_simulation(dsn, working.log, scope_of(working))
    assert last.tally.figures().orders == 0
