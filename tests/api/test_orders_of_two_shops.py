"""Two shops may have an order with the same id. What a report or an erasure says of one is not of the other."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from api.composition import desks
from domain.orders.signal_body import order_key
from infrastructure.evidence_store import EvidenceStore
from infrastructure.personal.case_evidence import CaseEvidenceFiles
from infrastructure.postgres.datastore import Datastore
from tests.api.running_service import RunningService, run_service
from tests.api.signals import order_id, placed, signal
from tests.conftest import Databases
from tests.domain.standard_work import with_stages

LATER = {"Prefer": "wait=20"}


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service whose policy names stages."""
    with databases.new(template_database) as name:
        dsn = databases.dsn(name)
        with desks(dsn) as working:
            working.ensure_policy(with_stages())
        with run_service(dsn, time=True) as running:
            yield running


def take_claimed(client: httpx2.Client, order: str, shop: str) -> dict[str, str]:
    """An order with a case, and its position, as headers of a later read."""
    claim = signal("customer.claimed", order, shop=shop) | {"kind": "damaged"}
    answer = client.post("/v1/signals", json=[placed(order, shop=shop), claim])
    assert {item["outcome"] for item in answer.json()["items"]} == {"recorded"}, answer.text
    return {"Casetrail-Min-Position": answer.headers["Casetrail-Position"], **LATER}


def test_an_erasure_looks_for_the_cases_of_its_own_shop(server, tmp_path) -> None:
    order = order_id()
    with server.client_as("ana") as ana:
        found = {}
        for shop in ("default", "uk"):
            headers = take_claimed(ana, order, shop)
            cases = ana.get("/v1/cases", params={"order": order, "shop": shop}, headers=headers)
            found[shop] = {item["case_id"] for item in cases.json()["items"]}
    assert found["default"]
    assert found["uk"]
    assert not found["default"] & found["uk"]
    datastore = Datastore(server.dsn)
    try:
        files = CaseEvidenceFiles(datastore, EvidenceStore(str(tmp_path)))
        for shop, cases in found.items():
            assert {str(case) for case in files.cases_of([order_key(order, shop)])} == cases
    finally:
        datastore.close()


def test_standard_work_counts_the_orders_of_every_shop(server) -> None:
    with server.client_as("ana") as ana:

        def entered(headers: dict[str, str]) -> int:
            report = ana.get("/v1/views/standard-work", headers=headers)
            assert report.status_code == 200, report.text
            return sum(
                item["entered"] for item in report.json()["items"] if item["stage"] == "payment"
            )

        order = order_id()
        first = entered(take_claimed(ana, order, "default"))
        assert entered(take_claimed(ana, order, "uk")) == first + 1
