"""Casetrail-Position, Casetrail-Min-Position and Prefer: a read includes the write, or says that it is
behind."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.api.running_service import RunningService, run_service
from tests.api.signals import RESOLUTION, captured, open_case, order_id, placed, send, unavailable
from tests.conftest import Databases

LISTS = ["/v1/cases", "/v1/orders", "/v1/queues", "/v1/queues/allocation_failure_review"]
CLAIM_NEXT = "/v1/queues/allocation_failure_review/claim-next"
MIN = "Casetrail-Min-Position"


@pytest.fixture(scope="module")
def stopped_reports(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service without a worker: its reports are not updated."""
    with (
        databases.new(template_database) as name,
        run_service(databases.dsn(name), reports=False) as running,
    ):
        yield running


def test_a_write_is_in_every_list(shop: httpx2.Client) -> None:
    for _ in range(25):
        order = order_id()
        position = send(shop, placed(order), unavailable(order)).headers["Casetrail-Position"]
        seen = {MIN: position}
        cases = shop.get(f"/v1/cases?order={order}", headers=seen).json()["items"]
        assert [case["kind"] for case in cases] == ["stock_unavailable"]
        newest = shop.get("/v1/orders?limit=1", headers=seen).json()["items"]
        assert [row["order_id"] for row in newest] == [order]


def test_the_lists_show_each_step_of_a_case(ana: httpx2.Client) -> None:
    case = open_case(ana)
    order = ana.get(f"/v1/cases/{case}").json()["order"]
    etag, states = ana.get(f"/v1/cases/{case}").headers["ETag"], []
    for command, body in (
        ("claim", None),
        ("release", {}),
        ("claim", None),
        ("resolve", RESOLUTION),
        ("reopen", {"note": "again"}),
    ):
        done = ana.post(f"/v1/cases/{case}/{command}", json=body, headers={"If-Match": etag})
        etag, seen = done.headers["ETag"], {MIN: done.headers["Casetrail-Position"]}
        (row,) = ana.get(f"/v1/cases?order={order}", headers=seen).json()["items"]
        assert row["version"] == done.json()["version"]
        queued = ana.get("/v1/queues/allocation_failure_review?limit=200", headers=seen).json()
        states.append((row["state"], case in [r["case_id"] for r in queued["items"]]))
    assert states == [
        ("claimed", True),
        ("open", True),
        ("claimed", True),
        ("resolved", False),
        ("open", True),
    ]


def test_every_write_returns_its_position(ana: httpx2.Client) -> None:
    head = int(ana.get("/v1/events").json()["head"])
    order = order_id()
    told = captured(order)
    one = ana.post("/v1/signals", json=told)
    assert int(one.headers["Casetrail-Position"]) == head + 1
    batch = send(ana, told, unavailable(order))  # a duplicate, and a signal that opens a case
    assert int(batch.headers["Casetrail-Position"]) == int(ana.get("/v1/events").json()["head"])
    nothing = send(ana)
    assert int(nothing.headers["Casetrail-Position"]) == int(batch.headers["Casetrail-Position"])
    empty = ana.post("/v1/queues/return_authorization_support/claim-next")
    assert empty.status_code == 204
    assert int(empty.headers["Casetrail-Position"]) >= int(batch.headers["Casetrail-Position"])


@pytest.mark.parametrize("address", LISTS)
def test_a_read_of_a_stopped_report_says_that_it_is_behind(
    stopped_reports: RunningService, address: str
) -> None:
    with stopped_reports.client_as("ana") as ana:
        position = ana.post("/v1/signals", json=placed(order_id())).headers["Casetrail-Position"]
        assert ana.get(address).status_code == 200
        answer = ana.get(address, headers={MIN: position, "Prefer": "wait=0"})
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "/problems/report-behind"
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_claim_next_also_waits_for_the_report_and_stores_nothing(
    stopped_reports: RunningService,
) -> None:
    with stopped_reports.client_as("ana") as ana:
        order = order_id()
        position = send(ana, placed(order), unavailable(order)).headers["Casetrail-Position"]
        headers = {MIN: position, "Prefer": "wait=0", "Idempotency-Key": "still"}
        for _ in range(2):
            answer = ana.post(CLAIM_NEXT, headers=headers)
            assert answer.status_code == 503
            assert "Idempotent-Replayed" not in answer.headers


