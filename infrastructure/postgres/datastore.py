"""Connections to PostgreSQL, set up the same way wherever they are opened."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import psycopg
from eventsourcing import persistence
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from infrastructure.event_loops import elsewhere

P = ParamSpec("P")
R = TypeVar("R")

# A writer that freezes while it holds a lock must not stop the others for long.
_SESSION = (
    "SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = '1s'; SET TimeZone = 'UTC'"
)
# What became of the other side of a network is known within seconds, or an open connection could
# hold its thread for as long as TCP tries. The address may say otherwise.
_NETWORK = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
PATIENCE_SECONDS = 5.0
"""How long a database that does not answer is asked again, before its callers are told."""
PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
"""Between two tries to reach a database that is away. However long it was, all that is missed when
it is back is one such pause: reports have to be level within 5 s."""
_POOL_SECONDS = 2.0
_POOL_RECONNECT_SECONDS = 0.5
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


def address(dsn: str) -> str:
    """The address with what we want of every connection, unless it says otherwise itself."""
    wanted: dict[str, Any] = {
        # With the process, so that pg_stat_activity tells them apart.
        "application_name": f"casetrail {os.getpid()}",
        **_NETWORK,
        **conninfo_to_dict(dsn),
    }
    return make_conninfo("", **wanted)


def patiently(read: Callable[P, R]) -> Callable[P, R]:
    """Repeat a read that a lost connection cut off. What it raises in the end is the library's.

    For a guest of an event loop, it is done in a thread.
    """

    @functools.wraps(read)
    def patient(*args: P.args, **kwargs: P.kwargs) -> R:
        return elsewhere(functools.partial(again, *args, **kwargs))

    def again(*args: P.args, **kwargs: P.kwargs) -> R:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return read(*args, **kwargs)
            except (persistence.InterfaceError, persistence.OperationalError):
                if time.monotonic() > ends_at:
                    raise
                time.sleep(PAUSE_SECONDS)

    return patient


def connect(dsn: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection of its own, for a thread that keeps it."""
    connection = psycopg.connect(address(dsn), autocommit=True)
    connection.execute(_SESSION)
    return connection


class LogHalted(persistence.InternalError):
    """The database refuses all appends: the log is not as it was witnessed, or this is a copy."""


class Datastore(PostgresDatastore):
    """The library's pool, opened with a whole connection string (sockets, TLS and all)."""

    def __init__(self, dsn: str, *, pool_size: int = 2, pool_overflow: int = 7) -> None:
        # Under ten connections: the library's pool recovers slowly from a lost server above that.
        super().__init__(
            "",
            "",
            "",
            "",
            "",
            connect_timeout=_POOL_SECONDS,
            pool_size=pool_size,
            max_overflow=pool_overflow,
        )
        self.dsn = dsn
        self.pool.conninfo = address(dsn)
        self.pool.kwargs = {"row_factory": dict_row}
        # A pool that cannot connect gives up at once, and tries again when it is next asked: it
        # would else be waiting for its own next try when the server is back.
        self.pool.reconnect_timeout = _POOL_RECONNECT_SECONDS

    def after_connect_func(self) -> Callable[[psycopg.Connection[Any]], None]:
        def after_connect(connection: psycopg.Connection[Any]) -> None:
            connection.autocommit = True
            connection.execute(_SESSION)

        return after_connect


_WORDS = (
    (psycopg.errors.ReadOnlySqlTransaction, LogHalted),
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
