"""One bad append in a group does not affect the others, although they share a transaction."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest
from eventsourcing.persistence import PersistenceError, StoredEvent

from application.log.recorder import Append, CommandRow, Timer
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.event_store.appends import (
    append_of,
    call_all_at_once,
    call_as_one_group,
    command,
    event,
    read,
    start_calls,
    stored,
    wait_until,
)

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
NAIVE = datetime(2026, 3, 29, 12)  # noqa: DTZ001 - a bad value on purpose

BAD: dict[str, Callable[[], Append]] = {
    "a NUL in a topic": lambda: Append([StoredEvent(uuid4(), 1, "a\0b", b"{}")]),
    "no topic": lambda: Append([StoredEvent(uuid4(), 1, None, b"{}")]),  # type: ignore[arg-type]
    "half a character": lambda: Append([StoredEvent(uuid4(), 1, "\ud800", b"{}")]),
    "a number as topic": lambda: Append([StoredEvent(uuid4(), 1, 7, b"{}")]),  # type: ignore[arg-type]
    "no stream": lambda: Append([StoredEvent(None, 1, "t", b"{}")]),  # type: ignore[arg-type]
    "text as stream": lambda: Append([StoredEvent("order-1", 1, "t", b"{}")]),
    "no version": lambda: Append([StoredEvent(uuid4(), None, "t", b"{}")]),  # type: ignore[arg-type]
    "an endless version": lambda: Append([StoredEvent(uuid4(), 1 << 80, "t", b"{}")]),
    "no state": lambda: Append([StoredEvent(uuid4(), 1, "t", None)]),  # type: ignore[arg-type]
    "a NUL in a key": lambda: append_of(key="a\0b"),
    "a NUL in a principal": lambda: Append([event()], command=CommandRow("\0", "k", b"", b"")),
    "no result": lambda: Append([event()], command=CommandRow("a", "k", b"", None)),  # type: ignore[arg-type]
    "no digest": lambda: Append([], command=CommandRow("a", "k", None, b"")),  # type: ignore[arg-type]
    "a key too long for its index": lambda: append_of(key=random_text(20_000)),
    "a timer without a kind": lambda: Append([], [Timer(uuid4(), None, NOON)]),  # type: ignore[arg-type]
    "a timer without a stream": lambda: Append([event()], [Timer(None, "order", NOON)]),  # type: ignore[arg-type]
    "a NUL in a timer's kind": lambda: Append([], [Timer(uuid4(), "\0", NOON)]),
    "a guard of nothing": lambda: Append([event()], guards=[None]),  # type: ignore[list-item]
    "a version in a list": lambda: Append([StoredEvent(uuid4(), [1], "t", b"{}")]),  # type: ignore[arg-type]
    "a timer at noon": lambda: Append([event()], [Timer(uuid4(), "order", "noon")]),  # type: ignore[arg-type]
}


def random_text(length: int) -> str:
    return "".join(uuid4().hex for _ in range(length // 32 + 1))[:length]


def good_append(number: int) -> Append:
    return Append(
        [event(), event()],
        [Timer(uuid4(), "order", NOON if number % 2 else None)],
        command=command(f"good {number}") if number % 3 else None,
    )


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_append_does_not_affect_the_others_in_its_group(
    postgres: PostgresLogRecorder, dsn: str, bad: str
) -> None:
    appends = [good_append(n) for n in range(8)]
    appends.insert(4, BAD[bad]())
    results = call_as_one_group(dsn, [partial(postgres.append, a) for a in appends])

    assert isinstance(results.pop(4), Exception)
    del appends[4]
    places = dict(stored(dsn))
    assert sorted(places) == [*range(1, 17)]
    for first, append in zip(results, appends, strict=True):
        assert isinstance(first, int), first
        assert [places[first], places[first + 1]] == [one.state for one in append.events]
    assert read(dsn, "SELECT count(*) FROM timers") == [(4,)]
    assert read(dsn, "SELECT count(*) FROM commands") == [(5,)]


def test_a_time_without_a_zone_does_not_change_other_times_in_the_group(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    """All times of a group go to the server in one array."""
    timers = [Timer(uuid4(), "order", NOON), Timer(uuid4(), "order", NAIVE)]
    call_as_one_group(dsn, [partial(postgres.append, Append([event()], [t])) for t in timers])
    due = postgres.take_due(NOON, 10, NOON - NOON)
    assert (timers[0].stream, NOON) in [(one.stream, one.due_at) for one in due]


@pytest.mark.parametrize("bad", ["a NUL in a key", "no topic"])
def test_a_bad_append_raises_the_librarys_exception(
    postgres: PostgresLogRecorder, bad: str
) -> None:
    """Callers know the library's exceptions, not those of the SQL driver."""
    with pytest.raises(PersistenceError):
        postgres.append(BAD[bad]())


def test_a_failing_subscriber_does_not_stop_appends(postgres: PostgresLogRecorder) -> None:
    def fail(_: int) -> None:
        raise RuntimeError("a listener's own fault")

    postgres.announcer.subscribe(fail)
    for position in (1, 2, 3):
        assert call_all_at_once([partial(postgres.append, append_of())], seconds=3) == [position]


def test_an_append_to_a_damaged_log_fails_at_once(postgres: PostgresLogRecorder, dsn: str) -> None:
    """After a bad restore, the row of the head can be older than the events."""
    postgres.append(append_of(event(), event()))
    read(dsn, "UPDATE log_head SET position = 1 RETURNING position")
    try:
        (results,) = call_all_at_once([partial(postgres.append, append_of())], seconds=5)
    finally:
        read(dsn, "UPDATE log_head SET position = 2 RETURNING position")
    assert isinstance(results, Exception)
    assert len(stored(dsn)) == 2


def test_closing_the_recorder_ends_all_waiting_appends(dsn: str) -> None:
    recorder = PostgresLogRecorder(Datastore(dsn))
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            recorder.append(append_of())

    finish = start_calls([write] * 8)
    wait_until(lambda: recorder.head() > 200)
    recorder.close()
    try:
        results = finish(3)
    finally:
        enough.set()
        recorder.close()
    assert all(isinstance(one, Exception) for one in results)


def test_a_closed_recorder_refuses_appends(postgres: PostgresLogRecorder, dsn: str) -> None:
    postgres.append(append_of())
    postgres.close()
    (results,) = call_all_at_once([partial(postgres.append, append_of())], seconds=3)
    assert isinstance(results, Exception)
    assert len(stored(dsn)) == 1
