"""Events and appends for the tests of the event store, and functions that send many appends at once."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append, CommandRow, StoredCommand

T = TypeVar("T")


def event(stream: UUID | None = None, version: int = 1, text: str | None = None) -> StoredEvent:
    """An event with unique bytes, unless its text is given."""
    state = f'{{"text":"{uuid4() if text is None else text}"}}'.encode()
    return StoredEvent(stream or uuid4(), version, "test.happened", state)


def append_of(*events: StoredEvent, key: str | None = None, answer: bytes = b"done") -> Append:
    return Append(events or [event()], command=command(key, answer) if key else None)


def command(key: str, answer: bytes = b"done") -> CommandRow:
    return CommandRow("ana", key, b"\x00\xff" * 16, answer)


def command_taken(row: CommandRow, position: int) -> StoredCommand:
    return StoredCommand(row.digest, row.result, position)


def read(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def stored(dsn: str) -> list[tuple[int, bytes]]:
    """The position and state of every event in the log."""
    return read(dsn, "SELECT notification_id, state FROM stored_events ORDER BY notification_id")  # type: ignore[return-value]


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true within {seconds} s"
        time.sleep(0.005)


def call_all_at_once(calls: Sequence[Callable[[], T]], seconds: float = 15) -> list[T | Exception]:
    """Make all calls at once, each in its own thread; return the result or the exception of each."""
    finish = start_calls(calls)
    return finish(seconds)


def start_calls(calls: Sequence[Callable[[], T]]) -> Callable[[float], list[T | Exception]]:
    """Start the calls; the returned function waits for their results."""
    found: dict[int, T | Exception] = {}

    def carry_out(place: int) -> None:
        try:
            found[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - returned to the test
            found[place] = error

    threads = [threading.Thread(target=carry_out, args=[n], daemon=True) for n in range(len(calls))]
    for thread in threads:
        thread.start()

    def finish(seconds: float) -> list[T | Exception]:
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))
        unanswered = sum(thread.is_alive() for thread in threads)
        assert not unanswered, f"{unanswered} of {len(calls)} callers got no answer in {seconds} s"
        return [found[place] for place in range(len(calls))]

    return finish


def call_as_one_group(
    dsn: str, calls: Sequence[Callable[[], T]], seconds: float = 8
) -> list[T | Exception]:
    """Results of appends. The first waits for the head lock; one transaction stores the others, which
    queue up behind it."""
    with hold_head_lock(dsn):
        first = start_calls(calls[:1])
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        wait_until(lambda: read(dsn, waiting))
        others = start_calls(calls[1:])
        time.sleep(0.1)
    return [*first(seconds), *others(seconds)]


@contextmanager
def hold_head_lock(dsn: str) -> Iterator[None]:
    """Hold the lock on the head of the log: no append can run inside this block."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT FROM log_head FOR UPDATE")
        yield
        connection.rollback()
