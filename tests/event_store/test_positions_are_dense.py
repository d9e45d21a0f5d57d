"""Positions are 1, 2, 3 … in commit order, also with many writers and after crashes. A follower that
remembers one number misses no event (invariants I1 and I7)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from application.log.recorder import Append, LogRecorder, VersionTaken
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from tests.event_store.appends import append_of, call_all_at_once, event, read, stored, wait_until
from tests.event_store.writer_process import CONTESTED, Writer


@pytest.fixture
def start(dsn: str) -> Iterator[Callable[..., Writer]]:
    writers: list[Writer] = []

    def start(threads: int, appends: int = 1_000_000) -> Writer:
        writers.append(Writer(dsn, threads, appends))
        return writers[-1]

    yield start
    for writer in writers:
        writer.kill()


@contextmanager
def follower(recorder: LogRecorder, limit: int = 100) -> Iterator[dict[int, bytes]]:
    """Everything that a reader sees that always continues after the last position it saw."""
    seen: dict[int, bytes] = {}
    written = threading.Event()

    def follow() -> None:
        last_look = False
        while True:
            lines = recorder.select_positions(len(seen), limit)
            # Each page starts where the last one ended and has no gap.
            assert [p for p, _ in lines] == [*range(len(seen) + 1, len(seen) + 1 + len(lines))]
            seen.update(lines)
            if not lines and last_look:
                return
            last_look = not lines and written.is_set()

    faults: list[BaseException] = []

    def follow_and_report() -> None:
        try:
            follow()
        except BaseException as fault:  # noqa: BLE001 - raised below, in the test's own thread
            faults.append(fault)

    thread = threading.Thread(target=follow_and_report, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        written.set()
        thread.join(20)
    if faults:
        raise faults[0]
    assert not thread.is_alive()


def check(dsn: str, seen: dict[int, bytes], writers: list[Writer]) -> None:
    log = dict(stored(dsn))
    assert [*log] == [*range(1, len(log) + 1)]
    assert read(dsn, "SELECT position FROM log_head") == [(len(log),)]
    assert seen == log
    for writer in writers:
        assert writer.acknowledged.items() <= log.items()
    gaps = read(
        dsn,
        "SELECT originator_id FROM stored_events GROUP BY 1 "
        "HAVING max(originator_version) <> count(*) OR min(originator_version) <> 1",
    )
    assert gaps == []


def test_positions_are_dense_with_three_processes_of_eight_threads(
    postgres: PostgresLogRecorder, dsn: str, start: Callable[..., Writer]
) -> None:
    with follower(postgres) as seen:
        writers = [start(8, 60) for _ in range(3)]
        assert [writer.finish() for writer in writers] == [0, 0, 0]
    check(dsn, seen, writers)
    acknowledged = [position for writer in writers for position in writer.acknowledged]
    assert sorted(acknowledged) == [*seen], "each was acknowledged, to one of them"
    # There were conflicts: each of 24 threads wanted versions 1 to 4 of 5 streams.
    assert [len(list(postgres.select_streams([stream]))) for stream in CONTESTED] == [4] * 5
    refused_and_rolled_back = 24 * 20 - 20
    assert len(seen) == 24 * sum(turn % 3 + 1 + (turn % 3 == 0) for turn in range(60)) - (
        2 * refused_and_rolled_back
    )


def test_positions_are_dense_after_a_writer_is_killed(
    postgres: PostgresLogRecorder, dsn: str, start: Callable[..., Writer]
) -> None:
    with follower(postgres, limit=1000) as seen:
        writers = [start(8), start(4)]
        for writer in writers:
            wait_until(lambda w=writer: len(w.acknowledged) > 200)
        writers[0].kill()
        before = len(writers[1].acknowledged)
        wait_until(lambda: len(writers[1].acknowledged) > before + 500)
        writers[1].kill()
        # The server may still work on the last append.
        busy = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%append_events%' AND pid <> pg_backend_pid() AND datname = current_database()"
        wait_until(lambda: not read(dsn, busy))
        last = postgres.append(append_of())
        wait_until(lambda: last in seen)
    check(dsn, seen, writers)


def test_positions_are_dense_after_backends_are_killed(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    """All connections are ended several times. No caller gets an error, and no append is lost or doubled."""
    acknowledged: dict[int, bytes] = {}
    kills = 0

    def write() -> None:
        stream, version = uuid4(), 0
        while kills < 5 or version < 50:
            version += 1
            one = event(stream, version)
            acknowledged[postgres.append(Append([one]))] = one.state

    def kill() -> None:
        nonlocal kills
        with psycopg.connect(dsn, autocommit=True) as connection:
            while kills < 5:
                before = len(acknowledged)
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                wait_until(lambda b=before: len(acknowledged) > b + 20)
                kills += 1

    with follower(postgres) as seen:
        assert call_all_at_once([kill, *[write] * 8], seconds=20) == [None] * 9
    assert dict(stored(dsn)) == acknowledged == seen
    assert [*seen] == [*range(1, len(seen) + 1)]


def test_a_rolled_back_append_uses_no_position(postgres: PostgresLogRecorder, dsn: str) -> None:
    stream = uuid4()
    assert postgres.append(append_of(event(stream))) == 1
    for position in range(2, 12):
        with pytest.raises(VersionTaken):
            postgres.append(append_of(event(), event(stream)))
        assert postgres.append(append_of()) == position
    assert [p for p, _ in stored(dsn)] == [*range(1, 12)]


def test_positions_are_dense_in_memory_with_eight_threads() -> None:
    recorder = InMemoryLogRecorder()
    contested = uuid4()

    def write(caller: int) -> None:
        for version in range(1, 101):
            recorder.append(append_of(event(), event()))
            try:
                recorder.append(append_of(event(contested, version)))
            except VersionTaken:
                continue

    with follower(recorder) as seen:
        assert call_all_at_once([partial(write, n) for n in range(8)]) == [None] * 8
    assert [*seen] == [*range(1, recorder.head() + 1)]
    assert len(list(recorder.select_streams([contested]))) == 100
    assert recorder.head() == 8 * 200 + 100
