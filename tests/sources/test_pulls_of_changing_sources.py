"""A running pull follows its source: what was paused, or is read or pulled in another way, counts from the next page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx2
import pytest
from msgspec import structs

from api.composition import Desks
from application.sources import pull_desk
from domain.sources.pulls import PullEnd
from infrastructure.pulls.listing import HttpListing
from tests.api.running_service import RunningService
from tests.sources.pullers import (
    HERE,
    QUICK,
    add_before,
    document,
    item,
    pull,
    pulling_desks,
    set_up,
)
from tests.sources.senders import MAPPING, order_number
from tests.sources.shops.local_system import Fault, running
from tests.sources.shops.paged_list import PagedList

UNREADABLE = MAPPING.replace("event_time: at", "event_time: number", 1)
"""Reads no order."""


@pytest.fixture(scope="module")
def worker(server: RunningService) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        # The system answers when the source has been changed.
        patience = structs.replace(QUICK, answer=20.0, between=20.0)
        working.pulls._listing = HttpListing((HERE,), patience)
        yield working


@pytest.fixture
def shop() -> Iterator[PagedList]:
    with running(PagedList()) as system:
        system.items = [item(order_number()) for _ in range(7)]
        yield system


def meanwhile(shop: PagedList, act: Callable[[], object], request: int = 2) -> None:
    """Do this while the system answers this request."""
    shop.watch = lambda _: act() if len(shop.asked) == request - 1 else None


def post(client: httpx2.Client, path: str, **body: object) -> httpx2.Response:
    answer = client.post(f"/v1/sources/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_pull_of_a_source_that_is_paused_ends(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "paused")
    set_up(olga, "paused", shop.url, document=document())
    meanwhile(shop, lambda: post(olga, "paused/pause", reason="Stock-taking."))
    stopped = pull(worker, "paused")
    assert (stopped.ended, stopped.recorded, stopped.failures) == (PullEnd.STOPPED, 3, 0)
    assert stopped.detail.startswith("the source was paused (Stock-taking.)")
    assert (len(shop.asked), stopped.complete_until) == (2, None)
    shop.watch = lambda _: None
    post(olga, "paused/resume", reason="Taken.")
    again = pull(worker, "paused")
    assert (again.ended, again.known, again.recorded) == (PullEnd.COMPLETE, 3, 4)


def test_a_pull_that_waits_notices_that_its_source_is_paused(
    olga: httpx2.Client, worker: Desks, shop: PagedList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_desk, "LOOK_SECONDS", 0.05)
    add_before(worker, "waiting")
    set_up(olga, "waiting", shop.url, document=document())
    shop.faults.append(Fault(429, {"Retry-After": "2"}))
    meanwhile(shop, lambda: post(olga, "waiting/pause", reason="Too much."), 1)
    began = time.monotonic()
    stopped = pull(worker, "waiting")
    assert time.monotonic() - began < 1.5
    assert (stopped.ended, shop.asked) == (PullEnd.STOPPED, [])


def test_a_mapping_that_is_approved_meanwhile_reads_the_next_page(
    olga: httpx2.Client, otto: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "mapped")
    set_up(olga, "mapped", shop.url, document=document())

    def change() -> None:
        chosen = post(olga, "mapped/mapping", document=UNREADABLE, reason="A try.").json()
        post(otto, "mapped/mapping/approve", digest=chosen["proposal"]["digest"])

    meanwhile(shop, change)
    pulled = pull(worker, "mapped")
    assert (pulled.ended, pulled.recorded, pulled.not_understood) == (PullEnd.COMPLETE, 3, 4)


def test_the_source_is_looked_at_before_each_transaction_of_a_large_page(
    olga: httpx2.Client, worker: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_desk, "TOGETHER", 2)
    add_before(worker, "large")
    with running(PagedList(size=6)) as shop:
        shop.items = [item(order_number()) for _ in range(6)]
        set_up(olga, "large", shop.url, document=document())
        clock, times = worker.pulls._clock, iter(range(100))

        def tick() -> object:
            # Asked once at the beginning of a pull, and once for each transaction.
            if next(times) == 2:
                post(olga, "large/pause", reason="Enough.")
            return clock()

        monkeypatch.setattr(worker.pulls, "_clock", tick)
        stopped = pull(worker, "large")
    assert (stopped.ended, stopped.recorded) == (PullEnd.STOPPED, 4)


def test_a_pull_ends_where_its_settings_are_changed(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "changed")
    set_up(olga, "changed", shop.url, document=document())

    def rotate() -> None:
        shop.token = "another-token-of-ours"
        post(olga, "changed/pull-secret", secret=shop.token)

    meanwhile(shop, rotate)
    shop.faults += [Fault(), Fault(500)]
    stopped = pull(worker, "changed")
    assert (stopped.ended, stopped.failures) == (PullEnd.STOPPED, 0), stopped.detail
    assert "its pull settings were changed" in stopped.detail
    shop.watch = lambda _: None
    assert pull(worker, "changed").ended is PullEnd.COMPLETE


def test_a_pull_goes_on_where_only_its_times_are_changed(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "timed")
    set_up(olga, "timed", shop.url, document=document())
    more = {"document": document(), "secret": None, "every_minutes": 30}
    meanwhile(shop, lambda: set_up(olga, "timed", shop.url, **more))
    pulled = pull(worker, "timed")
    assert (pulled.ended, pulled.recorded) == (PullEnd.COMPLETE, 7)
