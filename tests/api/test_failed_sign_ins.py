"""After too many failed authentications, an address is answered with 429 and a time to wait; a valid token is always accepted."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from api.http.errors import TooManyFailedSignIns
from api.http.failed_sign_ins import FailedSignIns
from api.http.rate_limits import MAX_NAMES, WINDOW_SECONDS
from tests.api.running_service import MANY_FAILURES, RunningService

MOST = 5


@pytest.fixture
def limited(server: RunningService) -> Iterator[RunningService]:
    failures = server.service.tokens.failures
    server.service.tokens.failures = FailedSignIns(MOST)
    yield server
    server.service.tokens.failures = failures
    assert failures.most == MANY_FAILURES


@pytest.mark.parametrize("header", ["Bearer ct_guess", "Bearer a.b.c", "Basic YTpi", None])
def test_too_many_failures_are_told_to_wait(limited: RunningService, header: str | None) -> None:
    with limited.client_as(None) as nobody:
        headers = {"Authorization": header} if header else {}
        answers = [nobody.get("/v1/me", headers=headers) for _ in range(MOST + 3)]
    assert [answer.status_code for answer in answers] == [401] * MOST + [429] * 3
    told = answers[-1].json()
    assert told["type"] == "/problems/too-many-failed-sign-ins"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= WINDOW_SECONDS
    assert told["retry_after"] == int(answers[-1].headers["Retry-After"])


def test_a_valid_token_is_answered_while_others_of_its_address_must_wait(
    limited: RunningService, ana: httpx2.Client
) -> None:
    """Also one that was not used before: behind a proxy, all clients have one address."""
    with limited.client_as(None) as nobody:
        for _ in range(MOST + 3):
            nobody.get("/v1/me", headers={"Authorization": "Bearer ct_guess"})
    limited.service.tokens.forget()
    assert ana.get("/v1/me").status_code == 200
    assert ana.get("/v1/queues").status_code == 200


def waits(failures: FailedSignIns, *addresses: str) -> list[int | None]:
    """How long each failure is told to wait; None for one that is answered with 401."""
    found: list[int | None] = []
    for address in addresses:
        try:
            failures.note(address)
        except TooManyFailedSignIns as error:
            found.append(error.facts["retry_after"])
        else:
            found.append(None)
    return found


def test_each_address_and_each_minute_has_its_own_count() -> None:
    now = [0.0]
    failures = FailedSignIns(2, lambda: now[0])
    assert waits(failures, *["192.0.2.1"] * 3) == [None, None, 60]
    assert waits(failures, "192.0.2.2") == [None]
    now[0] = 45.5
    assert waits(failures, "192.0.2.1") == [15]
    now[0] = 60.0
    assert waits(failures, "192.0.2.1") == [None]
    # One client may have all IPv6 addresses of a network.
    assert waits(failures, *(f"2001:db8::{n}" for n in range(1, 4))) == [None, None, 60]
    assert waits(failures, "2001:db8:0:1::1") == [None]


def test_many_addresses_do_not_fill_the_memory() -> None:
    failures = FailedSignIns(1)
    for n in range(MAX_NAMES + 10):
        failures.add(f"client-{n}")
    assert len(failures._windows) <= MAX_NAMES


def test_each_failure_is_told_what_is_left(limited: RunningService) -> None:
    with limited.client_as(None) as nobody:
        answers = [nobody.get("/v1/me") for _ in range(MOST + 2)]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {
        f'"failed-sign-ins";q={MOST};w=60'
    }
    left = [answer.headers["RateLimit"].partition(";t=")[0] for answer in answers]
    assert left == [f'"failed-sign-ins";r={n}' for n in (4, 3, 2, 1, 0, 0, 0)]
    assert answers[-1].headers["RateLimit"].endswith(f";t={answers[-1].headers['Retry-After']}")
