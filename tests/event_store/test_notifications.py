"""Followers in this process and in others are notified at once when the log grows, and again after a
broken connection."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from application.log.recorder import Append
from infrastructure.event_store.announcements import (
    LOG_GROWN_CHANNEL,
    REPORTS_CHANNEL,
    NotificationListener,
)
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from infrastructure.projections.positions import ReportPositions
from tests.event_store.appends import append_of, call_all_at_once, event, read, wait_until

END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@contextmanager
def listener(dsn: str, channel: str = LOG_GROWN_CHANNEL) -> Iterator[list[str]]:
    heard: list[str] = []
    listening = NotificationListener(dsn, channel, heard.append)
    try:
        wait_until(lambda: heard)
        yield heard
    finally:
        listening.close()


def test_a_listener_is_notified_when_it_starts(dsn: str) -> None:
    with listener(dsn) as heard:
        assert heard == [""]


def test_other_processes_are_notified_of_an_append(postgres: PostgresLogRecorder, dsn: str) -> None:
    with listener(dsn) as heard:
        for turn in range(2, 12):
            postgres.append(append_of())
            # At once, and not by polling once a second.
            wait_until(lambda t=turn: len(heard) == t, seconds=0.9)


def test_a_follower_that_reads_only_when_notified_reaches_the_head(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    seen: list[int] = []
    reader = PostgresLogRecorder(Datastore(dsn))
    listening = NotificationListener(dsn, LOG_GROWN_CHANNEL, lambda _: seen.append(reader.head()))
    wait_until(lambda: seen)
    call_all_at_once(
        [lambda: [postgres.append(append_of(event(), event())) for _ in range(20)]] * 8
    )
    wait_until(lambda: seen[-1] == 8 * 20 * 2)
    listening.close()
    reader.close()


def test_subscribers_in_the_process_get_each_new_head_in_order(
    postgres: PostgresLogRecorder,
) -> None:
    heads: list[int] = []
    postgres.announcer.subscribe(heads.append)
    call_all_at_once(
        [lambda: [postgres.append(append_of(event(), event())) for _ in range(20)]] * 8
    )
    wait_until(lambda: heads[-1:] == [320])
    assert heads == sorted(set(heads))


def test_an_append_without_events_notifies_nobody(postgres: PostgresLogRecorder) -> None:
    heads: list[int] = []
    postgres.announcer.subscribe(heads.append)
    postgres.append(append_of())
    postgres.append(append_of(key="k"))
    postgres.append(Append([]))
    postgres.append(append_of())
    wait_until(lambda: len(heads) == 3)
    assert heads == [1, 2, 3]


def test_a_listener_reconnects_after_a_broken_connection(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    postgres.append(append_of())
    with listener(dsn) as heard:
        for _ in range(3):
            heard.clear()
            read(dsn, END_ALL)
            wait_until(lambda: "" in heard)
            heard.clear()
            # The first notification may be lost, since its connection was ended too.
            wait_until(
                lambda: postgres.append(append_of()) and (time.sleep(0.05), heard)[1], seconds=2
            )


def test_a_malformed_notification_does_not_stop_a_listener(dsn: str) -> None:
    """Every client with a connection can send any text."""
    positions = ReportPositions(dsn)
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        listener(dsn, REPORTS_CHANNEL) as heard,
    ):
        for position, nonsense in enumerate(["?", "[]", '{"queue": "x"}', '{"queue": null}'], 1):
            connection.execute("SELECT pg_notify(%s, %s)", [REPORTS_CHANNEL, nonsense])
            sent = f'{{"queue": {position}}}'
            connection.execute("SELECT pg_notify(%s, %s)", [REPORTS_CHANNEL, sent])
            wait_until(lambda t=sent: t in heard)
            arrived = positions.wait("queue", position, timeout=4)
            if not arrived:
                break
    positions.close()
    assert arrived, f"no notification after {nonsense}"


def test_a_closed_listener_gets_no_more_notifications(dsn: str) -> None:
    with listener(dsn) as heard:
        pass
    read(dsn, f"SELECT pg_notify('{LOG_GROWN_CHANNEL}', '')")
    time.sleep(0.05)
    assert heard == [""]
    listeners = (
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    wait_until(lambda: not read(dsn, listeners))


@pytest.mark.parametrize("used", [True, False])
def test_a_closed_recorder_leaves_no_connection_and_no_thread(dsn: str, used: bool) -> None:
    before = set(threading.enumerate())
    recorder = PostgresLogRecorder(Datastore(dsn))
    if used:
        recorder.append(append_of())
        recorder.head()
    recorder.close()
    wait_until(lambda: set(threading.enumerate()) <= before)
    ours = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'casetrail %' AND datname = current_database()"
    wait_until(lambda: not read(dsn, ours))
