"""`casetrail serve` with its worker and its embedded database: single processes are killed, and all end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx2
import msgspec
import pytest

from api import serving as server_processes
from domain.orders.purchase_signals import Customer, OrderCancelled, OrderPlaced
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.survival.clients import STARTED_AT, headers_of, tokens_of
from tests.survival.programs import (
    Program,
    Programs,
    children_of,
    eventually,
    free_port,
    is_free,
    state_of,
    wait_until_answering,
)

GONE = ("", "Z")


def addresses_of(pid: int) -> list[str]:
    """The addresses at which the server processes hear each other, from the command line of one."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return re.findall("--process\0([^\0]+)", words)


class Serving:
    """A running `casetrail serve` on a home."""

    def __init__(self, programs: Programs, home: Path, *more: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        words = ("--home", home, "serve", "--port", self.port, *more)
        self.program: Program = programs.start(*words)
        wait_until_answering(self.program, self.url)

    def worker(self) -> int:
        """Wait for the worker; return its process id."""

        def found() -> list[int]:
            return children_of(self.program.pid, " worker ")

        (pid,) = eventually("it has a worker", found, within=15)
        return pid

    def two_others(self) -> list[int]:
        """The ids of the other processes of three; none unless both run and answer."""
        found = children_of(self.program.pid, " --beside ")
        return (
            found
            if len(found) == 2 and all(map(server_processes.answers, addresses_of(found[0])))
            else []
        )

    def open_and_show_a_case(self, token: str, order: str) -> None:
        """Send a signal, and read the case from the report that the worker keeps."""
        unpaid = OrderPlaced(
            source="storefront",
            id="placed",
            order=order,
            event_time=STARTED_AT,
            customer=Customer(id="C1"),
            tenders=(),
        )
        with httpx2.Client(
            base_url=self.url, headers=headers_of(token, None, None), timeout=20
        ) as http:
            answer = http.post("/v1/signals", content=msgspec.json.encode(unpaid))
            assert answer.status_code == 200, answer.text
            seen = http.get(
                f"/v1/cases?order={order}",
                headers={
                    "Casetrail-Min-Position": answer.headers["Casetrail-Position"],
                    "Prefer": "wait=10",
                },
            )
        assert seen.status_code == 200, seen.text
        assert len(seen.json()["items"]) == 1


@pytest.fixture
def token(home: Path) -> str:
    """A person's token on the database of the home. The server is stopped afterwards."""
    server = EmbeddedPostgres(home).start()
    server.ensure_database("casetrail")
    (token,) = tokens_of(server.dsn("casetrail"), ["ana"])
    server.leave()
    assert server.postmaster is None
    return token


def test_a_killed_worker_is_restarted(programs: Programs, home: Path, token: str) -> None:
    serving = Serving(programs, home)
    serving.open_and_show_a_case(token, "order-1")
    first = serving.worker()
    os.kill(first, signal.SIGKILL)
    second = eventually(
        "another worker runs",
        lambda: [pid for pid in children_of(serving.program.pid, " worker ") if pid != first],
        within=4,
    )
    serving.open_and_show_a_case(token, "order-2")
    assert children_of(serving.program.pid, " worker ") == second


def test_a_killed_service_frees_its_port_and_can_be_started_again(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home)
    worker = serving.worker()
    serving.open_and_show_a_case(token, "order-1")
    serving.program.kill()
    eventually("the worker has ended", lambda: state_of(worker) in GONE, within=15)
    eventually("the port is free", lambda: is_free(serving.port), within=15)

    after = Serving(programs, home)
    after.open_and_show_a_case(token, "order-2")
    after.program.terminate()
    assert EmbeddedPostgres(home).postmaster is None


def test_a_killed_process_of_several_is_replaced(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home, "--processes", 3)

    first = eventually("two more processes run", serving.two_others, within=20)
    serving.open_and_show_a_case(token, "order-1")
    os.kill(first[0], signal.SIGKILL)
    second = eventually(
        "another has taken its place",
        lambda: now if (now := serving.two_others()) != first else [],
        within=10,
    )
    assert first[1] in second

    # Connections are spread over all processes, so a process that does not answer would be noticed.
    def all_answer() -> bool:
        for _ in range(30):
            with httpx2.Client(base_url=serving.url, timeout=10) as http:
                assert http.get("/livez").status_code == 200
        return True

    eventually("all of them answer", all_answer, within=30)
    serving.open_and_show_a_case(token, "order-2")
    serving.program.kill()
    eventually("all have ended", lambda: all(state_of(pid) in GONE for pid in second), within=10)
    eventually("the port is free", lambda: is_free(serving.port), within=15)


def test_a_second_service_on_the_same_port_fails(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home, "--processes", 2)
    serving.open_and_show_a_case(token, "order-1")
    other = programs.start("--home", home, "serve", "--port", serving.port, "--processes", 2)
    assert other.ended(within=20) == 1
    assert "in use" in other.output


def sigterm(serving: Serving) -> None:
    os.kill(serving.program.pid, signal.SIGTERM)


def control_c(serving: Serving) -> None:
    serving.program.control_c()


@pytest.mark.parametrize("stop", [sigterm, control_c])
def test_a_stopped_service_stops_its_worker_and_its_database(
    programs: Programs, home: Path, token: str, stop: Callable[[Serving], None]
) -> None:
    first, second = Serving(programs, home), Serving(programs, home)
    first.open_and_show_a_case(token, "order-1")
    workers = [first.worker(), second.worker()]
    server = EmbeddedPostgres(home)
    postmaster = server.postmaster
    assert postmaster is not None

    stop(first)
    first.program.ended(within=15)
    eventually("its worker has ended", lambda: state_of(workers[0]) in GONE, within=15)
    assert is_free(first.port)
    assert "Traceback" not in first.program.output
    # The second service still uses the database.
    assert server.postmaster == postmaster
    second.open_and_show_a_case(token, "order-2")

    stop(second)
    second.program.ended(within=15)
    eventually("its worker has ended", lambda: state_of(workers[1]) in GONE, within=15)
    assert is_free(second.port)
    assert server.postmaster is None, "the last user has gone and the server still runs"


def test_every_process_gives_the_same_answers_to_signals(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home, "--processes", 3)
    eventually("two more processes run", serving.two_others, within=20)
    headers = {"Authorization": f"Bearer {token}"}

    def send(body: bytes, **more: str) -> httpx2.Response:
        """Send on a new connection, so that any of the three processes may get it."""
        with httpx2.Client(base_url=serving.url, headers=headers, timeout=20) as http:
            more = {"Content-Type": "application/json", **more}
            return http.post("/v1/signals", content=body, headers=more)

    def cancellation(number: int) -> bytes:
        cancelled = OrderCancelled(
            source="oms", id=f"c-{number}", order="order-9", event_time=STARTED_AT
        )
        return msgspec.json.encode(cancelled)

    eventually("it takes signals", lambda: send(cancellation(0)).status_code == 200, within=20)
    first = [send(cancellation(number)) for number in range(1, 25)]
    assert {answer.status_code for answer in first} == {200}
    assert all(answer.json()["outcome"] == "recorded" for answer in first)
    again = [send(cancellation(number)) for number in range(25)]
    assert all(answer.json()["outcome"] == "duplicate" for answer in again)
    # All processes give the same answers, with the same headers.
    keyed = [send(cancellation(30), **{"Idempotency-Key": "k-30"}) for _ in range(12)]
    assert len({answer.content for answer in keyed}) == 1
    assert sum(answer.headers.get("Idempotent-Replayed") == "true" for answer in keyed) == 11
    named = {"X-Request-Id": "the-same"}
    wrong = [send(b'{"type": "nonsense"}', **named) for _ in range(12)]
    assert len({(answer.status_code, answer.content) for answer in wrong}) == 1
    large = [send(b'"' + b"x" * (1 << 20) + b'"') for _ in range(12)]
    assert {answer.status_code for answer in large} == {413}
    assert {answer.json()["type"] for answer in large} == {"/problems/too-large"}
    # As curl sends a large body: it may wait until the service asks for it.
    asked = [send(cancellation(40), Expect="100-continue") for _ in range(12)]
    assert {answer.status_code for answer in asked} == {200}
    assert sum(answer.json()["outcome"] == "recorded" for answer in asked) == 1


def test_a_frozen_process_is_replaced_and_others_record_its_signals(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home, "--processes", 3)
    first = eventually("two more processes run", serving.two_others, within=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(id: str, seconds: float = 30) -> dict[str, int] | None:
        """Signals of many orders, so that each process has some of them; None without an answer."""
        batch = [
            OrderCancelled(source="oms", id=id, order=f"order-{n}", event_time=STARTED_AT)
            for n in range(60)
        ]
        body = msgspec.json.encode(batch)
        try:
            with httpx2.Client(base_url=serving.url, headers=headers, timeout=seconds) as http:
                answer = http.post("/v1/signals", content=body)
        except httpx2.TransportError:
            return None  # it was the frozen process that took the connection
        assert answer.status_code == 200, answer.text
        found: dict[str, int] = answer.json()
        return found

    eventually("it takes signals", lambda: send("first"), within=20)
    os.kill(first[0], signal.SIGSTOP)
    recorded = eventually("others record all signals", lambda: send("frozen", 4), within=20)
    assert recorded["recorded"] + recorded["duplicate"] == 60
    second = eventually(
        "another has taken its place",
        lambda: now if (now := serving.two_others()) != first else [],
        within=20,
    )
    assert first[1] in second
    assert state_of(first[0]) in GONE
    again = send("frozen")
    assert again is not None
    assert (again["recorded"], again["duplicate"]) == (0, 60)
    after = [send(f"after-{n}") for n in range(12)]
    assert all(one is not None and one["recorded"] == 60 for one in after)


def test_a_process_that_never_answers_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_processes, "FIRST_ANSWER_SECONDS", 1.0)
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        code = server_processes.wait_unless_frozen(sleeping, f"http://127.0.0.1:{free_port()}")
        assert code == -signal.SIGKILL
    finally:
        sleeping.kill()


def test_a_batch_is_processed_by_the_processes_of_its_orders(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home, "--processes", 3)

    processes = eventually("two more processes run", serving.two_others, within=20)
    headers = {"Authorization": f"Bearer {token}"}

    def send(signals: Sequence[object], *, lines: bool = False) -> httpx2.Response:
        body = msgspec.json.encode(signals)
        kind = "application/json"
        if lines:
            body = b"\n".join(map(msgspec.json.encode, signals))
            kind = "application/x-ndjson"
        with httpx2.Client(base_url=serving.url, headers=headers, timeout=30) as http:
            return http.post("/v1/signals", content=body, headers={"Content-Type": kind})

    def cancellations(id: str) -> list[OrderCancelled]:
        return [
            OrderCancelled(
                source="oms", id=id, order=f"order-{n % 40}", event_time=STARTED_AT, shop=shop
            )
            for n in range(80)
            for shop in ("default" if n < 40 else "fr",)
        ]

    eventually("it takes signals", lambda: send(cancellations("a")[:1]).is_success, within=20)
    for n, lines in enumerate((False, True)):
        batch: list[object] = [*cancellations(f"b{n}")]
        batch.insert(7, {"type": "nonsense", "order": "order-3"})
        answer = send(batch, lines=lines)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["recorded"], found["refused"]) == (80, 1)
        assert found["items"][7]["problem"]["type"] == "/problems/invalid"
        named = [(one["order"], one["shop"]) for one in found["items"] if "shop" in one]
        assert named == [(f"order-{n % 40}", "default" if n < 40 else "fr") for n in range(80)]
        # What it recorded can be read from any process, at the position of the answer.
        seen = httpx2.get(
            f"{serving.url}/v1/orders/order-39?shop=fr",
            headers={
                **headers,
                "Casetrail-Min-Position": answer.headers["Casetrail-Position"],
                "Prefer": "wait=10",
            },
            timeout=30,
        )
        assert seen.status_code == 200, seen.text

    # Signals that name their order by references need the others of their batch.
    placed = {
        "type": "order.placed",
        "source": "storefront",
        "event_time": STARTED_AT.isoformat(),
        "lines": [],
    }
    told: list[object] = []
    for n in range(20):
        told += [
            {
                "type": "payment.captured",
                "source": "psp",
                "id": f"c{n}",
                "event_time": STARTED_AT.isoformat(),
                "refs": {"checkout": f"co-{n}"},
                "amount": {"amount": "1.00", "currency": "EUR"},
            },
            {**placed, "id": f"p{n}", "order": f"new-{n}", "refs": {"checkout": f"co-{n}"}},
        ]
    assert send(told).json()["recorded"] == 40

    # A process that ends takes no signals with it: its place is taken, or the sender repeats.
    os.kill(processes[0], signal.SIGKILL)
    signals = cancellations("c")

    def all_recorded() -> bool:
        answer = send(signals)
        assert answer.status_code in (200, 503), (answer.text, serving.program.output)
        return answer.status_code == 200 and answer.json()["refused"] == 0

    eventually("the batch is recorded", all_recorded, within=30)
    assert send(signals).json()["duplicate"] == 80
