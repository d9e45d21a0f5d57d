"""/readyz tries the stores: it is not ready if signals cannot be recorded, and names what needs attention."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from msgspec import Struct

from infrastructure import readiness_probes
from infrastructure.clock_watch import ClockWatch
from infrastructure.evidence_store import EvidenceStore
from infrastructure.health import _clock_problems, _replication_problems
from infrastructure.postgres.datastore import Datastore
from infrastructure.postgres.server_processes import command_line
from infrastructure.readiness_probes import CACHE_SECONDS, DEADLINE_SECONDS, Probes
from tests.api.running_service import RunningService, outside_settings
from tests.api.signals import order_id, placed, send
from tests.survival.programs import eventually

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def readiness(server: RunningService) -> tuple[int, str, list[str]]:
    time.sleep(CACHE_SECONDS)
    with server.client_as(None) as nobody:
        answer = nobody.get("/readyz")
    told = answer.json()
    return answer.status_code, told["status"], told["problems"]


@pytest.fixture
def keys(server: RunningService, shop: httpx2.Client) -> Path:
    """The directory of keys of a service that has used some."""
    assert send(shop, placed(order_id())).status_code == 200
    return Path(outside_settings(server.dsn).place)


@pytest.fixture
def evidence(keys: Path) -> Path:
    return keys.with_name("evidence")


def test_a_service_with_its_stores_is_ready_and_leaves_no_trial_files(
    server: RunningService, keys: Path, evidence: Path
) -> None:
    before = {*keys.iterdir(), *evidence.iterdir()}
    assert readiness(server)[0] == 200
    assert readiness(server)[2] == []
    assert {*keys.iterdir(), *evidence.iterdir()} == before


def test_a_service_without_its_keys_is_not_ready(server: RunningService, keys: Path) -> None:
    moved = keys.rename(keys.with_name("moved"))
    status, word, problems = readiness(server)
    assert (status, word) == (503, "unavailable")
    assert problems[0] == "the key store has no keys of this database: restore it"
    keys.mkdir()  # an empty directory, as after a mount that failed
    assert readiness(server)[:2] == (503, "unavailable")
    keys.rmdir()
    moved.rename(keys)
    assert readiness(server)[:2] == (200, "ready")


def test_a_service_without_a_bundle_that_it_uses_is_not_ready(
    server: RunningService, keys: Path
) -> None:
    bundles = [one for one in keys.iterdir() if len(one.name) == 16]
    for bundle in bundles:
        bundle.rename(bundle.with_name(f"{bundle.name}.moved"))
    status, _, problems = readiness(server)
    assert (status, "the key store has lost" in problems[0]) == (503, True)
    for bundle in bundles:
        bundle.with_name(f"{bundle.name}.moved").rename(bundle)
    assert readiness(server)[0] == 200


def test_a_service_without_its_evidence_store_needs_attention(
    server: RunningService, evidence: Path
) -> None:
    """Signals are recorded meanwhile."""
    moved = evidence.rename(evidence.with_name("evidence-moved"))
    status, word, problems = readiness(server)
    assert (status, word) == (200, "degraded")
    assert problems[0].startswith("the evidence store cannot be written: ")
    assert not evidence.exists()
    moved.rename(evidence)
    assert readiness(server)[:2] == (200, "ready")


def test_a_process_of_the_database_that_holds_up_all_writes_is_named(
    server: RunningService, shop: httpx2.Client
) -> None:
    """Stopped with the lock of an append, so that no time limit of PostgreSQL ends it. It waits for its client then:
    one that is stopped while it works may hold up every session of the server, also those of other tests."""
    # The appending process asks PostgreSQL to end that session, which it does once the process goes on.
    with suppress(psycopg.errors.AdminShutdown), psycopg.connect(server.dsn) as holder:
        stopped = holder.info.backend_pid
        if not command_line(stopped).startswith("postgres: "):
            pytest.skip("the server runs elsewhere")
        holder.execute("LOCK TABLE log_head IN ROW EXCLUSIVE MODE")
        holder.execute("SELECT position FROM log_head FOR UPDATE")
        os.kill(stopped, signal.SIGSTOP)
        appending = threading.Thread(target=lambda: send(shop, placed(order_id())))
        appending.start()
        try:
            named = f"the database: its process {stopped} has held"
            eventually("named", lambda: named in str(readiness(server)[2]), 15)
            status, word, problems = readiness(server)
            assert (status, word) == (503, "unavailable")
            assert problems[0].startswith(named)
        finally:
            os.kill(stopped, signal.SIGCONT)
    appending.join()
    eventually("ready", lambda: readiness(server)[0] == 200, 15)


def test_a_replication_slot_that_nobody_reads_needs_attention(server: RunningService) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('unread', true)")
        try:
            status, word, problems = readiness(server)
        finally:
            connection.execute("SELECT pg_drop_replication_slot('unread')")
    assert (status, word) == (200, "degraded")
    assert problems[0].startswith("nobody reads the replication slot unread")
    assert readiness(server)[:2] == (200, "ready")


@pytest.mark.parametrize(
    ("standbys", "problem"),
    [
        (("one", 0, None, []), "writes wait for the standbys one, and none is connected"),
        (("", 1, 80 << 20, []), "a standby is 80 MB behind"),
        (("one", 1, 1 << 20, []), None),
        (("", 0, None, []), None),
    ],
)
def test_standbys_that_hold_up_writes_or_are_far_behind_are_named(
    standbys: Any, problem: str | None
) -> None:
    assert [*_replication_problems(*standbys)] == ([problem] if problem else [])


@pytest.mark.parametrize("step", [-3600.0, 90.0])
def test_a_step_of_the_clock_is_named_for_ten_minutes(step: float) -> None:
    clock, elapsed = [1_000_000.0], [50.0]
    watch = ClockWatch(lambda: clock[0], lambda: elapsed[0])

    def wait(seconds: float) -> None:
        clock[0] += seconds
        elapsed[0] += seconds

    wait(100)
    assert watch.problems() == []
    clock[0] += step
    (problem,) = watch.problems()
    assert f"{'forward' if step > 0 else 'back'} by {abs(step):.0f} s" in problem
    wait(590)
    assert watch.problems() == [problem]
    wait(20)
    assert watch.problems() == []


def test_clocks_that_differ_and_events_of_the_future_are_named() -> None:
    minute = timedelta(minutes=1)
    assert [*_clock_problems(NOON, NOON, NOON, NOON, NOON)] == []
    differs = [*_clock_problems(NOON + minute, NOON, NOON, None, NOON)]
    assert differs == ["the clocks of the database and of this machine differ by 60 s"]
    (ahead,) = _clock_problems(NOON, NOON, NOON, NOON + minute, NOON)
    assert ahead.startswith("the last event is dated 60 s in the future")


class HangingStore(Struct):
    """An evidence store that does not answer."""

    answers: threading.Event
    asked: list[int]

    def try_write(self) -> None:
        self.asked.append(1)
        self.answers.wait()


def test_a_store_that_hangs_is_named_within_the_deadline(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness_probes, "CACHE_SECONDS", 0.0)
    store = HangingStore(threading.Event(), [])
    datastore = Datastore(dsn)
    probes = Probes(datastore, None, store)  # type: ignore[arg-type]  # it has the one method
    started = time.monotonic()
    first = probes.run()
    assert time.monotonic() - started < DEADLINE_SECONDS + 1
    assert first.problems == ["the evidence store does not answer within 2 s"]
    assert first.writable
    probes.run()
    assert len(store.asked) == 1
    store.answers.set()
    while probes.run().problems:
        assert time.monotonic() - started < 20
    datastore.close()


def test_requests_within_a_second_share_one_trial(dsn: str, tmp_path: Path) -> None:
    place = tmp_path / "evidence"
    datastore = Datastore(dsn)
    probes = Probes(datastore, None, EvidenceStore(str(place)))
    assert probes.run().problems == []
    place.rmdir()
    assert probes.run().problems == []
    time.sleep(CACHE_SECONDS)
    assert len(probes.run().problems) == 1
    datastore.close()
