"""Pulls from systems that refuse, limit, fail, lie, or lead elsewhere: nothing is half done, and the result says what to do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from api.composition import Desks
from domain.errors import Invalid
from domain.sources.errors import SourceStateWrong
from domain.sources.pulls import PullEnd
from tests.api.running_service import RunningService
from tests.sources.pullers import add_before, document, item, long_ago, pull, pulling_desks, set_up
from tests.sources.senders import order_number
from tests.sources.shops.local_system import TOKEN, Answer, Asked, Fault, running
from tests.sources.shops.paged_list import PagedList


@pytest.fixture(scope="module")
def worker(server: RunningService) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        yield working


@pytest.fixture
def shop() -> Iterator[PagedList]:
    with running(PagedList()) as system:
        system.items = [item(order_number()) for _ in range(7)]
        yield system


def _set_up(
    olga: httpx2.Client, worker: Desks, name: str, shop: PagedList, by: str = "page"
) -> None:
    add_before(worker, name)
    set_up(olga, name, shop.url, document=document(by))


OVER = 33 << 20


def stop_not(_: float) -> bool:
    return False


@pytest.mark.parametrize(
    ("name", "fault", "ended", "detail"),
    [
        ("status-401", Fault(401), PullEnd.REFUSED, "the secret is refused"),
        ("status-403", Fault(403), PullEnd.REFUSED, "no permission"),
        ("status-404", Fault(404), PullEnd.REFUSED, "check the address"),
        ("status-400", Fault(400), PullEnd.REFUSED, "parameters"),
        (
            "elsewhere",
            Fault(302, {"Location": "http://127.0.0.1:1/items"}),
            PullEnd.NOT_ALLOWED,
            "redirects are not followed",
        ),
        (
            "later",
            Fault(429, {"Retry-After": "3600"}),
            PullEnd.RATE_LIMITED,
            "not to be asked again for 3600 s",
        ),
        ("no-list", Fault(body=b'{"items": {"a": 1}}'), PullEnd.UNREADABLE, "names no list"),
        ("no-time", Fault(body=b'{"items": [{"number": "1"}]}'), PullEnd.UNREADABLE, "no time"),
        ("large", Fault(body=b"[" + b" " * OVER + b"]"), PullEnd.UNREADABLE, "more than 32 MiB"),
    ],
)
def test_a_pull_that_cannot_go_on_says_why(
    olga: httpx2.Client,
    worker: Desks,
    shop: PagedList,
    name: str,
    fault: Fault,
    ended: PullEnd,
    detail: str,
) -> None:
    _set_up(olga, worker, name, shop)
    shop.faults += [Fault(), fault]
    failed = pull(worker, name)
    assert (failed.ended, detail in failed.detail) == (ended, True), failed.detail
    assert (failed.recorded, failed.complete_until) == (3, None), "the first page stays"
    assert TOKEN not in failed.detail
    assert (failed.not_before is not None) is (ended is PullEnd.RATE_LIMITED)
    shown = olga.get(f"/v1/sources/{name}").json()["pull"]["last"]
    assert (shown["ended"], shown["detail"], shown["failures"]) == (ended, failed.detail, 1)
    again = pull(worker, name)
    assert (again.ended, again.listed, again.known, again.recorded) == (PullEnd.COMPLETE, 7, 3, 4)
    assert again.failures == 0


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("errors", [Fault(500), Fault(503)]),
        ("hang-up", [Fault(hang_up=True)]),
        ("cut-off", [Fault(cut_to=20)]),
        ("cut-json", [Fault(body=b'{"items": [{"num')]),
        ("slow", [Fault(seconds=0.8)]),
        ("limited", [Fault(429, {"Retry-After": "0.2"}), Fault(429)]),
        ("unavailable", [Fault(503, {"Retry-After": "0.1"})]),
    ],
)
def test_what_passes_is_waited_for(
    olga: httpx2.Client, worker: Desks, shop: PagedList, name: str, faults: list[Fault]
) -> None:
    _set_up(olga, worker, name, shop)
    shop.faults += [Fault(), *faults]
    times: list[float] = []
    shop.watch = lambda _: times.append(time.monotonic())
    pulled = pull(worker, name)
    assert (pulled.ended, pulled.detail, pulled.recorded) == (PullEnd.COMPLETE, "", 7)
    if name == "limited":
        assert times[2] - times[1] >= 0.2, "the limit is obeyed"


def test_a_limit_of_requests_is_obeyed_until_all_is_read(
    olga: httpx2.Client, worker: Desks
) -> None:
    with running(PagedList(size=1)) as shop:
        shop.items = [item(order_number()) for _ in range(8)]
        shop.bucket, shop.refill_per_second, shop.retry_after = 3, 5, "0.2"
        _set_up(olga, worker, "bucket", shop)
        assert pull(worker, "bucket").recorded == 8
        assert len(shop.asked) > 9, "some were refused"


def test_a_system_that_is_down_ends_the_pull(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    _set_up(olga, worker, "down", shop)
    shop.faults += [Fault(502)] * 3
    failed = pull(worker, "down")
    assert (failed.ended, "answered 502" in failed.detail) == (PullEnd.UNREACHABLE, True)
    assert "3 attempts" in failed.detail
    set_up(olga, "down", "http://127.0.0.1:1", document=document())
    assert pull(worker, "down").failures == 2


class _Repeating(PagedList):
    """Each page is the first one, whatever was asked for."""

    def answer(self, asked: Asked) -> Answer:
        if len(self.asked) > 9:
            return Answer({}, 410)
        found = super().answer(Asked(asked.path, {**asked.query, "page": "1"}, asked.headers))
        return Answer({**found.body, "at": time.monotonic()}, headers=found.headers)


class _Circling(PagedList):
    """Its pages lead back to one that was read."""

    def answer(self, asked: Asked) -> Answer:
        found = super().answer(asked)
        items = found.body["items"] if "from" not in asked.query else []
        return Answer({"items": items, "links": {"next": f"{self.url}/items?from=3"}})


@pytest.mark.parametrize(("system", "by"), [(_Repeating, "page"), (_Circling, "next_url")])
def test_pages_that_do_not_end_are_noticed(
    olga: httpx2.Client, worker: Desks, system: type[PagedList], by: str
) -> None:
    with running(system(by)) as shop:
        shop.items = [item(order_number()) for _ in range(7)]
        name = f"endless-{by.replace('_', '-')}"
        _set_up(olga, worker, name, shop, by)
        assert pull(worker, name).ended is PullEnd.ENDLESS
        assert len(shop.asked) <= 3


@pytest.mark.parametrize("by", ["next_url", "link_header"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "user@127.0.0.1"])
def test_the_secret_never_goes_to_another_host(
    olga: httpx2.Client, worker: Desks, by: str, host: str
) -> None:
    with running(PagedList(by)) as shop, running(PagedList(by)) as other:
        shop.items = [item(order_number()) for _ in range(7)]
        port = shop.url.rpartition(":")[2]
        there = host if ":" in host else f"{host}:{port}"
        shop.next_url = f"http://{there}/items?from=3"
        name = f"other-{by}-{host}".translate(str.maketrans("_.:@", "----"))
        _set_up(olga, worker, name, shop, by)
        failed = pull(worker, name)
        assert (failed.ended, len(shop.asked)) == (PullEnd.NOT_ALLOWED, 1)
        shop.next_url = f"{other.url}/items?from=3"
        assert pull(worker, name).ended is PullEnd.NOT_ALLOWED
        assert other.asked == []


def test_a_pull_that_is_stopped_is_done_again_from_its_beginning(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    _set_up(olga, worker, "stopped", shop)
    stop = threading.Event()
    shop.watch = lambda _: stop.set() if len(shop.asked) == 1 else None
    since = long_ago()
    stopped = worker.pulls.pull("stopped", since, stop.wait)
    assert stopped.recorded < 7
    assert (stopped.ended, stopped.failures, stopped.complete_until) == (PullEnd.STOPPED, 0, None)
    shop.watch = lambda _: None
    again = worker.pulls.pull("stopped", since, stop_not)
    assert (again.ended, again.recorded) == (PullEnd.COMPLETE, 7 - stopped.recorded)


def test_a_pull_that_is_killed_loses_nothing(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    """Whatever ends it: no event was recorded, so the next pull begins where this one did."""
    _set_up(olga, worker, "killed", shop)

    def die(_: Asked) -> None:
        if len(shop.asked) == 2:
            raise_in_pull.set()

    raise_in_pull = threading.Event()
    shop.watch = die

    def wait(_: float) -> bool:
        if raise_in_pull.is_set():
            raise SystemExit
        return False

    with pytest.raises(SystemExit):
        worker.pulls.pull("killed", long_ago(), wait)
    assert olga.get("/v1/sources/killed").json()["pull"]["last"] is None
    shop.watch = lambda _: None
    again = pull(worker, "killed")
    assert (again.listed, again.known + again.recorded) == (7, 7)


def test_what_cannot_be_asked_for(olga: httpx2.Client, worker: Desks, shop: PagedList) -> None:
    _set_up(olga, worker, "wrong", shop)
    with pytest.raises(Invalid, match="is not before"):
        worker.pulls.pull("wrong", worker.clock(), stop_not)
    olga.post("/v1/sources/wrong/pause", json={"reason": "Too much."})
    with pytest.raises(SourceStateWrong):
        pull(worker, "wrong")
    assert shop.asked == []


def test_the_secret_is_neither_shown_nor_recorded(
    server: RunningService, olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    _set_up(olga, worker, "hidden", shop)
    second = "another-token-of-ours"
    shop.token = second
    assert pull(worker, "hidden").ended is PullEnd.REFUSED
    settings = worker.sources.find("hidden").pull
    assert settings is not None
    assert settings.secret is not None
    keys = worker.vault
    assert keys is not None
    answer = olga.post("/v1/sources/hidden/pull-secret", json={"secret": second})
    assert answer.status_code == 200
    assert keys.keys.read(settings.secret) == b"destroyed"
    assert pull(worker, "hidden").ended is PullEnd.COMPLETE
    lines = [line.event for line in server.service.desks.log.read(0, 100_000)]
    told = json.dumps([repr(one) for one in lines]) + olga.get("/v1/sources").text + answer.text
    assert (TOKEN in told, second in told) == (False, False)
    refused = olga.post("/v1/sources/hidden/pull-secret", json={"secret": "töken"})
    assert (refused.status_code, "töken" in refused.text) == (422, False)
