"""The supervisor: a dead or stopped server runs again, and a server that was shut down stays down."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from infrastructure.postgres import supervisor as module
from infrastructure.postgres.binaries import find_binaries
from infrastructure.postgres.embedded import EmbeddedPostgres, PostgresNotStarted
from infrastructure.postgres.server_processes import command_line, family, stopped
from infrastructure.postgres.supervisor import KILL_LOOKS, Supervisor, read_note, supervised
from tests.event_store.appends import wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="supervised-", dir=memory if memory.exists() else None))
    place.chmod(0o755)
    found = EmbeddedPostgres(place / "home", durable=False).start()
    yield found
    found.stop()
    shutil.rmtree(place)


def pid_of(server: EmbeddedPostgres) -> int:
    found = server.postmaster
    assert found is not None
    return found


def answers(server: EmbeddedPostgres) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(server.dsn(), connect_timeout=2) as db:
        return db.execute("SELECT 1").fetchone() == (1,)
    return False


def die(server: EmbeddedPostgres) -> None:
    os.kill(pid_of(server), signal.SIGKILL)
    wait_until(lambda: server.postmaster is None)


def test_a_dead_server_is_started_again_although_a_stopped_process_of_it_is_left(
    server: EmbeddedPostgres,
) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.execute("CHECKPOINT")  # a server of tests does not wait for the disk
        left = connection.info.backend_pid
        os.kill(left, signal.SIGSTOP)
        die(server)
        assert command_line(left), "else the server would start anyway"
        Supervisor(server).look()
    assert not command_line(left)
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_two_supervisors_start_one_server(server: EmbeddedPostgres) -> None:
    die(server)
    others = [Supervisor(server), Supervisor(EmbeddedPostgres(server.home, durable=False))]
    with ThreadPoolExecutor(2) as pool:
        [*pool.map(Supervisor.look, others)]
        first = pid_of(server)
        [*pool.map(Supervisor.look, others)]
    assert pid_of(server) == first
    log = (server.cluster / "server.log").read_text()
    assert log.count("database system was interrupted") == 1


@pytest.mark.parametrize("which", ["postmaster", "backend", "all"])
def test_stopped_processes_go_on_and_lose_nothing(server: EmbeddedPostgres, which: str) -> None:
    postmaster = pid_of(server)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        backend = connection.info.backend_pid
        doomed = {"postmaster": [postmaster], "backend": [backend], "all": family(postmaster)}
        for pid in doomed[which]:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: {*stopped(family(postmaster))} >= {*doomed[which]})
        looking = Supervisor(server)
        looking.look()
        assert stopped(family(postmaster)), "one look is too soon: a debugger may only pass by"
        looking.look()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert pid_of(server) == postmaster
    assert answers(server)


@pytest.mark.parametrize("which", ["postmaster", "backend"])
def test_a_process_that_no_signal_reaches_is_killed_and_the_server_recovers(
    server: EmbeddedPostgres, which: str
) -> None:
    first = pid_of(server)
    with psycopg.connect(server.dsn()) as connection:
        pid = first if which == "postmaster" else connection.info.backend_pid
        looking = Supervisor(server)
        for look in range(KILL_LOOKS):
            assert command_line(pid), f"killed before look {look}"
            os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: pid in stopped([pid]))
            looking.look()
        wait_until(lambda: not command_line(pid))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    wait_until(lambda: answers(server))
    assert (pid_of(server) == first) == (which == "backend")


def stopped_by_another(server: EmbeddedPostgres) -> None:
    EmbeddedPostgres(server.home).stop()


def shut_down_by_an_operator(server: EmbeddedPostgres) -> None:
    pid = pid_of(server)
    os.kill(pid, signal.SIGINT)
    wait_until(lambda: not command_line(pid))


def killed_and_removed(server: EmbeddedPostgres) -> None:
    die(server)
    time.sleep(0.5)  # its processes notice
    shutil.rmtree(server.cluster / "data")


@pytest.mark.parametrize("end", [stopped_by_another, shut_down_by_an_operator, killed_and_removed])
def test_a_server_that_was_shut_down_or_has_no_data_is_not_started(
    server: EmbeddedPostgres, end: Callable[[EmbeddedPostgres], None]
) -> None:
    end(server)
    looking = Supervisor(server)
    for _ in range(3):
        looking.look()
    assert server.postmaster is None
    assert not (server.cluster / "data" / "PG_VERSION").exists() or not answers(server)
    assert not server.restart(None), "it looks again while it holds the lock"
    assert server.postmaster is None


def test_a_server_that_keeps_dying_is_not_started_too_often_and_the_note_says_so(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ACTIONS", 2)
    looking = Supervisor(server)
    for _ in range(2):
        die(server)
        looking.look()
        assert answers(server)
    die(server)
    looking.look()
    assert server.postmaster is None
    assert "the next one waits" in (read_note(server.dsn()) or "")
    assert read_note("host=db.example") is None
    monkeypatch.setattr(module, "PERIOD_SECONDS", 0.0)
    looking.look()
    assert answers(server)


def test_a_start_that_fails_is_tried_again_as_often_as_needed(
    server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    die(server)
    time.sleep(0.5)  # its processes notice
    configuration = server.cluster / "data" / "postgresql.conf"
    text = configuration.read_text()
    configuration.write_text(f"{text}\nshared_buffers = 'nonsense'\nno_such_setting = 1\n")
    looking = Supervisor(server)
    for _ in range(module.MOST_ACTIONS + 2):
        with pytest.raises(PostgresNotStarted) as raised:
            looking.look()
        looking.failed(raised.value)
    assert "its log says why" in (read_note(server.dsn()) or "")
    assert sum("could not be started" in line for line in caplog.messages) == 1
    configuration.write_text(text)
    looking.look()
    assert answers(server)
    assert read_note(server.dsn()) is None


def test_a_silent_server_is_restarted_and_a_slow_one_is_not(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PING_SECONDS", 0.0)
    first = pid_of(server)
    looking = Supervisor(server)
    (socket,) = server.cluster.rglob(".s.PGSQL.5432")
    socket.unlink()  # as a program that tidies temporary directories
    for _ in range(module.MOST_UNANSWERED - 1):
        looking.look()
        assert pid_of(server) == first
    looking.look()
    assert pid_of(server) != first
    assert answers(server)

    second = pid_of(server)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE busy (n int); INSERT INTO busy VALUES (1)")
        with connection.transaction():
            connection.execute("UPDATE busy SET n = 2")  # a lock that is held for long
            for _ in range(2 * KILL_LOOKS):
                looking.look()
            connection.execute("UPDATE busy SET n = 3")
    assert pid_of(server) == second


def test_the_single_user_mode_of_an_operator_is_left_alone(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PING_SECONDS", 0.0)
    server.stop()
    found = find_binaries(None, None)
    assert found is not None
    owner = server.cluster.stat()
    command = [found[1] / "postgres", "--single", "-D", server.cluster / "data", "postgres"]
    account = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd="/", **account
    ) as single:
        wait_until(lambda: server.is_being_repaired)
        looking = Supervisor(server)
        for _ in range(2 * module.MOST_UNANSWERED):
            looking.look()
        assert single.poll() is None
        single.communicate("")
    assert single.returncode == 0


def test_a_stop_ends_a_server_with_stopped_processes(server: EmbeddedPostgres) -> None:
    for pid in family(pid_of(server))[1:]:
        os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert server.postmaster is None


def test_the_context_keeps_the_server_running_until_its_end(server: EmbeddedPostgres) -> None:
    with supervised(server):
        first = pid_of(server)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.postmaster not in (None, first))
        wait_until(lambda: answers(server))
    die(server)
    time.sleep(3 * module.LOOK_SECONDS)
    assert server.postmaster is None
