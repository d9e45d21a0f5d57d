"""Connections to PostgreSQL: their settings, retries, the pool, and the library's errors."""

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

from infrastructure.event_loops import run_blocking
from infrastructure.postgres.rows import Rows, fetch_rows

P = ParamSpec("P")
R = TypeVar("R")

# A writer that freezes while it holds a lock must not stop the others for long.
_SESSION_SETTINGS = (
    "SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = '1s'; SET TimeZone = 'UTC'"
)
# A dead peer is detected within seconds; by TCP's defaults, a connection could block its thread for
# minutes. The address may override these.
_NETWORK_SETTINGS = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
RETRY_SECONDS = 5.0
"""How long to retry a database that does not answer before the caller gets an error."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
"""The longest pause between attempts to reach the database. It is short, because reports must be up to
date within 5 s after the database is back."""
_POOL_SECONDS = 2.0
_POOL_RECONNECT_SECONDS = 0.5
UNSAFE_SWITCH = "POSTGRES_ENABLE_DB_FUNCTIONS"


class UnsafeSwitch(Exception):
    """A switch of the event-sourcing library is set that makes followers miss events."""


def require_safe_switches(environment: Mapping[str, str] = os.environ) -> None:
    """Raise UnsafeSwitch if the library's insert function, which takes no lock, is switched on. The
    library reads the name with an application's name before it, too."""
    for name in environment:
        if name.endswith(UNSAFE_SWITCH):
            raise UnsafeSwitch(
                f"{name} is set: the library would append without a lock, and followers of the log "
                "would miss events. Unset it and restart."
            )


def connection_address(dsn: str) -> str:
    """The address with our default parameters. Those of the address take precedence."""
    wanted: dict[str, Any] = {
        # With the process ID, to tell processes apart in pg_stat_activity.
        "application_name": f"casetrail {os.getpid()}",
        **_NETWORK_SETTINGS,
        **conninfo_to_dict(dsn),
    }
    return make_conninfo("", **wanted)


def retry_lost_connection(read: Callable[P, R]) -> Callable[P, R]:
    """Decorator: repeat a read after a lost connection. In the end it raises the library's error.
    Called from a greenlet of an event loop, it reads in a thread."""

    @functools.wraps(read)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return run_blocking(functools.partial(retry, *args, **kwargs))

    def retry(*args: P.args, **kwargs: P.kwargs) -> R:
        ends_at, is_again = time.monotonic() + RETRY_SECONDS, False
        while True:
            try:
                return read(*args, **kwargs)
            except (persistence.InterfaceError, persistence.OperationalError):
                # Once at least: a process that was frozen has lost its connections and the time.
                if is_again and time.monotonic() > ends_at:
                    raise
                is_again = True
                time.sleep(FIRST_PAUSE_SECONDS)

    return wrapper


def connect(dsn: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection outside the pool, for a thread that keeps it."""
    connection = psycopg.connect(connection_address(dsn), autocommit=True)
    connection.execute(_SESSION_SETTINGS)
    return connection


class LogHalted(persistence.InternalError):
    """The database refuses all appends: the log is not as it was witnessed, or this is a replica."""


class Datastore(PostgresDatastore):
    """The library's pool, opened with a connection string, so that sockets and TLS work."""

    def __init__(self, dsn: str, *, pool_size: int = 2, pool_overflow: int = 7) -> None:
        # Fewer than ten connections: with more, the library's pool recovers slowly from a lost server.
        super().__init__(
            *("", "", "", "", ""),
            connect_timeout=_POOL_SECONDS,
            pool_size=pool_size,
            max_overflow=pool_overflow,
        )
        self.dsn = dsn
        self.pool.conninfo = connection_address(dsn)
        self.pool.kwargs = {"row_factory": dict_row}
        # A pool that cannot connect fails at once and retries on the next request. Else it would
        # still wait for its own next attempt when the server is back.
        self.pool.reconnect_timeout = _POOL_RECONNECT_SECONDS

    @retry_lost_connection
    def rows(self, statement: str, *parameters: object, prepare: bool | None = None) -> Rows:
        """The rows of a query as tuples. Repeats it after a lost connection."""
        with self.get_connection() as connection:
            return fetch_rows(connection, statement, *parameters, prepare=prepare)

    def after_connect_func(self) -> Callable[[psycopg.Connection[Any]], None]:
        def after_connect(connection: psycopg.Connection[Any]) -> None:
            connection.autocommit = True
            connection.execute(_SESSION_SETTINGS)

        return after_connect


_LIBRARY_ERRORS = (
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


def to_library_error(error: Exception) -> Exception:
    """The library's error for a driver's error, as its own recorders raise it; others unchanged."""
    for theirs, ours in _LIBRARY_ERRORS:
        if isinstance(error, theirs):
            return ours(str(error))
    return error
