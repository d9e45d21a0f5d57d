"""A simulation over the real log gives the same figures in this process as in several beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from api.composition import Desks, desks, make_ready
from application.orders.batches import Arrival
from application.policy.simulation import Asked
from domain.policy.document import Severity
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import Figures
from infrastructure.policies import simulation_runs
from infrastructure.policies.simulation_runs import run_simulation
from infrastructure.sources.demonstration.orders import Orders
from tests.application.house import SENDER

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ORDERS = 60


def asked_of(working: Desks) -> Asked:
    active = working.policy.current
    kinds = {
        name: structs.replace(kind, severity=Severity.CRITICAL)
        for name, kind in active.document.kinds.items()
    }
    return Asked(
        active=active,
        proposed=Rulebook(structs.replace(active.document, version="dire", kinds=kinds)),
        since=NOW - timedelta(days=1),
        until=NOW + timedelta(days=60),
        position=working.log.head(),
    )


def test_however_many_work_on_it_the_figures_are_the_same(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready(dsn)
    with desks(dsn, lambda: NOW) as working:
        working.decide_by()
        shop = Orders(7, "S")
        plan = [told for n in range(ORDERS) for told in shop.order(NOW + n * timedelta(minutes=9))]
        plan.sort(key=lambda told: told[0])
        working.intake.take([Arrival(signal, at) for at, signal in plan], SENDER)
        asked = asked_of(working)

        def figures() -> Figures:
            *_, last = run_simulation(dsn, working.log, asked, 2)
            assert last.position == asked.position
            return last.tally.figures()

        alone = figures()
        assert alone.orders == ORDERS
        assert alone.cases.active > 0
        assert alone.severities["critical"].proposed == alone.cases.proposed
        monkeypatch.setattr(simulation_runs, "AT_ONCE", 7)
        monkeypatch.setattr(simulation_runs, "FEW", 14)
        positions = [one.position for one in run_simulation(dsn, working.log, asked, 2)]
        assert positions == sorted(positions)
        assert len(positions) > ORDERS // 7
        assert figures() == alone


def test_an_empty_log_has_nothing_to_tell(dsn: str) -> None:
    make_ready(dsn)
    with desks(dsn, lambda: NOW) as working:
        working.decide_by()
        *_, last = run_simulation(dsn, working.log, asked_of(working))
    assert last.tally.figures().orders == 0
