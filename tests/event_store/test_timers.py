"""Timers say when a stream is next due. An append stores them in its own transaction, and one worker at
a time takes a due stream."""

import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from application.log.event_log import EventLog, Write
from application.log.recorder import (
    Append,
    CommandRepeated,
    CommandRow,
    DueStream,
    LogRecorder,
    Timer,
    VersionTaken,
)
from domain.cases.work_events import CaseReleased
from domain.people import TIMEKEEPER_ACTOR
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.event_store.appends import (
    append_of,
    call_all_at_once,
    call_as_one_group,
    command,
    event,
    read,
    wait_until,
)

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SHORT = timedelta(milliseconds=200)
LONG = timedelta(minutes=1)


def due(recorder: LogRecorder, now: datetime, limit: int = 100) -> list[DueStream]:
    """The due streams, taken with a lease of zero length."""
    return list(recorder.take_due(now, limit, timedelta(0)))


def set_timer(recorder: LogRecorder, due_at: datetime | None, stream: UUID | None = None) -> UUID:
    stream = stream or uuid4()
    recorder.append(Append([event()], [Timer(stream, "order", due_at)]))
    return stream


def test_a_stream_is_due_from_the_time_of_its_timer(recorder: LogRecorder) -> None:
    stream = set_timer(recorder, NOON)
    assert due(recorder, NOON - timedelta(microseconds=1)) == []
    assert due(recorder, NOON) == [DueStream(stream, "order", NOON)]
    assert due(recorder, NOON + timedelta(days=400)) == [DueStream(stream, "order", NOON)]


def test_timers_compare_times_across_time_zones(recorder: LogRecorder) -> None:
    east = timezone(timedelta(hours=9))
    stream = set_timer(recorder, NOON.astimezone(east))
    assert due(recorder, NOON - SECOND) == []
    (one,) = due(recorder, NOON.astimezone(east))
    assert (one.stream, one.due_at) == (stream, NOON)


def test_a_timer_is_moved(recorder: LogRecorder) -> None:
    stream = set_timer(recorder, NOON)
    set_timer(recorder, NOON + SECOND, stream)
    assert due(recorder, NOON) == []
    set_timer(recorder, NOON - SECOND, stream)
    assert due(recorder, NOON) == [DueStream(stream, "order", NOON - SECOND)]


def test_a_timer_is_cleared_and_set_again(recorder: LogRecorder) -> None:
    stream = set_timer(recorder, NOON)
    set_timer(recorder, None, stream)
    assert due(recorder, NOON) == []
    set_timer(recorder, None, stream)  # where there is none
    set_timer(recorder, NOON, stream)
    assert len(due(recorder, NOON)) == 1


def test_the_last_timer_of_an_append_counts(recorder: LogRecorder) -> None:
    one, two = uuid4(), uuid4()
    timers = [Timer(one, "order", NOON), Timer(two, "order", None)]
    recorder.append(
        Append([event()], [*timers, Timer(one, "order", None), Timer(two, "order", NOON)])
    )
    assert [d.stream for d in due(recorder, NOON)] == [two]


def test_the_last_timer_of_a_group_counts(postgres: PostgresLogRecorder, dsn: str) -> None:
    stream = uuid4()
    moments = [NOON + n * SECOND for n in range(20)]
    appends = [Append([event()], [Timer(stream, "order", moment)]) for moment in moments]
    firsts = call_as_one_group(dsn, [partial(postgres.append, one) for one in appends])
    last = firsts.index(len(appends))
    assert [d.due_at for d in due(postgres, NOON + LONG)] == [moments[last]]


@pytest.mark.parametrize("refusal", [VersionTaken, CommandRepeated])
def test_a_refused_append_changes_no_timer(recorder: LogRecorder, refusal: type[Exception]) -> None:
    stream, cleared = uuid4(), uuid4()
    timers = [Timer(stream, "order", NOON), Timer(cleared, "order", NOON)]
    recorder.append(Append([event(stream)], timers, command=command("k")))
    again: CommandRow | None = command("k") if refusal is CommandRepeated else None
    version = 2 if refusal is CommandRepeated else 1
    with pytest.raises(refusal):
        recorder.append(
            Append(
                [event(stream, version)],
                [
                    Timer(stream, "order", NOON + SECOND),
                    Timer(cleared, "order", None),
                    Timer(uuid4(), "order", NOON),
                ],
                command=again,
            )
        )
    assert {d.stream: d.due_at for d in due(recorder, NOON)} == {stream: NOON, cleared: NOON}


def test_a_timer_without_events_is_stored(recorder: LogRecorder) -> None:
    stream = uuid4()
    assert recorder.append(append_of()) == 1
    assert recorder.append(Append([], [Timer(stream, "order", NOON)])) == 1
    assert [d.stream for d in due(recorder, NOON)] == [stream]
    assert recorder.append(Append([], [Timer(stream, "order", None)])) == 1
    assert due(recorder, NOON) == []


