"""Finds the process that runs the reports of a database, and sessions that hold locks."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import psycopg
from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infrastructure.postgres.datastore import connect
from infrastructure.postgres.lock_retries import retry_while_locked
from infrastructure.projections.runner import OWNER_LOCK

T = TypeVar("T")
FROZEN_AFTER_SECONDS: Final = 3.0
"""A worker queries every second; a session that is silent for longer is frozen."""
LOOK_SECONDS: Final = 0.5
_SESSION: Final = (
    "application_name, client_addr::text, pid, backend_start, state, state_change, "
    "extract(epoch FROM clock_timestamp() - state_change)::float8, wait_event"
)
_OWNER: Final = (
    f"SELECT {_SESSION} FROM pg_stat_activity JOIN pg_locks USING (pid) "
    "WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND granted AND pg_locks.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1"
)
_BLOCKER: Final = (
    f"SELECT {_SESSION} FROM pg_stat_activity WHERE pid = (SELECT blocker FROM pg_stat_activity AS waiting, "
    "unnest(pg_blocking_pids(waiting.pid)) AS blocker WHERE waiting.datname = current_database() "
    "AND waiting.application_name = ANY (%s) LIMIT 1)"
)


class Session(Struct, frozen=True):
    """A session of the database as the server reports it; its state only to the same login."""

    program: str
    address: str | None
    session: int
    connected_at: datetime | None
    state: str | None
    since: datetime | None
    seconds: float | None
    wait_event: str | None

    @property
    def process(self) -> str:
        words = self.program.split()
        if len(words) == 2 and words[0] == "casetrail":
            name = f"process {words[1]}"
        else:
            name = f"{self.program or 'a program'} (database session {self.session})"
        return f"{name} {f'at {self.address}' if self.address else 'on this machine'}"

    @property
    def is_frozen(self) -> bool:
        is_silent = self.state != "active" or self.wait_event == "ClientWrite"
        return is_silent and (self.seconds or 0) > FROZEN_AFTER_SECONDS

    def __str__(self) -> str:
        return f"{self.process}, connected since {_clock(self.connected_at)}"

    @property
    def as_blocker(self) -> str:
        """The session, its state, and since when it is in it."""
        doing = "works" if self.state == "active" else f"is {self.state or 'busy'}"
        return f"{self}; it {doing} since {_clock(self.since)}"


class ReportNotRebuilt(Exception):
    """The report was not rebuilt by this command."""


class Watch:
    """A thread that reports each session that blocks this process or the worker, once."""

    def __init__(self, dsn: str, say: Callable[[str], None]) -> None:
        self._dsn, self._say = dsn, say
        self._closing = threading.Event()
        self._said: set[str] = set()
        self.last: str | None = None
        """What the rebuild waits for now."""
        self._thread = threading.Thread(target=self._run, name="lock-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def say_once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._say(text)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with connect(self._dsn) as connection:
                    while not self._closing.wait(LOOK_SECONDS):
                        self._look(connection)
            except psycopg.Error:
                self._closing.wait(LOOK_SECONDS)

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        owner = owner_of_reports(connection)
        names = [f"casetrail {os.getpid()}", *([owner.program] if owner else [])]
        blocker = _session(connection, _BLOCKER, names)
        if blocker is not None:
            self.last = f"{blocker.as_blocker}, and holds a lock that the rebuild needs"
            self.say_once(f"blocker {blocker.session}", f"Waiting for {self.last}.")
        elif owner is not None:
            self.last = f"the worker, {owner}"
            if owner.is_frozen:
                self.last += f", frozen since {_clock(owner.since)}"
                self.say_once(
                    f"frozen {owner.session}",
                    f"The worker, {owner.process}, has done nothing since {_clock(owner.since)}: it is "
                    "frozen. The rebuild goes on without it. Continue or end that process.",
                )
        else:
            self.last = None


def owner_of_reports(connection: psycopg.Connection[Any]) -> Session | None:
    """The session that holds the lock on the reports; None if no worker runs."""
    return _session(connection, _OWNER, OWNER_LOCK)


@contextmanager
def bounded(dsn: str, wait: float, say: Callable[[str], None]) -> Iterator[tuple[str, Watch]]:
    """An address whose sessions wait at most `wait` seconds for a lock, and a Watch on them.

    Raises ReportNotRebuilt with the session that holds the lock.
    """
    milliseconds = max(1, int(wait * 1000))  # 0 means that the server waits without limit
    options = f"{conninfo_to_dict(dsn).get('options') or ''} -c lock_timeout={milliseconds}"
    name = f"casetrail {os.getpid()}"
    watch = Watch(dsn, say)
    try:
        yield make_conninfo(dsn, options=options.strip(), application_name=name), watch
    except psycopg.errors.LockNotAvailable:
        raise not_rebuilt(wait, watch.last) from None
    except psycopg.OperationalError as error:
        raise ReportNotRebuilt(f"The database did not answer: {error}") from None
    finally:
        watch.close()


def patiently(wait: float, watch: Watch, action: Callable[[], T]) -> T:
    """The result of `action`, which is tried again while a lock is held, for `wait` seconds.

    Raises ReportNotRebuilt.
    """
    try:
        return retry_while_locked(wait, action)
    except psycopg.errors.LockNotAvailable:
        raise not_rebuilt(wait, watch.last) from None


def not_rebuilt(wait: float, last: str | None) -> ReportNotRebuilt:
    return ReportNotRebuilt(
        f"No progress for {wait:g} s. It waited for {last or 'the database'}. End that session or "
        "process, or allow more time with --wait SECONDS."
    )


def _session(connection: psycopg.Connection[Any], query: str, parameter: object) -> Session | None:
    row = connection.execute(query.encode(), (parameter,)).fetchone()
    return None if row is None else Session(*row)


def _clock(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "an unknown time"
