"""A principal that sends too much is told to wait; others are answered meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from api.http.rate_limits import CountedWindows
from tests.api.running_service import RunningService
from tests.api.signals import order_id, placed
from tests.api.test_problems import assert_problem

MOST = 4


@pytest.fixture
def now(server: RunningService) -> Iterator[list[float]]:
    """The clock of a limit that the service has within the test."""
    clock = [0.0]
    server.service.tokens.requests = CountedWindows("requests", MOST, lambda: clock[0])
    yield clock
    server.service.tokens.requests = None


def test_a_principal_that_sends_too_much_waits(
    ana: httpx2.Client, bo: httpx2.Client, now: list[float]
) -> None:
    answers = [ana.get("/v1/me") for _ in range(MOST)]
    assert [answer.status_code for answer in answers] == [200] * MOST
    assert [answer.headers["RateLimit"] for answer in answers] == [
        f'"requests";r={n};t=60' for n in (3, 2, 1, 0)
    ]
    now[0] = 20.5
    refused = ana.post("/v1/signals", json=placed(order_id()))
    problem = assert_problem(refused, 429, "too-many-requests")
    assert problem["retry_after"] == 40
    assert refused.headers["Retry-After"] == "40"
    assert refused.headers["RateLimit"] == '"requests";r=0;t=40'
    assert refused.headers["RateLimit-Policy"] == f'"requests";q={MOST};w=60'
    assert bo.get("/v1/me").status_code == 200
    now[0] = 60.0
    assert ana.get("/v1/me").headers["RateLimit"] == '"requests";r=3;t=60'


def test_a_refused_request_counts_too(ana: httpx2.Client, now: list[float]) -> None:
    assert ana.get("/v1/cases?state=null").headers["RateLimit"] == '"requests";r=3;t=60'
    assert ana.get("/v1/people").headers["RateLimit"] == '"requests";r=2;t=60'


def test_without_a_limit_no_answer_tells_one(ana: httpx2.Client) -> None:
    assert "RateLimit" not in ana.get("/v1/me").headers
