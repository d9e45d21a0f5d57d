"""A request ends in time wherever it is, and a pull that is told to stop does so while a system keeps it waiting."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from msgspec import structs

from api.commands.worker import run_pulls
from api.composition import Desks
from domain.sources.pulls import PullEnd
from infrastructure.pulls import addresses
from infrastructure.pulls.listing import HttpListing
from tests.api.running_service import RunningService
from tests.cli.conftest import ROOT, command, environment
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
from tests.sources.senders import order_number
from tests.sources.shops.local_system import Fault, running
from tests.sources.shops.paged_list import PagedList

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HANDSHAKE = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"
"""The beginning of an answer to a TLS handshake that is 16 KiB long."""
UNPACKED = HEAD + b"Content-Length: 9000\r\n\r\n["


@pytest.fixture(scope="module")
def worker(server: RunningService) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        yield working


@pytest.fixture
def shop() -> Iterator[PagedList]:
    with running(PagedList()) as system:
        system.items = [item(order_number()) for _ in range(7)]
        yield system


@contextmanager
def dripping(first: bytes, drip: bytes) -> Iterator[tuple[int, list[float]]]:
    """A port that answers with this beginning, and then a little every 50 ms; and when each connection ended."""
    ended: list[float] = []

    def serve(one: socket.socket) -> None:
        with one:
            one.recv(65_536)
            try:
                one.sendall(first)
                while True:
                    one.sendall(drip)
                    time.sleep(0.05)
            except OSError:
                ended.append(time.monotonic())

    def accept() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(one,), daemon=True).start()

    with socket.create_server((HERE, 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], ended
        listener.shutdown(socket.SHUT_RDWR)


def be_patient(working: Desks, answer: float) -> None:
    """A long time for each read, and so many seconds for the whole answer."""
    patience = structs.replace(QUICK, answer=answer, between=60.0, attempts=2)
    working.pulls._listing = HttpListing((HERE,), patience)


@pytest.mark.parametrize(
    ("name", "scheme", "first", "drip"),
    [
        ("head", "http", HEAD, b"X-More: 1\r\n"),
        ("line", "http", b"HTTP/1.1 200 O", b"O"),
        ("body", "http", UNPACKED, b" "),
        ("tls", "https", HANDSHAKE, b"\x00"),
        ("informed", "http", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
)
def test_an_answer_that_drips_ends_in_time_wherever_it_is(
    olga: httpx2.Client, worker: Desks, name: str, scheme: str, first: bytes, drip: bytes
) -> None:
    add_before(worker, f"drip-{name}")
    be_patient(worker, 0.6)
    with dripping(first, drip) as (port, ended):
        set_up(olga, f"drip-{name}", f"{scheme}://{HERE}:{port}", document=document())
        began = time.monotonic()
        failed = pull(worker, f"drip-{name}")
        assert time.monotonic() - began < 3
        assert (failed.ended, failed.recorded) == (PullEnd.UNREACHABLE, 0)
        assert "the answer took longer than 1 s (2 attempts)" in failed.detail
        until = time.monotonic() + 5
        while len(ended) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(ended) == 2, "the connections are cut"


def test_a_name_that_is_not_looked_up_in_time_ends_the_request(
    olga: httpx2.Client, worker: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_before(worker, "named")
    be_patient(worker, 0.3)
    set_up(olga, "named", "https://slow.example.org", document=document())
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: time.sleep(3) or [])
    began = time.monotonic()
    assert pull(worker, "named").ended is PullEnd.UNREACHABLE
    assert time.monotonic() - began < 2


def test_a_system_that_was_cut_off_is_asked_again_on_another_connection(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "cut-off")
    be_patient(worker, 0.6)
    set_up(olga, "cut-off", shop.url, document=document())
    shop.faults += [Fault(), Fault(seconds=2)]
    pulled = pull(worker, "cut-off")
    assert (pulled.ended, pulled.recorded) == (PullEnd.COMPLETE, 7)


def stopped_soon(run: Callable[[threading.Event], object], shop: PagedList) -> None:
    """Run it until the system keeps its second request waiting; it must end soon after it is told to."""
    stop, asked = threading.Event(), threading.Event()
    shop.watch = lambda _: asked.set() if shop.asked else None
    shop.faults += [Fault(), Fault(seconds=8)]
    thread = threading.Thread(target=run, args=(stop,))
    thread.start()
    assert asked.wait(10)
    stop.set()
    began = time.monotonic()
    thread.join(20)
    assert time.monotonic() - began < 2


def test_a_pull_stops_while_a_system_keeps_it_waiting(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "stopping")
    be_patient(worker, 60)
    set_up(olga, "stopping", shop.url, document=document())
    since = datetime.now(UTC) - timedelta(days=2)
    stopped_soon(lambda stop: worker.pulls.pull("stopping", since, stop.wait), shop)
    last = worker.pulls.states(["stopping"])["stopping"].last
    assert last is not None
    assert (last.ended, last.recorded, last.failures) == (PullEnd.STOPPED, 3, 0)
    again = pull(worker, "stopping")
    assert (again.ended, again.known, again.recorded) == (PullEnd.COMPLETE, 3, 4)


def test_a_worker_stops_while_a_system_keeps_it_waiting(
    olga: httpx2.Client, worker: Desks, shop: PagedList
) -> None:
    add_before(worker, "worked")
    be_patient(worker, 60)
    shop.items = [item(order_number(), datetime.now(UTC).isoformat()) for _ in range(7)]
    set_up(olga, "worked", shop.url, document=document(), every_minutes=15, grace_minutes=0)
    stopped_soon(lambda stop: run_pulls(worker, stop), shop)
    last = worker.pulls.states(["worked"])["worked"].last
    assert last is not None
    assert last.ended is PullEnd.STOPPED
    assert worker.pulls.due() == ["worked"], "the next worker goes on at once"
    olga.post("/v1/sources/worked/pause", json={"reason": "The test is over."})


def test_a_large_page_is_not_recorded_to_its_end_once_the_pull_must_stop(
    olga: httpx2.Client, worker: Desks
) -> None:
    add_before(worker, "large-page")
    with running(PagedList(size=300)) as shop:
        shop.items = [item(order_number()) for _ in range(250)]
        set_up(olga, "large-page", shop.url, document=document())
        worker.pulls._listing = HttpListing((HERE,), QUICK)
        calls = iter(range(100))
        # Before the request, before each of two transactions, and then it is to stop.
        stopped = worker.pulls.pull(
            "large-page", datetime.now(UTC) - timedelta(days=2), lambda _: next(calls) > 2
        )
    assert (stopped.ended, stopped.recorded) == (PullEnd.STOPPED, 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_soon_after_a_signal(
    server: RunningService,
    olga: httpx2.Client,
    worker: Desks,
    shop: PagedList,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    name = f"told-{number.name.lower()}"
    add_before(worker, name)
    set_up(olga, name, shop.url, document=document())
    asked = threading.Event()
    shop.watch = lambda _: asked.set() if shop.asked else None
    shop.faults += [Fault(), Fault(seconds=15)]
    since = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    told = command(tmp_path / "home", "sources", "pull", name, "--since", since)
    env = {**environment(server.dsn), "CASETRAIL_PULL_HOSTS": HERE}
    with subprocess.Popen(told, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert asked.wait(60)
        process.send_signal(number)
        began = time.monotonic()
        out, _ = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert (process.returncode, "stopped" in out, "3 listed" in out) == (1, True, True), out
    again = pull(worker, name)
    assert (again.ended, again.known, again.recorded) == (PullEnd.COMPLETE, 3, 4)
