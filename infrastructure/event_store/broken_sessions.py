"""Errors after which an append is tried again, and sessions that hold up all appends."""

import contextlib
from collections.abc import Callable
from typing import Any

import psycopg

from infrastructure.postgres.datastore import LogHalted


def end_frozen_session(connect: Callable[[], psycopg.Connection[Any]]) -> None:
    """End the session that holds the lock of `log_head` while its client sends nothing. The
    append is one statement and its commit is another message. A client can freeze between the
    two, and no timeout before PostgreSQL 17's `transaction_timeout` ends its session."""
    with contextlib.suppress(psycopg.Error, LogHalted), (connection := connect()).transaction():
        # The login role owns the other processes' sessions, so only it may end them.
        connection.execute("SET LOCAL ROLE NONE")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE relation = 'log_head'::regclass AND mode = 'RowExclusiveLock' AND granted "
            "AND wait_event = 'ClientRead' AND xact_start < clock_timestamp() - interval '1 s'"
        )


def is_transient(error: Exception) -> bool:
    """Whether to try again: after a lost connection, a lock timeout or a server restart. No
    SQLSTATE: the connection broke. Else by class: 08 connection, 40 rollback, 53 resources, 55
    object state, 57 operator intervention."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] in ("08", "40", "53", "55", "57")
