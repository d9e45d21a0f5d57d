"""/livez and /readyz: a service is ready only while its reports and timekeeper are current."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from api.composition import desks
from projections import PROJECTIONS
from tests.api.running_service import RunningService, run_service, serve
from tests.api.signals import money, order_id, placed, send
from tests.conftest import Databases


@pytest.fixture(scope="module")
def without_worker(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service without a worker: nobody updates reports or looks for overdue events."""
    with (
        databases.new(template_database) as name,
        run_service(databases.dsn(name), reports=False) as running,
    ):
        yield running


def test_a_service_with_current_reports_is_ready(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        send(ana, placed(order_id()))
        head = ana.get("/v1/events").json()["head"]
        ana.get("/v1/orders", headers={"Casetrail-Min-Position": str(head)})
    with server.client_as(None) as nobody:
        ready = nobody.get("/readyz")
        assert ready.status_code == 200
        told = ready.json()
        assert (told["status"], told["policy"], told["problems"]) == ("ready", "5", [])
        assert told["head"] >= head
        assert {report["name"] for report in told["reports"]} >= {"queue", "cases", "orders"}
        assert {report["held_streams"] for report in told["reports"]} == {0}


def test_a_service_without_a_timekeeper_is_not_ready(without_worker: RunningService) -> None:
    """An expectation is overdue and nobody has recorded it."""
    with without_worker.client_as("ana") as ana:
        due = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
        send(ana, placed(order_id(), lines=[{"sku": "a", "price": money("1"), "ship_by": due}]))
    later = datetime.now(UTC) + timedelta(minutes=10)
    with (
        serve(without_worker.dsn, lambda: later) as (url, _),
        without_worker.client_as(None) as nobody,
    ):
        nobody.base_url = url
        ready = nobody.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["status"] == "degraded"
        assert any("due" in problem for problem in ready.json()["problems"])
        assert ready.json()["timers"]["due"] >= 1
        assert nobody.get("/livez").json() == {"status": "alive"}


def test_a_service_with_old_reports_is_not_ready(without_worker: RunningService) -> None:
    """The reports are a few events behind, but for ten minutes: reads are old and new tokens
    unknown."""
    with without_worker.client_as("ana") as ana:
        send(ana, placed(order_id(), tenders=[]))
    later = datetime.now(UTC) + timedelta(minutes=10)
    with desks(without_worker.dsn) as working:
        working.timekeeper.tick_due(later)
    with (
        serve(without_worker.dsn, lambda: later) as (url, _),
        without_worker.client_as(None) as nobody,
    ):
        nobody.base_url = url
        ready = nobody.get("/readyz").json()
        assert [report["behind"] > 0 for report in ready["reports"]] == [True] * len(PROJECTIONS)
        assert ready["status"] == "degraded"
        assert any("report" in problem for problem in ready["problems"])
