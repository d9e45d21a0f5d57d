"""Each answer names its request: `X-Request-Id` and `traceparent`, also in problems and log lines."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from uuid import uuid4

import httpx2
import psycopg
import pytest

from api.http.concurrency import in_event_loop, in_thread
from api.http.request_ids import RequestIds, RequestMark, current_request, request_members
from tests.api.running_service import RunningService
from tests.api.signals import open_case, order_id, placed
from tests.api.test_problems import assert_problem

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
GIVEN = {"X-Request-Id": "shop-7/a.b:c", "traceparent": TRACE}
MADE = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(scope="module")
def nobody(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as(None) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me"),
        ("HEAD", "/v1/me"),
        ("OPTIONS", "/v1/me"),
        ("PUT", "/v1/me"),
        ("GET", "/v1/cases?state=null"),
        ("GET", "/v1/nothing"),
        ("POST", "/v1/signals"),
        ("GET", "/docs"),
    ],
)
def test_every_answer_names_its_request(ana: httpx2.Client, method: str, path: str) -> None:
    answer = ana.request(method, path, headers=GIVEN)
    assert answer.headers["X-Request-Id"] == GIVEN["X-Request-Id"]
    assert answer.headers["traceparent"] == TRACE
    without = ana.request(method, path)
    assert MADE.fullmatch(without.headers["X-Request-Id"])
    assert "traceparent" not in without.headers


def test_a_command_on_the_fast_path_names_its_request(ana: httpx2.Client) -> None:
    case = open_case(ana)
    claimed = ana.post(f"/v1/cases/{case}/claim", headers={**GIVEN, "If-Match": '"3"'})
    refused = ana.post(f"/v1/cases/{case}/claim", headers={**GIVEN, "If-Match": '"3"'})
    assert (claimed.status_code, refused.status_code) == (200, 412)
    for answer in (claimed, refused):
        assert answer.headers["X-Request-Id"] == GIVEN["X-Request-Id"]
        assert answer.headers["traceparent"] == TRACE
    assert refused.json()["request_id"] == GIVEN["X-Request-Id"]


def test_a_problem_names_its_request(nobody: httpx2.Client) -> None:
    answer = nobody.get("/v1/me", headers=GIVEN)
    problem = assert_problem(answer, 401, "not-authenticated")
    assert problem["request_id"] == GIVEN["X-Request-Id"]
    assert problem["trace_id"] == TRACE_ID
    without = nobody.get("/v1/me")
    assert without.json()["request_id"] == without.headers["X-Request-Id"]
    assert "trace_id" not in without.json()


@pytest.mark.parametrize("id", ["a b", "a" * 129, "é", 'x"y', "<script>", ""])
def test_an_id_that_could_harm_a_log_is_replaced(ana: httpx2.Client, id: str) -> None:
    answer = ana.get("/v1/me", headers={"X-Request-Id": id.encode()})
    assert MADE.fullmatch(answer.headers["X-Request-Id"])


def test_of_two_ids_none_is_taken(ana: httpx2.Client) -> None:
    twice = ana.get("/v1/me", headers=[("X-Request-Id", "one"), ("X-Request-Id", "two")])
    assert MADE.fullmatch(twice.headers["X-Request-Id"])


@pytest.mark.parametrize(
    "trace",
    [
        TRACE.upper(),
        f"ff-{TRACE[3:]}",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"{TRACE}-more",
        TRACE[:-1],
        "x",
    ],
)
def test_a_malformed_traceparent_is_left_out(ana: httpx2.Client, trace: str) -> None:
    answer = ana.get("/v1/me", headers={"traceparent": trace})
    assert answer.status_code == 200
    assert "traceparent" not in answer.headers


def test_a_later_version_of_traceparent_may_have_more(ana: httpx2.Client) -> None:
    later = f"01-{TRACE[3:]}-more"
    assert ana.get("/v1/me", headers={"traceparent": later}).headers["traceparent"] == later


def test_log_lines_name_the_request(
    server: RunningService, ana: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(RequestIds())
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("ALTER VIEW views.orders RENAME TO away")
        try:
            ours = f"id-{uuid4()}"
            assert ana.get("/v1/orders", headers={"X-Request-Id": ours}).status_code == 500
        finally:
            connection.execute("ALTER VIEW views.away RENAME TO orders")
    lines = [one for one in caplog.records if one.name == "casetrail"]
    assert [vars(line)["request"] for line in lines] == [f" request_id={ours}"]


@pytest.mark.parametrize("where", [in_thread, in_event_loop])
def test_a_handler_knows_the_request(where: Callable[..., Callable[[], Awaitable[object]]]) -> None:
    """So its log lines name it: handlers run in threads, those of commands in greenlets."""

    async def ask() -> object:
        current_request.set(RequestMark("one", TRACE_ID, []))
        return await where(request_members)()

    assert asyncio.run(ask()) == {"request_id": "one", "trace_id": TRACE_ID}


def test_a_line_about_no_request_ends_with_its_message() -> None:
    record = logging.makeLogRecord({"msg": "started"})
    assert RequestIds().filter(record)
    assert vars(record)["request"] == ""


def test_a_batch_of_signals_names_its_request(shop: httpx2.Client) -> None:
    answer = shop.post("/v1/signals", json=[placed(order_id()) for _ in range(5)], headers=GIVEN)
    assert answer.headers.get_list("X-Request-Id") == [GIVEN["X-Request-Id"]]
