"""What the tests of the event store write, and ways to write it all at once."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append, CommandRow, CommandTaken

T = TypeVar("T")


def event(stream: UUID | None = None, version: int = 1, text: str | None = None) -> StoredEvent:
    """An event whose bytes are like no other's, unless its text is given."""
    state = f'{{"text":"{uuid4() if text is None else text}"}}'.encode()
    return StoredEvent(stream or uuid4(), version, "test.happened", state)


def append_of(*events: StoredEvent, key: str | None = None, answer: bytes = b"done") -> Append:
    return Append(events or [event()], command=command(key, answer) if key else None)


def command(key: str, answer: bytes = b"done") -> CommandRow:
    return CommandRow("ana", key, b"\x00\xff" * 16, answer)


def taken(row: CommandRow, position: int) -> CommandTaken:
    return CommandTaken(row.digest, row.result, position)


def read(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def stored(dsn: str) -> list[tuple[int, bytes]]:
    """Position and state of all that is in the log."""
    return read(dsn, "SELECT notification_id, state FROM stored_events ORDER BY notification_id")  # type: ignore[return-value]


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def answers(calls: Sequence[Callable[[], T]], seconds: float = 15) -> list[T | Exception]:
    """What each call returned or raised, each called in a thread of its own, all at once."""
    finish = begin(calls)
    return finish(seconds)


def begin(calls: Sequence[Callable[[], T]]) -> Callable[[float], list[T | Exception]]:
    """Begin the calls; the function that is returned waits for their answers."""
    found: dict[int, T | Exception] = {}

    def carry_out(place: int) -> None:
        try:
            found[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - handed to the test
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


def answers_of_a_group(
    dsn: str, calls: Sequence[Callable[[], T]], seconds: float = 8
) -> list[T | Exception]:
    """The answers of appends that queue up behind the head's lock, and so are stored together."""
    with head_held(dsn):
        finish = begin([lambda: None, *calls])
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        until(lambda: read(dsn, waiting))
        time.sleep(0.1)
    return finish(seconds)[1:]  # type: ignore[return-value]


@contextmanager
def head_held(dsn: str) -> Iterator[None]:
    """Nobody can append while this lasts."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT FROM log_head FOR UPDATE")
        yield
        connection.rollback()
