"""`casetrail projections rebuild` beside other processes: a worker, a frozen one, an older one, a reader."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infrastructure.projections.runner import OWNER_LOCK
from projections.queue import QUEUE
from tests.api.running_service import run_service
from tests.api.signals import order_id, placed, send, unavailable
from tests.cli.conftest import ROOT, Casetrail, command, environment
from tests.cli.copies import copy_of_the_project, owners, running_worker, session_that_holds
from tests.survival.programs import eventually

WITHIN = 30
READER = "an-analyst"
GENERATIONS = "SELECT generation, version, live FROM projections WHERE name = 'queue' ORDER BY 1"
TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'views' AND tablename ~ '^queue_[0-9]+$'"
)
BEHIND = "SELECT head.position - p.position FROM projections p, log_head head WHERE name = 'queue' AND live"


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def add_orders(shop: httpx2.Client, orders: int = 1) -> None:
    for order in [order_id() for _ in range(orders)]:
        send(shop, placed(order), unavailable(order))


@pytest.fixture(scope="module", autouse=True)
def shop(database: str) -> Iterator[httpx2.Client]:
    """A client that sends signals; the log already has some."""
    with run_service(database, reports=False) as server, server.client_as("shop") as shop:
        add_orders(shop, 20)
        yield shop


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "worker"


def start_rebuild(dsn: str, home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(home, "projections", "rebuild", "queue", *words),
        cwd=ROOT,
        env=environment(dsn),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_running_worker_rebuilds_the_report_and_maintains_it(
    casetrail: Casetrail, database: str, home: Path, shop: httpx2.Client
) -> None:
    with running_worker(database, home) as worker:
        ran = casetrail("projections", "rebuild", "queue", "--json")
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout)
        assert (told["report"], told["live"], told["note"]) == ("queue", True, None)
        assert told["folded_by"] == "worker"
        assert f"process {worker.pid} on this machine, connected since 20" in ran.stderr
        assert rows(database, GENERATIONS) == [(told["generation"], QUEUE.version, True)]
        before = rows(database, "SELECT count(*) FROM views.queue")
        add_orders(shop)
        eventually("it is kept up", lambda: rows(database, BEHIND) == [(0,)], within=WITHIN)
        assert rows(database, "SELECT count(*) FROM views.queue") != before
        assert worker.poll() is None


def test_a_frozen_worker_does_not_stop_a_rebuild(
    casetrail: Casetrail, database: str, home: Path, shop: httpx2.Client
) -> None:
    with running_worker(database, home) as worker:
        worker.send_signal(signal.SIGSTOP)
        ran = casetrail("projections", "rebuild", "queue")
        assert ran.returncode == 0, ran.stderr
        assert "queue is live as generation" in ran.stdout
        worker.send_signal(signal.SIGCONT)
        name = f"casetrail {worker.pid}"
        eventually(
            "it goes on",
            lambda: worker.poll() is not None or name in owners(database),
            within=WITHIN,
        )
        assert worker.poll() is None, home.with_suffix(".log").read_text()
        add_orders(shop)
        eventually("it is kept up", lambda: rows(database, BEHIND) == [(0,)], within=WITHIN)


def test_a_frozen_owner_of_the_lock_is_named(casetrail: Casetrail, database: str) -> None:
    lock = f"SELECT pg_advisory_lock({OWNER_LOCK})"
    with session_that_holds(database, lock, "casetrail 4711") as owner:
        owner.send_signal(signal.SIGSTOP)
        ran = casetrail("projections", "rebuild", "queue")
        assert ran.returncode == 0, ran.stderr
        assert re.search(
            r"process 4711 on this machine, has done nothing since 20.*frozen", ran.stderr
        )
        assert "this command folds it itself" in ran.stderr
        assert "queue is live as generation" in ran.stdout


def test_a_reader_with_an_open_transaction_is_named_after_a_limited_wait(
    casetrail: Casetrail, database: str, home: Path
) -> None:
    assert casetrail("projections", "rebuild", "queue").returncode == 0
    before = rows(database, GENERATIONS)
    reading = "SELECT count(*) FROM views.queue"
    with running_worker(database, home), session_that_holds(database, reading, READER):
        ran = casetrail("projections", "rebuild", "queue", "--wait", "4")
        assert ran.returncode == 2
        assert "No progress for 4 s" in ran.stderr
        assert READER in ran.stderr
        assert "idle in transaction since 20" in ran.stderr
        assert "--wait SECONDS" in ran.stderr
        assert "Traceback" not in ran.stderr
        # Other reads still work while the worker tries to switch.
        impatient = make_conninfo(database, options="-c statement_timeout=5s")
        assert rows(impatient, reading) != []
    assert rows(database, GENERATIONS) == before
    assert len(rows(database, TABLES)) == 1


def test_control_c_leaves_the_live_report_unchanged(
    casetrail: Casetrail, database: str, home: Path, tmp_path: Path
) -> None:
    assert casetrail("projections", "rebuild", "queue").returncode == 0
    before = rows(database, GENERATIONS)
    reading = "SELECT count(*) FROM views.queue"
    with (
        running_worker(database, home),
        session_that_holds(database, reading, READER),
        start_rebuild(database, tmp_path / "home") as rebuild,
    ):
        assert rebuild.stderr is not None
        assert "Waiting for the worker" in rebuild.stderr.readline()
        eventually("it has begun", lambda: len(rows(database, GENERATIONS)) == 2, within=WITHIN)
        rebuild.send_signal(signal.SIGINT)
        _, told = rebuild.communicate(timeout=WITHIN)
        assert rebuild.returncode == 1
        assert "The live report queue is unchanged." in told
        assert "Traceback" not in told
        assert rows(database, GENERATIONS) == before
        assert len(rows(database, TABLES)) == 1


def test_a_new_version_is_built_beside_the_service_and_used_after_a_restart(
    casetrail: Casetrail, database: str, home: Path, tmp_path: Path
) -> None:
    newer = copy_of_the_project(tmp_path)
    report = newer / "projections" / "queue.py"
    text = report.read_text()
    version = QUEUE.version
    assert text.count(f"version={version},") == 1
    report.write_text(text.replace(f"version={version},", f"version={version + 1},"))
    with running_worker(database, home) as old:
        ran = subprocess.run(
            command(tmp_path / "home", "projections", "rebuild", "queue"),
            cwd=newer,
            env={**environment(database), "PYTHONPATH": str(newer)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert f"Version {version + 1} is ready." in ran.stdout
        assert f"process {old.pid}" in ran.stdout
        assert "Restart the service" in ran.stdout
        found = rows(database, GENERATIONS)
        assert [row[1:] for row in found] == [(version, True), (version + 1, False)]
    with running_worker(database, tmp_path / "new", newer):
        eventually(
            "the new version is live",
            lambda: rows(database, GENERATIONS) == [(found[1][0], version + 1, True)],
            within=WITHIN,
        )
    assert casetrail("projections", "rebuild", "queue").returncode == 0
