"""`casetrail serve` under traffic while processes of its embedded database are killed or stopped: it goes
on without anybody's help, and what it acknowledged is in the log."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.server_processes import command_line, family, stopped
from tests.survival.clients import run_clients, tokens_of, wait_for_success
from tests.survival.log_checks import assert_reports_equal_their_folds, wait_for_reports, whole_log
from tests.survival.programs import (
    Programs,
    eventually,
    free_port,
    kill_postgres,
    wait_until_answering,
)

NOTICED_SECONDS = 3.5
"""Until the supervisor has acted: two looks, or six for what no signal reaches."""
RECOVERY_SECONDS = 30
"""PostgreSQL's own: it reads what was written since its last checkpoint."""
FIRST_SUCCESS_SECONDS = 3
CATCH_UP_SECONDS = 5
APPENDING = "casetrail_writer"

Fault = Callable[[EmbeddedPostgres], None]


def signalled(server: EmbeddedPostgres, word: str, number: int) -> list[int]:
    """Send a signal to the server's processes that have the word in their title."""
    postmaster = server.postmaster
    assert postmaster is not None
    chosen = [pid for pid in family(postmaster) if word in command_line(pid)]
    assert chosen, f"no process is called {word}"
    for pid in chosen:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    return chosen


def postmaster_killed(server: EmbeddedPostgres) -> None:
    signalled(server, " -D ", signal.SIGKILL)


def appending_processes_killed(server: EmbeddedPostgres) -> None:
    signalled(server, APPENDING, signal.SIGKILL)


def postmaster_stopped(server: EmbeddedPostgres) -> None:
    signalled(server, " -D ", signal.SIGSTOP)


def all_stopped(server: EmbeddedPostgres) -> None:
    signalled(server, "", signal.SIGSTOP)


def appending_processes_stopped(server: EmbeddedPostgres) -> None:
    signalled(server, APPENDING, signal.SIGSTOP)


def writers_to_disk_stopped(server: EmbeddedPostgres) -> None:
    for word in ("checkpointer", "walwriter", "background writer"):
        signalled(server, word, signal.SIGSTOP)


def held_stopped(server: EmbeddedPostgres) -> None:
    """What SIGCONT does not cure, as a debugger that holds a process."""
    held = signalled(server, APPENDING, signal.SIGSTOP)
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at and any(command_line(pid) for pid in held):
        for pid in held:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(0.01)
    assert not any(command_line(pid) for pid in held), "a process that stays stopped is killed"


def killed_with_stopped_processes_left(server: EmbeddedPostgres) -> None:
    left = signalled(server, APPENDING, signal.SIGSTOP)
    eventually("they are stopped", lambda: stopped(left), within=5)
    postmaster_killed(server)


DEATHS: Sequence[Fault] = (
    postmaster_killed,
    appending_processes_killed,
    kill_postgres,
    killed_with_stopped_processes_left,
)
STOPS: Sequence[Fault] = (
    postmaster_stopped,
    appending_processes_stopped,
    all_stopped,
    writers_to_disk_stopped,
    held_stopped,
)


def takes_writes(server: EmbeddedPostgres) -> bool:
    with (
        suppress(psycopg.OperationalError),
        psycopg.connect(server.dsn("casetrail"), connect_timeout=1) as connection,
    ):
        connection.execute("SELECT pg_logical_emit_message(true, 'test', '')")
        return True
    return False


@pytest.mark.parametrize("faults", [DEATHS, STOPS], ids=["killed", "stopped"])
def test_serve_goes_on_after_faults_of_its_database(
    home: Path, programs: Programs, faults: Sequence[Fault]
) -> None:
    server = EmbeddedPostgres(home).start()
    server.ensure_database("casetrail")
    dsn = server.dsn("casetrail")
    tokens = tokens_of(dsn, ["ana", "bo", "carla", "dev"])
    server.leave()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    service = programs.start("--home", home, "serve", "--port", port, CASETRAIL_HOME=str(home))
    wait_until_answering(service, url)

    with run_clients(url, tokens, seed=800) as (ledger, follower):
        wait_for_success(ledger, within=15)
        for fault in faults:
            time.sleep(0.5)
            fault(server)
            began = time.monotonic()
            time.sleep(0.1)
            eventually(
                "it takes writes", lambda: takes_writes(server), NOTICED_SECONDS + RECOVERY_SECONDS
            )
            possible = time.monotonic()
            wait_for_success(ledger, within=NOTICED_SECONDS + FIRST_SUCCESS_SECONDS)
            success = time.monotonic()
            wait_for_reports(dsn, within=CATCH_UP_SECONDS)
            print(
                f"{fault.__name__}: writes are possible after {possible - began:.1f} s, first success "
                f"{success - possible:.1f} s later, reports {time.monotonic() - possible:.1f} s later"
            )

    assert service.is_running
    assert "Traceback" not in service.output, service.output
    wait_for_reports(dsn, within=CATCH_UP_SECONDS)
    lines = whole_log(dsn)
    ledger.assert_holds(lines)
    ledger.assert_answers_are_given_again(url)
    follower.assert_saw_all_once(lines)
    assert_reports_equal_their_folds(dsn, lines)
    assert service.terminate(within=30) == 0
    assert server.postmaster is None
