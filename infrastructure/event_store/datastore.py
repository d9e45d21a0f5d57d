"""Connections to PostgreSQL, set up the same way wherever they are opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from eventsourcing import persistence
from eventsourcing.postgres import PostgresDatastore
from psycopg.rows import dict_row

# A writer that freezes while it holds a lock must not stop the others for long.
_SESSION = (
    "SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = '1s'; SET TimeZone = 'UTC'"
)
UNSAFE_SWITCH = "POSTGRES_ENABLE_DB_FUNCTIONS"


class UnsafeSwitch(Exception):
    """A switch of the event-sourcing library is set under which followers miss events."""


def refuse_unsafe_switches(environment: Mapping[str, str] = os.environ) -> None:
    """Raise UnsafeSwitch if the library's insert function, which takes no lock, is switched on.

    The library reads the name with an application's name before it, too.
    """
    for name in environment:
        if name.endswith(UNSAFE_SWITCH):
            raise UnsafeSwitch(
                f"{name} is set: the library would append without a lock, and followers of the log "
                "would miss events for ever. Unset it and start again."
            )


def connect(dsn: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection of its own, for a thread that keeps it."""
    connection = psycopg.connect(dsn, autocommit=True, application_name="casetrail")
    connection.execute(_SESSION)
    return connection


class Datastore(PostgresDatastore):
    """The library's pool, opened with a whole connection string (sockets, TLS and all)."""

    def __init__(self, dsn: str, *, pool_size: int = 2, pool_overflow: int = 7) -> None:
        # Under ten connections: the library's pool recovers slowly from a lost server above that.
        super().__init__("", "", "", "", "", pool_size=pool_size, max_overflow=pool_overflow)
        self.dsn = dsn
        self.pool.conninfo = dsn
        self.pool.kwargs = {"row_factory": dict_row, "application_name": "casetrail"}

    def after_connect_func(self) -> Callable[[psycopg.Connection[Any]], None]:
        def after_connect(connection: psycopg.Connection[Any]) -> None:
            connection.autocommit = True
            connection.execute(_SESSION)

        return after_connect


_WORDS = (
    (psycopg.InterfaceError, persistence.InterfaceError),
    (psycopg.OperationalError, persistence.OperationalError),
    (psycopg.DataError, persistence.DataError),
    (psycopg.IntegrityError, persistence.IntegrityError),
    (psycopg.InternalError, persistence.InternalError),
    (psycopg.ProgrammingError, persistence.ProgrammingError),
    (psycopg.NotSupportedError, persistence.NotSupportedError),
    (psycopg.DatabaseError, persistence.DatabaseError),
    (psycopg.Error, persistence.PersistenceError),
)


def in_library_words(error: Exception) -> Exception:
    """The library's error for the driver's, as its own recorders raise it; others as they are."""
    for theirs, ours in _WORDS:
        if isinstance(error, theirs):
            return ours(str(error))
    return error
