"""casetrail serve: starts with one command, loses nothing at kill -9, and explains why it cannot start."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx2
import psycopg

from api.composition import prepare_database
from tests.api.running_service import add_people
from tests.api.signals import order_id, placed, send, unavailable
from tests.cli.conftest import ROOT, Casetrail, command, environment

SECONDS = 20


@contextmanager
def serving(
    dsn: str, home: Path, log: IO[str] | int = subprocess.DEVNULL
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        command(home, "serve", "--port", 0),
        cwd=ROOT,
        env=environment(dsn),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip().removesuffix("/docs")
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                if httpx2.get(f"{url}/readyz", timeout=5).status_code == 200:
                    break
            except httpx2.HTTPError:
                assert time.monotonic() < deadline, "it does not serve"
            time.sleep(0.05)
        yield url, process
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def workers(dsn: str) -> int:
    """The number of connections that hold the lock of the reports."""
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        ).fetchone() or (0,)
    return int(count)


def test_after_kill_9_every_acknowledged_write_is_still_stored(
    database: str, tmp_path: Path
) -> None:
    prepare_database(database)
    headers = {"Authorization": f"Bearer {add_people(database)['ana']}"}
    key = {"Idempotency-Key": "before-the-kill"}
    claim = "/v1/queues/allocation_failure_review/claim-next"
    orders = [order_id() for _ in range(10)]
    with (
        serving(database, tmp_path) as (url, process),
        httpx2.Client(base_url=url, headers=headers, timeout=SECONDS) as ana,
    ):
        deadline = time.monotonic() + SECONDS
        while ana.get("/v1/queues").status_code == 401:  # until the worker has read the log
            assert time.monotonic() < deadline
            time.sleep(0.05)
        told = [signal for order in orders for signal in (placed(order), unavailable(order))]
        sent = send(ana, *told, **key)
        seen = {"Casetrail-Min-Position": sent.headers["Casetrail-Position"]}
        claimed = ana.post(claim, headers={"Idempotency-Key": "claim", **seen})
        assert claimed.status_code == 200
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + SECONDS
    while workers(database):  # its worker ends after its parent
        assert time.monotonic() < deadline, "the worker outlived the service"
        time.sleep(0.05)
    with (
        serving(database, tmp_path) as (url, process),
        httpx2.Client(base_url=url, headers=headers, timeout=SECONDS) as ana,
    ):
        again = send(ana, *told, **key)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.content) == (sent.status_code, sent.content)
        head = ana.get("/v1/events").json()["head"]
        same = ana.post(claim, headers={"Idempotency-Key": "claim"})
        assert (same.status_code, same.content) == (200, claimed.content)
        assert ana.get("/v1/events").json()["head"] == head
        positions = [
            line["position"]
            for after in range(0, head, 200)
            for line in ana.get(f"/v1/events?after={after}&limit=200").json()["items"]
        ]
        assert positions == list(range(1, head + 1))


def test_a_stranger_writes_no_lines_into_the_log(database: str, tmp_path: Path) -> None:
    """And a line about a request ends with its id."""
    log = tmp_path / "log"
    attack = (
        b"POST /v1/sources/x%0d%0a2026-11-30%20casetrail.access%20root%1b[31m/webhook HTTP/1.1\r\n"
    )
    with log.open("w") as file, serving(database, tmp_path, file) as (url, _):
        address = httpx2.URL(url)
        with socket.create_connection((address.host, address.port), SECONDS) as client:
            client.sendall(
                attack + b"Host: x\r\nX-Request-Id: cut-off\r\nContent-Length: 9\r\n\r\n{"
            )
        deadline = time.monotonic() + SECONDS
        while "the client left" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    (line,) = [one for one in log.read_text().split("\n") if "casetrail.access" in one]
    assert line.isprintable()
    assert line.endswith("before its body had come request_id=cut-off")


def test_a_port_in_use_gets_a_plain_error_and_nothing_starts(casetrail: Casetrail) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = casetrail("serve", "--port", taken.getsockname()[1], seconds=SECONDS)
    assert ran.returncode != 0
    assert " is in use. Choose another port with --port" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_unreachable_database_gets_a_plain_error(tmp_path: Path) -> None:
    ran = subprocess.run(
        command(tmp_path, "projections", "list"),
        cwd=ROOT,
        env=environment("postgresql://nobody@127.0.0.1:1/none"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 2
    assert "DATABASE_URL" in ran.stderr
    assert "Traceback" not in ran.stderr
