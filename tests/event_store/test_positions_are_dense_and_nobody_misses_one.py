"""Positions are 1, 2, 3 … in commit order, whoever writes and whatever becomes of them, so that a
follower who remembers one number misses nothing (invariants I1 and I7)."""

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
from tests.event_store.writer_process import CONTESTED, Writer
from tests.event_store.writing import answers, append_of, event, read, stored, until


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
    """What a reader sees who goes on from the last position he saw; all of the log at the end."""
    seen: dict[int, bytes] = {}
    written = threading.Event()

    def follow() -> None:
        last_look = False
        while True:
            lines = recorder.select_positions(len(seen), limit)
            # Each page begins where the last one ended, and has no hole.
            assert [p for p, _ in lines] == [*range(len(seen) + 1, len(seen) + 1 + len(lines))]
            seen.update(lines)
            if not lines and last_look:
                return
            last_look = not lines and written.is_set()

    faults: list[BaseException] = []

    def follow_and_tell() -> None:
        try:
            follow()
        except BaseException as fault:  # noqa: BLE001 - raised below, in the test's own thread
            faults.append(fault)

    thread = threading.Thread(target=follow_and_tell, daemon=True)
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


def test_with_three_processes_of_eight_threads(
    postgres: PostgresLogRecorder, dsn: str, start: Callable[..., Writer]
) -> None:
    with follower(postgres) as seen:
        writers = [start(8, 60) for _ in range(3)]
        assert [writer.finish() for writer in writers] == [0, 0, 0]
    check(dsn, seen, writers)
    acknowledged = [position for writer in writers for position in writer.acknowledged]
    assert sorted(acknowledged) == [*seen], "each was acknowledged, to one of them"
    # They did get into each other's way: each of 24 threads wanted versions 1 to 4 of 5 streams.
    assert [len(list(postgres.select_streams([stream]))) for stream in CONTESTED] == [4] * 5
    refused_and_rolled_back = 24 * 20 - 20
    assert len(seen) == 24 * sum(turn % 3 + 1 + (turn % 3 == 0) for turn in range(60)) - (
        2 * refused_and_rolled_back
    )


def test_when_a_writer_is_killed_in_the_middle(
    postgres: PostgresLogRecorder, dsn: str, start: Callable[..., Writer]
) -> None:
    with follower(postgres, limit=1000) as seen:
        writers = [start(8), start(4)]
        for writer in writers:
            until(lambda w=writer: len(w.acknowledged) > 200)
        writers[0].kill()
        before = len(writers[1].acknowledged)
        until(lambda: len(writers[1].acknowledged) > before + 500)
        writers[1].kill()
        # The server may still be at what it was sent last.
        busy = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%append_events%' AND pid <> pg_backend_pid() AND datname = current_database()"
        until(lambda: not read(dsn, busy))
        last = postgres.append(append_of())
        until(lambda: last in seen)
    check(dsn, seen, writers)


def test_when_backends_are_killed_in_the_middle(postgres: PostgresLogRecorder, dsn: str) -> None:
    """Every connection, several times: no caller hears of it, and nothing is lost or doubled."""
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
                until(lambda b=before: len(acknowledged) > b + 20)
                kills += 1

    with follower(postgres) as seen:
        assert answers([kill, *[write] * 8], seconds=20) == [None] * 9
    assert dict(stored(dsn)) == acknowledged == seen
    assert [*seen] == [*range(1, len(seen) + 1)]


def test_a_rolled_back_append_uses_up_no_position(postgres: PostgresLogRecorder, dsn: str) -> None:
    stream = uuid4()
    assert postgres.append(append_of(event(stream))) == 1
    for position in range(2, 12):
        with pytest.raises(VersionTaken):
            postgres.append(append_of(event(), event(stream)))
        assert postgres.append(append_of()) == position
    assert [p for p, _ in stored(dsn)] == [*range(1, 12)]


def test_in_memory_with_eight_threads() -> None:
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
        assert answers([partial(write, n) for n in range(8)]) == [None] * 8
    assert [*seen] == [*range(1, recorder.head() + 1)]
    assert len(list(recorder.select_streams([contested]))) == 100
    assert recorder.head() == 8 * 200 + 100
