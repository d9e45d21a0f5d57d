"""When each stream next needs a look: kept in the append's own transaction, and given to one taker."""

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
from domain.people import TIMEKEEPER
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.event_store.writing import (
    answers,
    answers_of_a_group,
    append_of,
    command,
    event,
    read,
    until,
)

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SHORT = timedelta(milliseconds=200)
LONG = timedelta(minutes=1)


def due(recorder: LogRecorder, now: datetime, limit: int = 100) -> list[DueStream]:
    """What is due, reserved for no time."""
    return list(recorder.take_due(now, limit, timedelta(0)))


def set_timer(recorder: LogRecorder, due_at: datetime | None, stream: UUID | None = None) -> UUID:
    stream = stream or uuid4()
    recorder.append(Append([event()], [Timer(stream, "order", due_at)]))
    return stream


def test_a_stream_is_due_from_its_moment_on(recorder: LogRecorder) -> None:
    stream = set_timer(recorder, NOON)
    assert due(recorder, NOON - timedelta(microseconds=1)) == []
    assert due(recorder, NOON) == [DueStream(stream, "order", NOON)]
    assert due(recorder, NOON + timedelta(days=400)) == [DueStream(stream, "order", NOON)]


def test_the_moment_counts_whatever_the_zone(recorder: LogRecorder) -> None:
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


def test_the_last_word_of_an_append_counts(recorder: LogRecorder) -> None:
    one, two = uuid4(), uuid4()
    timers = [Timer(one, "order", NOON), Timer(two, "order", None)]
    recorder.append(
        Append([event()], [*timers, Timer(one, "order", None), Timer(two, "order", NOON)])
    )
    assert [d.stream for d in due(recorder, NOON)] == [two]


def test_of_appends_in_one_group_the_last_word_counts(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    stream = uuid4()
    moments = [NOON + n * SECOND for n in range(20)]
    appends = [Append([event()], [Timer(stream, "order", moment)]) for moment in moments]
    firsts = answers_of_a_group(dsn, [partial(postgres.append, one) for one in appends])
    last = firsts.index(len(appends))
    assert [d.due_at for d in due(postgres, NOON + LONG)] == [moments[last]]


@pytest.mark.parametrize("refusal", [VersionTaken, CommandRepeated])
def test_a_refused_append_touches_no_timer(recorder: LogRecorder, refusal: type[Exception]) -> None:
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


def test_a_timer_without_events_is_kept(recorder: LogRecorder) -> None:
    stream = uuid4()
    assert recorder.append(append_of()) == 1
    assert recorder.append(Append([], [Timer(stream, "order", NOON)])) == 1
    assert [d.stream for d in due(recorder, NOON)] == [stream]
    assert recorder.append(Append([], [Timer(stream, "order", None)])) == 1
    assert due(recorder, NOON) == []


def test_a_write_that_says_nothing_of_the_timer_leaves_it(log: EventLog) -> None:
    stream = uuid4()

    def write(expected: int, **more: datetime | None) -> Write:
        event = (TIMEKEEPER, CaseReleased())
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
    """A heap of old ones must not keep what falls due now waiting until it is worked off."""
    moments = [NOON - ((n * 7) % 20) * SECOND for n in range(20)]
    for moment in moments:
        set_timer(recorder, moment)
    taken = list(recorder.take_due(NOON, 5, LONG))
    assert [one.due_at for one in taken] == [*sorted(moments)[:4], NOON]


def test_no_more_are_taken_than_asked_for(postgres: PostgresLogRecorder, dsn: str) -> None:
    """Also when PostgreSQL still takes the table for as small as it was once."""
    set_timer(postgres, NOON)
    read_all(dsn, "VACUUM ANALYZE timers")
    for n in range(40):
        set_timer(postgres, NOON - (100 - n) * SECOND)
    assert len(postgres.take_due(NOON, 5, LONG)) == 5


def read_all(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_what_one_has_taken_no_other_gets(postgres: PostgresLogRecorder) -> None:
    stream = set_timer(postgres, NOON)
    assert [one.stream for one in postgres.take_due(NOON, 10, LONG)] == [stream]
    assert postgres.take_due(NOON, 10, LONG) == []


def test_many_takers_at_once_share_nothing_and_leave_nothing(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    timers = [Timer(uuid4(), "order", NOON - n % 7 * SECOND) for n in range(600)]
    postgres.append(Append([event()], timers))
    recorders = [PostgresLogRecorder(Datastore(dsn)) for _ in range(2)]

    def take(recorder: PostgresLogRecorder) -> list[UUID]:
        taken: list[UUID] = []
        # Nothing may be there for a moment because others hold it: look again before giving up.
        for _ in range(3):
            while some := recorder.take_due(NOON, 7, LONG):
                assert len(some) <= 7
                taken += [one.stream for one in some]
        return taken

    came_out = answers([partial(take, recorders[n % 2]) for n in range(8)])
    for recorder in recorders:
        recorder.close()
    taken = [stream for one in came_out if isinstance(one, list) for stream in one]
    assert len(taken) == len(timers)
    assert set(taken) == {timer.stream for timer in timers}


def test_an_append_ends_the_lease(recorder: LogRecorder) -> None:
    stream = set_timer(recorder, NOON)
    assert len(recorder.take_due(NOON, 10, LONG)) == 1
    set_timer(recorder, NOON + SECOND, stream)
    assert recorder.take_due(NOON, 10, LONG) == []
    assert [one.stream for one in recorder.take_due(NOON + SECOND, 10, LONG)] == [stream]


def test_the_lease_of_a_dead_taker_runs_out(postgres: PostgresLogRecorder, dsn: str) -> None:
    stream = set_timer(postgres, NOON)
    dead = PostgresLogRecorder(Datastore(dsn))
    started = time.monotonic()
    assert len(dead.take_due(NOON, 10, SHORT)) == 1
    dead.close()
    until(lambda: postgres.take_due(NOON, 10, LONG), seconds=5)
    assert time.monotonic() - started >= SHORT.total_seconds()
    assert postgres.take_due(NOON, 10, LONG) == []
    set_timer(postgres, None, stream)


def test_the_lease_runs_on_real_time_whatever_time_it_is_taken_to_be(
    postgres: PostgresLogRecorder,
) -> None:
    """A replay takes what was due years ago, or will be."""
    for year in (1995, 2190):
        set_timer(postgres, NOON.replace(year=year))
        assert len(postgres.take_due(NOON.replace(year=2199), 10, LONG)) == 1
        assert postgres.take_due(NOON.replace(year=2199), 10, LONG) == []


def test_takers_and_appends_do_not_hold_each_other_up(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    """They lock the same rows, in no common order: none of them may end in a deadlock."""
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

    came_out = answers([take, take, *(partial(move, turn) for turn in range(6))])
    assert [one for one in came_out if isinstance(one, Exception)] == []
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert read(dsn, deadlocks) == [(0,)]
