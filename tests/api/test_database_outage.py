"""A database outage: 503 with advice, alive but not ready, and back within seconds."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import psycopg
import pytest
from psycopg import sql

from tests.api.running_service import RunningService
from tests.api.signals import open_case, order_id, placed

WITHIN_SECONDS = 5
TOLD_WITHIN = 10
NAMED_READS = ["/v1/cases", "/v1/orders", "/v1/queues", "/v1/events", "/v1/orders/o-1"]


@contextmanager
def database_outage(server_dsn: str, dsn: str) -> Iterator[None]:
    """Close all connections to the database and refuse new ones within this context."""
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute(allow.format(sql.Identifier(str(name)), sql.SQL("false")))
        cut_connections(server_dsn, dsn)
        try:
            yield
        finally:
            server.execute(allow.format(sql.Identifier(str(name)), sql.SQL("true")))


def cut_connections(server_dsn: str, dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


def until(condition: Callable[[], bool], seconds: float = WITHIN_SECONDS) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not come about"
        time.sleep(0.02)
    return time.monotonic() - begun


def assert_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    for leak in ("psycopg", "FATAL", "connection", "socket", "5432"):
        assert leak not in answer.text


def test_an_outage_is_answered_with_503_until_the_database_is_back(
    server: RunningService, server_dsn: str, ana: httpx2.Client
) -> None:
    told, key = placed(order_id()), {"Idempotency-Key": "while-it-was-lost"}
    case = open_case(ana)
    claim = f"/v1/cases/{case}/claim"
    with database_outage(server_dsn, server.dsn), ThreadPoolExecutor(6) as pool:
        # All at once: a waiting request must not make the others wait longer.
        asked = [
            pool.submit(ana.post, "/v1/signals", json=told, headers=key, timeout=TOLD_WITHIN),
            pool.submit(ana.get, "/v1/cases", timeout=TOLD_WITHIN),
            pool.submit(ana.get, f"/v1/cases/{case}", timeout=TOLD_WITHIN),
            pool.submit(ana.post, claim, headers={"If-Match": '"3"'}, timeout=TOLD_WITHIN),
        ]
        ready = ana.get("/readyz", timeout=TOLD_WITHIN)
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert ana.get("/livez", timeout=1).json() == {"status": "alive"}
        assert ana.get("/openapi.json", timeout=TOLD_WITHIN).status_code == 200
        for answer in asked:
            assert_unavailable(answer.result())
    # After the outage: the first success within 3 s, reports at the head within 5 s (I11).
    assert until(lambda: ana.post("/v1/signals", json=told, headers=key).status_code == 200) < 3
    order = f"/v1/orders/{told['order']}"
    assert len(ana.get(order).json()["signals"]) == 1
    until(lambda: ana.get("/readyz").json()["status"] == "ready")
    head = str(ana.get("/v1/events").json()["head"])
    begun = time.monotonic()
    answer = ana.get("/v1/orders", headers={"Casetrail-Min-Position": head, "Prefer": "wait=10"})
    assert answer.status_code == 200
    assert time.monotonic() - begun < WITHIN_SECONDS


def test_an_unknown_token_gets_503_and_not_401_during_an_outage(
    server: RunningService, server_dsn: str
) -> None:
    """A token that cannot be looked up is not an invalid one: 401 would make its owner sign in
    again."""
    with database_outage(server_dsn, server.dsn), server.client_as("carla") as carla:
        assert_unavailable(carla.get("/v1/queues", timeout=TOLD_WITHIN))
    with server.client_as("carla") as carla:
        until(lambda: carla.get("/v1/queues").status_code == 200)


@pytest.mark.parametrize("address", NAMED_READS)
def test_cut_connections_are_reopened_without_an_error(
    server: RunningService, server_dsn: str, ana: httpx2.Client, address: str
) -> None:
    until(lambda: ana.get(address).status_code != 503)
    cut_connections(server_dsn, server.dsn)
    answer = ana.get(address, timeout=TOLD_WITHIN)
    assert answer.status_code in (200, 404), answer.text


def test_a_write_is_stored_once_when_its_connection_is_cut(
    server: RunningService, server_dsn: str, ana: httpx2.Client
) -> None:
    for _ in range(5):
        told = placed(order_id())
        cut_connections(server_dsn, server.dsn)
        answer = ana.post("/v1/signals", json=told)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "recorded")
        assert len(ana.get(f"/v1/orders/{told['order']}").json()["signals"]) == 1


def test_reports_continue_after_their_connection_was_cut(
    server: RunningService, server_dsn: str, ana: httpx2.Client
) -> None:
    cut_connections(server_dsn, server.dsn)
    position = ana.post("/v1/signals", json=placed(order_id())).headers["Casetrail-Position"]
    headers = {"Casetrail-Min-Position": position, "Prefer": f"wait={WITHIN_SECONDS}"}
    assert ana.get("/v1/orders", headers=headers).status_code == 200
