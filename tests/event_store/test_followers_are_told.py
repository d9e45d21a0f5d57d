"""That the log has grown is told at once, within the process and to others; and told again after
whatever broke the connection."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from application.log.recorder import Append
from infrastructure.event_store.announcements import GROWN, PROJECTED, Ear
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from infrastructure.projections.positions import Positions
from tests.event_store.writing import answers, append_of, event, read, until

END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@contextmanager
def ear(dsn: str, channel: str = GROWN) -> Iterator[list[str]]:
    heard: list[str] = []
    listening = Ear(dsn, channel, heard.append)
    try:
        until(lambda: heard)
        yield heard
    finally:
        listening.close()


def test_an_ear_is_told_to_look_when_it_begins(dsn: str) -> None:
    with ear(dsn) as heard:
        assert heard == [""]


def test_other_processes_hear_of_an_append(postgres: PostgresLogRecorder, dsn: str) -> None:
    with ear(dsn) as heard:
        for turn in range(2, 12):
            postgres.append(append_of())
            # At once, and not by polling once a second.
            until(lambda t=turn: len(heard) == t, seconds=0.9)


def test_many_appends_need_few_announcements_and_the_last_is_told(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    """A follower that looks whenever it is told, and only then, comes to the end of the log."""
    seen: list[int] = []
    reader = PostgresLogRecorder(Datastore(dsn))
    listening = Ear(dsn, GROWN, lambda _: seen.append(reader.head()))
    until(lambda: seen)
    answers([lambda: [postgres.append(append_of(event(), event())) for _ in range(20)]] * 8)
    until(lambda: seen[-1] == 8 * 20 * 2)
    listening.close()
    reader.close()


def test_within_the_process_each_new_head_is_told_in_order(postgres: PostgresLogRecorder) -> None:
    heads: list[int] = []
    postgres.announcer.subscribe(heads.append)
    answers([lambda: [postgres.append(append_of(event(), event())) for _ in range(20)]] * 8)
    until(lambda: heads[-1:] == [320])
    assert heads == sorted(set(heads))


def test_an_append_without_events_tells_nobody(postgres: PostgresLogRecorder) -> None:
    heads: list[int] = []
    postgres.announcer.subscribe(heads.append)
    postgres.append(append_of())
    postgres.append(append_of(key="k"))
    postgres.append(Append([]))
    postgres.append(append_of())
    until(lambda: len(heads) == 3)
    assert heads == [1, 2, 3]


def test_after_a_broken_connection_an_ear_is_told_to_look_and_hears_again(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    postgres.append(append_of())
    with ear(dsn) as heard:
        for _ in range(3):
            heard.clear()
            read(dsn, END_ALL)
            until(lambda: "" in heard)
            heard.clear()
            # Announced over a connection that was ended, too: the first may be lost, no more.
            until(lambda: postgres.append(append_of()) and (time.sleep(0.05), heard)[1], seconds=2)


def test_nonsense_on_a_channel_deafens_nobody(dsn: str) -> None:
    """Anybody with a connection may send whatever they like."""
    positions = Positions(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection, ear(dsn, PROJECTED) as heard:
        for position, nonsense in enumerate(["?", "[]", '{"queue": "x"}', '{"queue": null}'], 1):
            connection.execute("SELECT pg_notify(%s, %s)", [PROJECTED, nonsense])
            told = f'{{"queue": {position}}}'
            connection.execute("SELECT pg_notify(%s, %s)", [PROJECTED, told])
            until(lambda t=told: t in heard)
            came = positions.wait("queue", position, timeout=4)
            if not came:
                break
    positions.close()
    assert came, f"deaf since {nonsense}"


def test_an_ear_that_is_closed_hears_no_more(dsn: str) -> None:
    with ear(dsn) as heard:
        pass
    read(dsn, f"SELECT pg_notify('{GROWN}', '')")
    time.sleep(0.05)
    assert heard == [""]
    listeners = (
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    until(lambda: not read(dsn, listeners))


@pytest.mark.parametrize("used", [True, False])
def test_a_closed_recorder_leaves_no_connection_and_no_thread(dsn: str, used: bool) -> None:
    before = set(threading.enumerate())
    recorder = PostgresLogRecorder(Datastore(dsn))
    if used:
        recorder.append(append_of())
        recorder.head()
    recorder.close()
    until(lambda: set(threading.enumerate()) <= before)
    ours = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'casetrail %' AND datname = current_database()"
    until(lambda: not read(dsn, ours))
