"""Pulls: what did not come by webhook is fetched from the lists of a source, and nothing is recorded twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from api.composition import Desks
from domain.sources.deliveries import DeliveryTaken
from domain.sources.pulls import PullEnd
from tests.api.running_service import RunningService
from tests.sources.pullers import (
    PAGES,
    add_before,
    ago,
    document,
    item,
    pull,
    pulling_desks,
    set_up,
)
from tests.sources.senders import order_number, send
from tests.sources.shops.local_system import running
from tests.sources.shops.paged_list import PagedList


@pytest.fixture(scope="module")
def worker(server: RunningService) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        yield working


@pytest.fixture
def shop() -> Iterator[PagedList]:
    with running(PagedList()) as system:
        yield system


@pytest.mark.parametrize("by", PAGES)
def test_all_pages_of_a_list_are_read(olga: httpx2.Client, worker: Desks, by: str) -> None:
    numbers = [order_number() for _ in range(8)]
    name = f"pages-{by.replace('_', '-')}"
    add_before(worker, name)
    with running(PagedList(by)) as shop:
        shop.items = [item(number) for number in numbers]
        set_up(olga, name, shop.url, document=document(by))
        pulled = pull(worker, name)
    assert (pulled.ended, pulled.detail) == (PullEnd.COMPLETE, "")
    assert (pulled.listed, pulled.known, pulled.recorded, pulled.missing) == (8, 0, 8, 8)
    assert [olga.get(f"/v1/orders/{number}").status_code for number in numbers] == [200] * 8


def test_what_came_by_webhook_is_known(
    server: RunningService,
    olga: httpx2.Client,
    sender: httpx2.Client,
    worker: Desks,
    shop: PagedList,
) -> None:
    add_before(worker, "webhook-first")
    came, lost = item(order_number()), item(order_number())
    # Other bytes: with blanks, and the members in another order.
    body = json.dumps(dict(reversed(came.items())), indent=2).encode()
    assert send(sender, "webhook-first", body, "order", "w-1").json()["recorded"] == 1
    shop.items = [came, lost]
    set_up(olga, "webhook-first", shop.url)
    pulled = pull(worker, "webhook-first")
    assert (pulled.listed, pulled.known, pulled.recorded) == (2, 1, 1)
    assert (pulled.missing, pulled.examples) == (1, (lost["number"],))
    log = server.service.desks.log
    kept = [one.event for one in log.read(0, 100_000) if isinstance(one.event, DeliveryTaken)]
    own = [one for one in kept if one.source == "webhook-first"]
    assert [one.pulled for one in own] == [False, True], "what is known is not kept again"
    head = log.head()
    again = pull(worker, "webhook-first")
    assert (again.listed, again.known, again.recorded, again.missing) == (2, 2, 0, 0)
    assert log.head() == head + 1, "only the pull itself is recorded"


def test_what_was_pulled_is_known_when_its_webhook_comes_late(
    server: RunningService,
    olga: httpx2.Client,
    sender: httpx2.Client,
    worker: Desks,
    shop: PagedList,
) -> None:
    add_before(worker, "pull-first")
    late = item(order_number())
    shop.items = [late]
    set_up(olga, "pull-first", shop.url)
    assert pull(worker, "pull-first").recorded == 1
    trail = len(olga.get(f"/v1/orders/{late['number']}").json()["facts"])
    answer = send(sender, "pull-first", late, "order", "w-late").json()
    assert (answer["recorded"], answer["duplicate"], answer["reasons"]) == (0, 1, [])
    assert len(olga.get(f"/v1/orders/{late['number']}").json()["facts"]) == trail


def test_what_is_too_young_is_left_to_its_webhook(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "young")
    shop.items = [item(order_number(), ago(minutes=30)), item(order_number(), ago(minutes=2))]
    set_up(olga, "young", shop.url)
    assert (pull(worker, "young").listed, len(shop.asked)) == (1, 2)
    shop.items[1]["at"] = ago(minutes=6)
    second = worker.pulls.pull("young", None, lambda _: False)
    assert (second.listed, second.missing) == (1, 1), "of the first, the overlap has nothing"


def test_a_pull_begins_where_the_last_complete_one_ended(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "mark")
    set_up(olga, "mark", shop.url)
    begun = datetime.now(UTC)
    first = worker.pulls.pull("mark", None, lambda _: False)
    assert first.complete_until == first.until
    assert abs(first.until - (begun - timedelta(minutes=5))) < timedelta(seconds=30)
    second = worker.pulls.pull("mark", None, lambda _: False)
    assert second.since == first.until - timedelta(minutes=10)
    shown = olga.get("/v1/sources/mark").json()["pull"]
    assert datetime.fromisoformat(shown["complete_until"]) == second.complete_until
    assert shown["last"]["ended"] == "complete"
