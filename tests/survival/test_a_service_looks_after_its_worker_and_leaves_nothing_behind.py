"""`casetrail serve` with its worker and its embedded database: killed in parts, and ended."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx2
import msgspec
import pytest

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


class Serving:
    """A running `casetrail serve` on a home."""

    def __init__(self, programs: Programs, home: Path, *more: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        words = ("--home", home, "serve", "--port", self.port, *more)
        self.program: Program = programs.start(*words)
        wait_until_answering(self.program, self.url)

    def worker(self) -> int:
        """The worker's process, once there is one."""

        def found() -> list[int]:
            return children_of(self.program.pid, " worker ")

        (pid,) = eventually("it has a worker", found, within=15)
        return pid

    def opens_and_shows_a_case(self, token: str, order: str) -> None:
        """The whole way: a signal in, and the report that the worker keeps."""
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
            told = http.post("/v1/signals", content=msgspec.json.encode(unpaid))
            assert told.status_code == 200, told.text
            seen = http.get(
                f"/v1/cases?order={order}",
                headers={
                    "Casetrail-Min-Position": told.headers["Casetrail-Position"],
                    "Prefer": "wait=10",
                },
            )
        assert seen.status_code == 200, seen.text
        assert len(seen.json()["items"]) == 1


@pytest.fixture
def token(home: Path) -> str:
    """Of a person on the home's database. The server is left running by nobody: it is stopped."""
    server = EmbeddedPostgres(home).start()
    server.ensure_database("casetrail")
    (token,) = tokens_of(server.dsn("casetrail"), ["ana"])
    server.leave()
    assert server.postmaster is None
    return token


def test_a_killed_worker_is_started_again(programs: Programs, home: Path, token: str) -> None:
    serving = Serving(programs, home)
    serving.opens_and_shows_a_case(token, "order-1")
    first = serving.worker()
    os.kill(first, signal.SIGKILL)
    second = eventually(
        "another worker runs",
        lambda: [pid for pid in children_of(serving.program.pid, " worker ") if pid != first],
        within=4,
    )
    serving.opens_and_shows_a_case(token, "order-2")
    assert children_of(serving.program.pid, " worker ") == second


def test_a_killed_service_leaves_no_worker_and_no_port_and_the_next_one_takes_over(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home)
    worker = serving.worker()
    serving.opens_and_shows_a_case(token, "order-1")
    serving.program.kill()
    eventually("the worker has ended", lambda: state_of(worker) in GONE, within=15)
    eventually("nobody listens there any more", lambda: is_free(serving.port), within=15)

    after = Serving(programs, home)
    after.opens_and_shows_a_case(token, "order-2")
    after.program.terminate()
    assert EmbeddedPostgres(home).postmaster is None


def test_several_processes_answer_and_one_that_is_killed_is_missed_by_nobody_for_long(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home, "--processes", 3)

    def beside() -> list[int]:
        found = children_of(serving.program.pid, " --beside ")
        return found if len(found) == 2 else []

    first = eventually("two serve beside it", beside, within=20)
    serving.opens_and_shows_a_case(token, "order-1")
    os.kill(first[0], signal.SIGKILL)
    second = eventually(
        "another has taken its place", lambda: beside() if beside() != first else [], within=10
    )
    assert first[1] in second

    # Connections are spread over all of them: what nobody accepts would wait for ever.
    def all_answer() -> bool:
        for _ in range(30):
            with httpx2.Client(base_url=serving.url, timeout=10) as http:
                assert http.get("/livez").status_code == 200
        return True

    eventually("all of them answer", all_answer, within=30)
    serving.opens_and_shows_a_case(token, "order-2")
    serving.program.kill()
    eventually("all have ended", lambda: all(state_of(pid) in GONE for pid in second), within=10)
    eventually("nobody listens there any more", lambda: is_free(serving.port), within=15)


def test_an_address_that_somebody_serves_is_not_shared(
    programs: Programs, home: Path, token: str
) -> None:
    serving = Serving(programs, home, "--processes", 2)
    serving.opens_and_shows_a_case(token, "order-1")
    other = programs.start("--home", home, "serve", "--port", serving.port, "--processes", 2)
    assert other.ended(within=20) == 1
    assert "taken" in other.output


def sigterm(serving: Serving) -> None:
    os.kill(serving.program.pid, signal.SIGTERM)


def control_c(serving: Serving) -> None:
    serving.program.control_c()


@pytest.mark.parametrize("tell", [sigterm, control_c])
def test_a_service_that_is_told_to_end_takes_everything_with_it(
    programs: Programs, home: Path, token: str, tell: Callable[[Serving], None]
) -> None:
    first, second = Serving(programs, home), Serving(programs, home)
    first.opens_and_shows_a_case(token, "order-1")
    workers = [first.worker(), second.worker()]
    server = EmbeddedPostgres(home)
    postmaster = server.postmaster
    assert postmaster is not None

    tell(first)
    first.program.ended(within=15)
    eventually("its worker has ended", lambda: state_of(workers[0]) in GONE, within=15)
    assert is_free(first.port)
    assert "Traceback" not in first.program.output
    # Somebody still uses the database.
    assert server.postmaster == postmaster
    second.opens_and_shows_a_case(token, "order-2")

    tell(second)
    second.program.ended(within=15)
    eventually("its worker has ended", lambda: state_of(workers[1]) in GONE, within=15)
    assert is_free(second.port)
    assert server.postmaster is None, "the last user has gone and the server still runs"


def test_signals_are_taken_whoever_gets_them(programs: Programs, home: Path, token: str) -> None:
    serving = Serving(programs, home, "--processes", 3)
    eventually(
        "two serve beside it",
        lambda: len(children_of(serving.program.pid, " --beside ")) == 2,
        within=20,
    )
    headers = {"Authorization": f"Bearer {token}"}

    def send(body: bytes, **more: str) -> httpx2.Response:
        """Over a connection of its own: any of the three may get it."""
        with httpx2.Client(base_url=serving.url, headers=headers, timeout=20) as http:
            more = {"Content-Type": "application/json", **more}
            return http.post("/v1/signals", content=body, headers=more)

    def cancelled(number: int) -> bytes:
        told = OrderCancelled(
            source="oms", id=f"c-{number}", order="order-9", event_time=STARTED_AT
        )
        return msgspec.json.encode(told)

    eventually("it takes signals", lambda: send(cancelled(0)).status_code == 200, within=20)
    told = [send(cancelled(number)) for number in range(1, 25)]
    assert {answer.status_code for answer in told} == {200}
    assert all(answer.json()["outcome"] == "recorded" for answer in told)
    again = [send(cancelled(number)) for number in range(25)]
    assert all(answer.json()["outcome"] == "duplicate" for answer in again)
    # The same answers, with what belongs to them, wherever they were made.
    keyed = [send(cancelled(30), **{"Idempotency-Key": "k-30"}) for _ in range(12)]
    assert len({answer.content for answer in keyed}) == 1
    assert sum(answer.headers.get("Idempotent-Replayed") == "true" for answer in keyed) == 11
    wrong = [send(b'{"type": "nonsense"}') for _ in range(12)]
    assert len({(answer.status_code, answer.content) for answer in wrong}) == 1
    large = [send(b'"' + b"x" * (1 << 20) + b'"') for _ in range(12)]
    assert {answer.status_code for answer in large} == {413}
    assert {answer.json()["type"] for answer in large} == {"/problems/too-large"}
