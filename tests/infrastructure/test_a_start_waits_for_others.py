"""Processes that start together prepare the reports one after the other."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from api.composition import prepare_database
from infrastructure.projections.generations import CREATE_TABLES_LOCK
from tests.event_store.appends import wait_until

WAITING = (
    "SELECT query_start FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock' AND wait_event = 'advisory'"
)
REPORTS = "SELECT count(*) FROM projections"


def test_a_start_goes_on_when_another_process_has_prepared_the_reports(dsn: str) -> None:
    prepare_database(dsn)
    failed: list[Exception] = []

    def start() -> None:
        try:
            prepare_database(dsn)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failed.append(error)

    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (CREATE_TABLES_LOCK,))
        reports = other.execute(REPORTS).fetchone()
        starting = threading.Thread(target=start)
        starting.start()
        attempts: set[object] = set()

        def has_tried_twice() -> bool:
            attempts.update(other.execute(WAITING).fetchall())
            return len(attempts) > 1

        wait_until(has_tried_twice)  # the first attempt has ended
        other.execute("SELECT pg_advisory_unlock(%s)", (CREATE_TABLES_LOCK,))
        starting.join()
        assert failed == []
        assert other.execute(REPORTS).fetchone() == reports


def test_a_start_that_may_not_wait_fails(dsn: str) -> None:
    prepare_database(dsn)
    with psycopg.connect(dsn) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (CREATE_TABLES_LOCK,))
        with pytest.raises(LockNotAvailable):
            prepare_database(dsn, wait=0)
