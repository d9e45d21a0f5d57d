"""One source is pulled by one process at a time, and is free as soon as that has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx2
import pytest

from api.composition import Desks
from domain.sources.errors import SourceBeingPulled
from domain.sources.pulls import SourcePulled
from infrastructure.postgres.datastore import connect
from infrastructure.pulls.locks import PullLocks
from tests.api.running_service import RunningService
from tests.sources.pullers import add_before, document, item, pull, pulling_desks, set_up
from tests.sources.senders import order_number
from tests.sources.shops.local_system import Asked, running
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


def stop_not(_: float) -> bool:
    return False


def test_one_process_pulls_a_source_at_a_time(
    server: RunningService, olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "alone")
    set_up(olga, "alone", shop.url, document=document())
    entered, leave = threading.Event(), threading.Event()

    def hold(_: Asked) -> None:
        entered.set()
        leave.wait(10)

    shop.watch = hold
    found: list[SourcePulled] = []
    thread = threading.Thread(target=lambda: found.append(pull(worker, "alone")))
    thread.start()
    assert entered.wait(10)
    with pulling_desks(server.dsn) as other:
        with pytest.raises(SourceBeingPulled):
            pull(other, "alone")
        assert other.pulls.pull_if_due("alone", stop_not) is False
    leave.set()
    thread.join(30)
    assert [one.recorded for one in found] == [7]


def test_a_source_is_free_as_soon_as_its_pull_has_ended(
    server: RunningService, worker: Desks
) -> None:
    locks = PullLocks(worker.datastore)
    with connect(server.dsn) as other:
        for n in range(20):
            with locks(f"free-{n}") as is_mine, locks(f"free-{n}") as again:
                assert (is_mine, again) == (True, False)
            key = "hashtextextended('casetrail:pull:' || %s, 0)"
            row = other.execute(f"SELECT pg_try_advisory_lock({key})", (f"free-{n}",)).fetchone()
            assert row == (True,)