def test_a_case_and_an_order_are_read_from_the_log_and_are_never_behind(
    stopped_reports: RunningService,
) -> None:
    with stopped_reports.client_as("ana") as ana:
        case = open_case(ana)
        view = ana.get(f"/v1/cases/{case}")
        assert view.json()["state"] == "open"
        assert ana.get(f"/v1/orders/{view.json()['order']}").json()["cases"]


@pytest.mark.parametrize("wait", ["wait=1", "respond-async, wait=1", "Wait=1", "wait=1; foo"])
def test_a_read_waits_as_long_as_prefer_says(stopped_reports: RunningService, wait: str) -> None:
    with stopped_reports.client_as("ana") as ana:
        head = int(ana.get("/v1/events").json()["head"])
        begun = time.monotonic()
        answer = ana.get("/v1/orders", headers={MIN: str(head + 1), "Prefer": wait})
        assert answer.status_code == 503
        assert 0.9 < time.monotonic() - begun < 4


def test_a_waiting_read_is_answered_after_the_write(server: RunningService) -> None:
    with (
        server.client_as("ana") as ana,
        server.client_as("shop") as shop,
        ThreadPoolExecutor(1) as pool,
    ):
        head = int(ana.get("/v1/events").json()["head"])
        headers = {MIN: str(head + 1), "Prefer": "wait=10"}
        waiting = pool.submit(ana.get, "/v1/orders?limit=1", headers=headers)
        time.sleep(0.2)
        assert not waiting.done()
        told = placed(order_id())
        shop.post("/v1/signals", json=told)
        assert waiting.result(timeout=5).json()["items"][0]["order_id"] == told["order"]


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5", ""])
@pytest.mark.parametrize("address", LISTS)
def test_an_invalid_position_is_refused(ana: httpx2.Client, address: str, wrong: str) -> None:
    answer = ana.get(address, headers={MIN: wrong, "Prefer": "wait=0"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "/problems/malformed-parameter"


@pytest.mark.parametrize("position", ["9" * 10, "9" * 30, "9" * 300])
def test_a_position_beyond_the_log_is_never_reached(ana: httpx2.Client, position: str) -> None:
    answer = ana.get("/v1/cases", headers={MIN: position, "Prefer": "wait=0"})
    assert answer.status_code in (400, 503), answer.text


def test_many_waiting_reads_do_not_delay_other_requests(stopped_reports: RunningService) -> None:
    """Waiting reads must not use up the threads or connections of other requests."""
    with stopped_reports.client_as("ana") as ana, ThreadPoolExecutor(24) as pool:
        head = int(ana.get("/v1/events").json()["head"])
        headers = {MIN: str(head + 1_000), "Prefer": "wait=3"}
        waiting = [pool.submit(ana.get, "/v1/orders", headers=headers) for _ in range(24)]
        time.sleep(0.3)
        begun = time.monotonic()
        assert ana.post("/v1/signals", json=placed(order_id())).status_code == 200
        assert time.monotonic() - begun < 2
        assert {answer.result().status_code for answer in waiting} == {503}


def test_many_concurrent_reads_are_all_answered(
    server: RunningService, shop: httpx2.Client
) -> None:
    case = open_case(shop)
    addresses = ["/v1/cases", "/v1/queues", f"/v1/cases/{case}", "/v1/events", "/v1/orders"]
    with server.client_as("ana") as ana, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(ana.get, addresses * 64))
    assert {answer.status_code for answer in answers} == {200}
