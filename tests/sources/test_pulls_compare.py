"""What a pull finds missing is a case for the source's owner, each item is compared once, and silence is no less."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from api.commands.worker import run_pulls
from api.composition import Desks
from application.log.caller import operator_caller
from application.sources.ports import RawDelivery
from domain.people import OPERATOR_ACTOR
from domain.sources.pull_settings import ChoosePull
from domain.sources.pulls import PullEnd, SourcePulled
from domain.sources.source import PauseSource
from tests.sources.pullers import add_before, document, item, pulling_desks
from tests.sources.senders import order_number
from tests.sources.shops.local_system import TOKEN, Fault, running
from tests.sources.shops.paged_list import PagedList
from tests.sources.watched import WatchedSources

HOUR = timedelta(hours=1)


class Shop:
    """A source with a webhook and a list, at a time of its own."""

    def __init__(self, dsn: str, working: Desks, system: PagedList) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.working, self.system = working, system
        service = WatchedSources(working, dsn)
        service.update_reports()
        self.cases = service.cases
        add_before(working, "shop")
        self.set_up()

    def set_up(self) -> None:
        ask = ChoosePull(
            reason="Lost.",
            document=document(),
            address=self.system.url,
            secret=TOKEN,
            every_minutes=15,
        )
        self.working.sources.choose_pull("shop", ask, operator_caller(self.now))

    def list(self, count: int = 1, *, lost: int = 0, minutes: float = 10) -> None:
        """Items of some minutes ago; of these, so many are lost, and the others come by webhook."""
        at = (self.now - timedelta(minutes=minutes)).isoformat()
        items = [item(order_number(), at) for _ in range(count)]
        self.system.items += items
        raws = [RawDelivery(json.dumps(one).encode(), {"x-event": "order"}, {}) for one in items]
        self.working.deliveries.take_parts("shop", raws[lost:], OPERATOR_ACTOR, self.now)

    def pull(self, name: str = "shop", since: datetime | None = None) -> SourcePulled:
        self.system.clock_offset = self.now.timestamp() - time.time()
        return self.working.pulls.pull(name, since, lambda _: False)

    def pass_time(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    clock: list[Shop] = []
    with (
        running(PagedList()) as system,
        pulling_desks(dsn, lambda: clock[0].now if clock else datetime.now(UTC)) as working,
    ):
        clock.append(Shop(dsn, working, system))
        yield clock[0]


def test_what_is_missing_opens_a_case_and_a_list_that_agrees_settles_it(shop: Shop) -> None:
    shop.pass_time(HOUR)
    shop.list(3)
    assert (shop.pull().missing, shop.cases()) == (0, [])
    shop.pass_time(HOUR)
    shop.list(4, lost=2)
    pulled = shop.pull()
    assert (pulled.compared, pulled.missing, len(pulled.examples)) == (4, 2, 2)
    (case,) = shop.cases()
    assert (case.state, case.owner) == ("open", "order_desk")
    # The overlap lists the same items again: they were compared.
    shop.pass_time(timedelta(minutes=4))
    again = shop.pull()
    assert (again.listed, again.known, again.compared, again.missing) == (4, 4, 0, 0)
    assert [one.state for one in shop.cases()] == ["open"]
    shop.pass_time(HOUR)
    shop.list(2)
    assert (shop.pull().missing, [one.state for one in shop.cases()]) == (0, ["resolved"])


def test_a_pull_that_failed_settles_nothing_and_what_it_fetched_is_still_missing(
    shop: Shop,
) -> None:
    shop.pass_time(HOUR)
    shop.list(4, lost=4)
    shop.system.faults += [Fault(), Fault(403)]
    failed = shop.pull()
    assert (failed.ended, failed.recorded, failed.missing) == (PullEnd.REFUSED, 3, 3)
    assert [one.state for one in shop.cases()] == ["open"]
    shop.pass_time(HOUR)
    shop.list(1)
    again = shop.pull()
    assert (again.listed, again.compared, again.missing, again.recorded) == (5, 5, 4, 1)
    assert [one.state for one in shop.cases()] == ["open"]


def test_what_is_older_than_the_source_or_its_pause_is_not_missing(shop: Shop) -> None:
    month = timedelta(days=31).total_seconds() / 60
    shop.list(2, lost=2, minutes=month)
    shop.pass_time(HOUR)
    ask = PauseSource(reason="A test.")
    shop.working.sources.pause("shop", ask, operator_caller(shop.now))
    shop.list(2, lost=2, minutes=10)
    shop.pass_time(HOUR)
    shop.working.sources.resume("shop", ask, operator_caller(shop.now))
    shop.pass_time(HOUR)
    shop.list(1, minutes=10)
    since = shop.now - timedelta(days=40)
    pulled = shop.pull(since=since)
    assert (pulled.listed, pulled.recorded) == (5, 4)
    assert (pulled.compared, pulled.missing, shop.cases()) == (1, 0, [])


def test_a_source_without_a_webhook_misses_nothing(shop: Shop) -> None:
    add_before(shop.working, "files", scheme=None, secret=None)
    ask = ChoosePull(reason="No webhook.", document=document(), address=shop.system.url, secret=TOKEN)  # fmt: skip
    reply = shop.working.sources.choose_pull("files", ask, operator_caller(shop.now))
    assert reply.source.pull is not None
    assert reply.source.pull.grace_minutes == 0
    shop.pass_time(HOUR)
    shop.list(2, lost=2)
    pulled = shop.pull("files")
    assert (pulled.recorded, pulled.compared, pulled.missing) == (2, None, None)
    assert shop.cases() == []


def test_the_clock_of_the_system_counts_where_it_is_behind_ours(shop: Shop) -> None:
    shop.pass_time(HOUR)
    shop.system.clock_offset = (shop.now - HOUR / 2).timestamp() - time.time()
    pulled = shop.working.pulls.pull("shop", None, lambda _: False)
    behind = shop.now - HOUR / 2 - timedelta(minutes=5)
    assert abs(pulled.until - behind) < timedelta(seconds=30)
    assert pulled.complete_until == pulled.until


def test_a_worker_pulls_by_itself(shop: Shop) -> None:
    shop.system.clock_offset = shop.now.timestamp() - time.time()
    stop = threading.Event()
    thread = threading.Thread(target=run_pulls, args=(shop.working, stop))
    thread.start()
    ends_at = time.monotonic() + 30
    while shop.working.pulls.states(["shop"])["shop"].last is None:
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    stop.set()
    thread.join(30)
    last = shop.working.pulls.states(["shop"])["shop"].last
    assert last is not None
    assert last.ended is PullEnd.COMPLETE


def test_the_worker_pulls_when_it_is_time(shop: Shop) -> None:
    pulls = shop.working.pulls
    assert pulls.due() == ["shop"], "it was never pulled"
    assert pulls.pull_if_due("shop", lambda _: False)
    assert pulls.due() == []
    assert not pulls.pull_if_due("shop", lambda _: False)
    shop.pass_time(timedelta(minutes=15))
    assert pulls.due() == ["shop"]
    assert not pulls.pull_if_due("shop", lambda _: True), "it is to stop"
    shop.working.sources.pause("shop", PauseSource(reason="A test."), operator_caller(shop.now))
    assert pulls.due() == []
