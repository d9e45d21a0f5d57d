"""Maintenance, frozen processes and restarts of the database do not stop appends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from application.log.recorder import Append
from infrastructure.event_store.migrations import migrate
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.event_store.appends import (
    append_of,
    call_all_at_once,
    event,
    read,
    start_calls,
    stored,
    wait_until,
)
from tests.event_store.writer_process import ROOT, Writer

HOLD_THE_HEAD = """
import sys
from infrastructure.postgres.datastore import connect
connection = connect(sys.argv[1])
connection.execute("BEGIN")
connection.execute("UPDATE log_head SET position = position + 1")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def freeze() -> Iterator[Callable[[subprocess.Popen[str]], None]]:
    """Stop processes until they get SIGCONT; kill them at the end of the test."""
    frozen: list[subprocess.Popen[str]] = []

    def freeze(process: subprocess.Popen[str]) -> None:
        frozen.append(process)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)

    yield freeze
    for process in frozen:
        with process:
            process.kill()


def test_appends_continue_during_a_vacuum(postgres: PostgresLogRecorder, dsn: str) -> None:
    """The library's own recorder takes a table lock, which VACUUM blocks."""
    postgres.append(append_of(*(event() for _ in range(5_000))))
    done = threading.Event()

    def vacuum() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            # Slow enough to be still running after the appends.
            connection.execute("SET vacuum_cost_delay = '20ms'; SET vacuum_cost_limit = 20")
            connection.execute("VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) stored_events")
            done.set()

    finish = start_calls([vacuum])
    at_work = (
        "SELECT 1 FROM pg_stat_progress_vacuum WHERE relid = 'stored_events'::regclass "
        "AND datname = current_database()"
    )
    wait_until(lambda: read(dsn, at_work))
    for position in range(5_001, 5_051):
        assert postgres.append(append_of()) == position
    assert not done.is_set(), "all of them during the VACUUM"
    end_of = "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_vacuum WHERE datname = current_database()"
    read(dsn, end_of)
    finish(10)


def test_appends_continue_while_another_writer_is_frozen(
    postgres: PostgresLogRecorder, dsn: str, freeze: Callable[[subprocess.Popen[str]], None]
) -> None:
    writer = Writer(dsn, threads=8)
    wait_until(lambda: len(writer.acknowledged) > 100)
    freeze(writer.process)
    results = call_all_at_once([lambda: postgres.append(append_of())] * 50, seconds=5)
    assert all(isinstance(one, int) for one in results)
    before = len(writer.acknowledged)
    writer.process.send_signal(signal.SIGCONT)
    wait_until(lambda: len(writer.acknowledged) > before + 50)
    writer.kill()
    log = dict(stored(dsn))
    assert writer.acknowledged.items() <= log.items()
    assert [*log] == [*range(1, len(log) + 1)]


def test_appends_continue_after_a_frozen_process_took_the_head_lock(
    postgres: PostgresLogRecorder, dsn: str, freeze: Callable[[subprocess.Popen[str]], None]
) -> None:
    """The process is frozen inside a transaction. Its connection is ended, and its work rolled back."""
    assert postgres.append(append_of()) == 1
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_HEAD, dsn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    freeze(holder)
    results = call_all_at_once([lambda: postgres.append(append_of())] * 8, seconds=6)
    assert sorted(results) == [*range(2, 10)]  # type: ignore[type-var]


def test_reads_work_after_all_connections_were_ended(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    stream = uuid4()
    postgres.append(append_of(event(stream), key="k"))
    reads: list[Callable[[], object]] = [
        postgres.head,
        postgres.max_notification_id,
        partial(postgres.command, "ana", "k"),
        partial(postgres.select_streams, [stream]),
        partial(postgres.select_positions, 0, 10),
        partial(postgres.select_events, stream),
        partial(postgres.select_notifications, 1, 10),
    ]
    before = call_all_at_once(reads)  # all at once, so that the pool grows
    read(
        dsn,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert call_all_at_once(reads) == before
    assert not [one for one in before if isinstance(one, Exception)]


def test_more_readers_than_connections_are_served(postgres: PostgresLogRecorder) -> None:
    stream = uuid4()
    postgres.append(append_of(event(stream)))
    results = call_all_at_once([lambda: list(postgres.select_streams([stream]))] * 64)
    assert [len(one) for one in results if isinstance(one, list)] == [1] * 64


def test_appends_work_on_a_database_with_another_isolation_level(dsn: str) -> None:
    """The database's default isolation level has no effect on appends."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        statement = f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'"
        connection.execute(statement.encode())
    recorders = [PostgresLogRecorder(Datastore(dsn)) for _ in range(3)]

    def write(recorder: PostgresLogRecorder) -> None:
        for _ in range(100):
            recorder.append(Append([event()]))

    results = call_all_at_once([partial(write, recorder) for recorder in recorders], seconds=20)
    for recorder in recorders:
        recorder.close()
    assert results == [None] * 3
    assert [p for p, _ in stored(dsn)] == [*range(1, 301)]


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A durable server of the test's own, which the test may kill."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="log-", dir=memory if memory.exists() else None))
    place.chmod(0o755)  # the account that runs the server for root must be able to enter it
    server = EmbeddedPostgres(place / "home").start()
    yield server
    server.stop()
    shutil.rmtree(server.cluster, ignore_errors=True)  # root's cluster may be elsewhere
    shutil.rmtree(place)


def test_appends_continue_after_the_server_is_killed_and_restarted(
    server: EmbeddedPostgres,
) -> None:
    server.ensure_database("log")
    dsn = server.dsn("log")
    migrate(dsn)
    recorder = PostgresLogRecorder(Datastore(dsn))
    acknowledged: dict[int, bytes] = {}
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            one = event()
            acknowledged[recorder.append(Append([one]))] = one.state

    finish = start_calls([write] * 8)
    wait_until(lambda: len(acknowledged) > 500)
    postmaster = server.postmaster
    assert postmaster
    backends = read(dsn, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    for pid in (postmaster, *(int(str(pid)) for (pid,) in backends)):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.postmaster is None)
    before = len(acknowledged)
    server.start()
    wait_until(lambda: len(acknowledged) > before + 500, seconds=5)
    enough.set()

    assert finish(10) == [None] * 8, "nobody even heard of it"
    recorder.close()
    assert stored(dsn) == sorted(acknowledged.items())
    assert [*sorted(acknowledged)] == [*range(1, len(acknowledged) + 1)]