def test_a_write_without_a_timer_leaves_the_timer_unchanged(log: EventLog) -> None:
    stream = uuid4()

    def write(expected: int, **more: datetime | None) -> Write:
        event = (TIMEKEEPER_ACTOR, CaseReleased())
        return Write(
            stream=stream,
            kind="order",
            expected=expected,
            events=[event],
            recorded_at=NOON,
            **more,  # type: ignore[arg-type]
        )

    log.append([write(0, next_due=NOON)])
    log.append([write(1)])
    assert due(log.recorder, NOON) == [DueStream(stream, "order", NOON)]
    log.append([write(2, next_due=None)])
    assert due(log.recorder, NOON) == []


def test_the_earliest_are_taken_first_and_a_few_of_the_newest(recorder: LogRecorder) -> None:
    """A backlog of old timers must not delay a stream that falls due now."""
    moments = [NOON - ((n * 7) % 20) * SECOND for n in range(20)]
    for moment in moments:
        set_timer(recorder, moment)
    taken = list(recorder.take_due(NOON, 5, LONG))
    assert [one.due_at for one in taken] == [*sorted(moments)[:4], NOON]


def test_no_more_streams_are_taken_than_requested(postgres: PostgresLogRecorder, dsn: str) -> None:
    """This holds even if PostgreSQL's statistics still describe a small table."""
    set_timer(postgres, NOON)
    read_all(dsn, "VACUUM ANALYZE timers")
    for n in range(40):
        set_timer(postgres, NOON - (100 - n) * SECOND)
    assert len(postgres.take_due(NOON, 5, LONG)) == 5


def read_all(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_a_taken_stream_is_not_taken_again(postgres: PostgresLogRecorder) -> None:
    stream = set_timer(postgres, NOON)
    assert [one.stream for one in postgres.take_due(NOON, 10, LONG)] == [stream]
    assert postgres.take_due(NOON, 10, LONG) == []


def test_many_takers_at_once_take_each_stream_once(postgres: PostgresLogRecorder, dsn: str) -> None:
    timers = [Timer(uuid4(), "order", NOON - n % 7 * SECOND) for n in range(600)]
    postgres.append(Append([event()], timers))
    recorders = [PostgresLogRecorder(Datastore(dsn)) for _ in range(2)]

    def take(recorder: PostgresLogRecorder) -> list[UUID]:
        taken: list[UUID] = []
        # Others may hold all rows for a moment: try again before giving up.
        for _ in range(3):
            while some := recorder.take_due(NOON, 7, LONG):
                assert len(some) <= 7
                taken += [one.stream for one in some]
        return taken

    results = call_all_at_once([partial(take, recorders[n % 2]) for n in range(8)])
    for recorder in recorders:
        recorder.close()
    taken = [stream for one in results if isinstance(one, list) for stream in one]
    assert len(taken) == len(timers)
    assert set(taken) == {timer.stream for timer in timers}


def test_an_append_ends_the_lease(recorder: LogRecorder) -> None:
    stream = set_timer(recorder, NOON)
    assert len(recorder.take_due(NOON, 10, LONG)) == 1
    set_timer(recorder, NOON + SECOND, stream)
    assert recorder.take_due(NOON, 10, LONG) == []
    assert [one.stream for one in recorder.take_due(NOON + SECOND, 10, LONG)] == [stream]


def test_the_lease_of_a_dead_taker_expires(postgres: PostgresLogRecorder, dsn: str) -> None:
    stream = set_timer(postgres, NOON)
    dead = PostgresLogRecorder(Datastore(dsn))
    started = time.monotonic()
    assert len(dead.take_due(NOON, 10, SHORT)) == 1
    dead.close()
    wait_until(lambda: postgres.take_due(NOON, 10, LONG), seconds=5)
    assert time.monotonic() - started >= SHORT.total_seconds()
    assert postgres.take_due(NOON, 10, LONG) == []
    set_timer(postgres, None, stream)


def test_a_lease_lasts_in_real_time_during_a_replay(postgres: PostgresLogRecorder) -> None:
    """A replay takes streams that were due years ago, or will be."""
    for year in (1995, 2190):
        set_timer(postgres, NOON.replace(year=year))
        assert len(postgres.take_due(NOON.replace(year=2199), 10, LONG)) == 1
        assert postgres.take_due(NOON.replace(year=2199), 10, LONG) == []


def test_takers_and_appends_do_not_deadlock(postgres: PostgresLogRecorder, dsn: str) -> None:
    """They lock the same rows in different orders."""
    streams = [uuid4() for _ in range(30)]
    stop = threading.Event()

    def take() -> int:
        taken = 0
        while not stop.is_set():
            taken += len(postgres.take_due(NOON, 10, timedelta(0)))
        return taken

    def move(turn: int) -> None:
        try:
            for n in range(60):
                some = streams[(n + turn) % 30 :][:10][:: 1 if turn % 2 else -1]
                moments = [NOON if (n + m) % 4 else None for m in range(len(some))]
                timers = [Timer(s, "order", at) for s, at in zip(some, moments, strict=True)]
                postgres.append(Append([event()], timers))
        finally:
            stop.set()

    results = call_all_at_once([take, take, *(partial(move, turn) for turn in range(6))])
    assert [one for one in results if isinstance(one, Exception)] == []
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert read(dsn, deadlocks) == [(0,)]
