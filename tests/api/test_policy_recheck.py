"""A policy is activated while signals arrive: none is lost, none is doubled, nobody waits."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from domain.policy.rulebook import Rulebook
from tests.api.running_service import RunningService, run_service, run_timekeeper, serve
from tests.api.signals import captured, order_id, placed, send, unavailable
from tests.application.policy_changes import change_policy
from tests.conftest import Databases
from tests.domain.policies import with_version, without_kinds

ORDERS = 400
AT_ONCE = 100
SLOW_SECONDS = 5.0
PATIENCE_SECONDS = 90.0


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[tuple[RunningService, str]]:
    """Two services and two timekeepers."""
    with databases.new(template_database) as name:
        dsn = databases.dsn(name)
        with run_service(dsn, time=True) as running, run_timekeeper(dsn), serve(dsn) as (other, _):
            yield running, other


def until(found: Any) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not found():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def decides(urls: list[str], version: str) -> bool:
    return all(httpx2.get(f"{url}/readyz", timeout=30).json()["policy"] == version for url in urls)


def activate(running: RunningService, rulebook: Rulebook) -> None:
    change_policy(
        running.service.desks.policy, rulebook, datetime.now(UTC), people=("author", "approver")
    )


def test_a_recheck_opens_each_case_once_while_signals_are_accepted(
    server: tuple[RunningService, str],
) -> None:
    running, other = server
    urls = [running.url, other]
    blind = without_kinds("stock_unavailable", version="blind")
    activate(running, blind)
    until(lambda: decides(urls, "blind"))
    names = [order_id() for _ in range(ORDERS)]
    with running.client_as("shop") as shop:
        for first in range(0, ORDERS, AT_ONCE):
            some = names[first : first + AT_ONCE]
            answer = send(shop, *(s for name in some for s in (placed(name), unavailable(name))))
            assert answer.status_code == 200
    seeing = with_version("seeing")
    ending = threading.Event()
    taken: list[float] = []
    refused: list[str] = []

    def traffic(url: str, token: str, mine: list[str]) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
            while not ending.is_set():
                name = mine[len(taken) % len(mine)]
                started = time.monotonic()
                new = order_id()
                answer = send(client, captured(name), placed(new), unavailable(new))
                taken.append(time.monotonic() - started)
                outcomes = {item["outcome"] for item in answer.json()["items"]}
                if answer.status_code != 200 or outcomes != {"recorded"}:
                    refused.append(answer.text)

    threads = [
        threading.Thread(target=traffic, args=(url, running.tokens["shop"], names[n::2]))
        for n, url in enumerate(urls)
    ]
    for thread in threads:
        thread.start()
    try:
        activate(running, seeing)
        rechecks = running.service.desks.rechecks

        def finished() -> bool:
            progress = rechecks.progress(seeing.digest)
            return progress is not None and progress.finished_at is not None

        until(finished)
    finally:
        ending.set()
        for thread in threads:
            thread.join(timeout=60)
    assert refused == []
    assert len(taken) > 20
    assert max(taken) < SLOW_SECONDS
    progress = rechecks.progress(seeing.digest)
    assert progress is not None
    assert progress.orders >= ORDERS
    log = running.service.desks.log
    lines = log.read(0, log.head())
    opened = [
        line
        for line in lines
        if line.type == "case.detected" and line.event.kind == "stock_unavailable"
    ]
    detected = Counter(line.order for line in opened)
    told = {
        line.order
        for line in lines
        if line.type == "order.signal_recorded" and line.event.signal.type == "stock.unavailable"
    }
    assert set(names) <= told
    assert detected == dict.fromkeys(told, 1)
    assert {line.event.decision.policy for line in opened} == {"seeing"}
