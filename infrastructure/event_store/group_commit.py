"""Group commit: appends of many threads share one transaction and one round trip.

One thread owns the connection. It takes whatever has queued up while the last group was being
committed, and stores it in one call. A group in which somebody's version or command key is taken
is refused by PostgreSQL as a whole; the thread then looks which appends those are, answers them,
and stores the rest. The same look tells, after a broken connection, whether the group was
committed: an append whose own bytes are in the log has happened.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
)
from psycopg.errors import LockNotAvailable, UniqueViolation

from application.log.recorder import (
    Append,
    CommandTaken,
    leaf_digest,
)
from infrastructure.event_store.append_call import append_call
from infrastructure.event_store.pending import (
    Pending,
    answered,
    without_rivals,
)
from infrastructure.postgres.datastore import (
    PATIENCE_SECONDS,
    PAUSE_SECONDS,
    LogHalted,
    connect,
    in_library_words,
)
from infrastructure.transparency.continuity import Continuity

MOST_EVENTS = 2_000
MOST_APPENDS = 512
MOST_BYTES = 16 << 20


class GroupCommit:
    def __init__(
        self, dsn: str, after_commit: Callable[[int], None], continuity: Continuity
    ) -> None:
        self._dsn = dsn
        self._continuity = continuity
        self._after_commit = after_commit
        self._queue: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._door = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def append(self, append: Append) -> int:
        """Store it with whatever else is on its way; return its first position.

        Raises VersionTaken, CommandRepeated, or the library's errors.
        """
        pending = Pending(append)
        states = [event.state for event in append.events]
        pending.leaves = [*map(leaf_digest, states)]
        pending.size = sum(map(len, states))
        with self._door:
            if self._closed:
                raise InterfaceError("the log is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()
            self._queue.put(pending)
        pending.wait()
        if pending.error is not None:
            raise pending.error
        return pending.first

    def close(self) -> None:
        """Store what is on its way; what comes after that is refused."""
        with self._door:
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        self._disconnect()
        self._continuity.close()

    def _run(self) -> None:
        waiting: list[Pending] = []
        while True:
            group = waiting or [first for first in [self._queue.get()] if first is not None]
            if not group:
                return
            self._fill(group)
            try:
                group, waiting = without_rivals(group)
            except Exception:  # noqa: BLE001 - one of them is not even comparable: each alone, then
                waiting = []
                for pending in group:
                    self._store([pending])
            else:
                self._store(group)

    def _fill(self, group: list[Pending]) -> None:
        """Add what has queued up meanwhile, within the limits."""
        events = sum(len(pending.append.events) for pending in group)
        size = sum(pending.size for pending in group)
        with contextlib.suppress(queue.Empty):
            while events < MOST_EVENTS and len(group) < MOST_APPENDS and size < MOST_BYTES:
                pending = self._queue.get_nowait()
                if pending is None:
                    self._queue.put(None)  # the end, for the loop to find when all is stored
                    return
                group.append(pending)
                events += len(pending.append.events)
                size += pending.size

    def _store(self, group: list[Pending]) -> None:
        """Store the group; answer every append in it, whatever happens."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while group:
            try:
                base = self._call(group)
            except UniqueViolation as error:
                try:
                    left = self._answer_taken(group)
                    if len(left) == len(group):
                        # Nothing of theirs is taken, and still they cannot be stored.
                        _fail(left, IntegrityError(f"the log is damaged: {error}"))
                        return
                    group = left
                    continue
                except (psycopg.Error, LogHalted) as trouble:
                    lost: Exception = trouble
            except LogHalted as error:
                _fail(group, error)
                return
            except Exception as error:  # noqa: BLE001 - the callers must hear of it, not this thread
                if _is_passing(error):
                    lost = error
                # What is wrong with one of them is no business of the others.
                elif len(group) == 1:
                    _fail(group, in_library_words(error))
                    return
                else:
                    for pending in group:
                        self._store([pending])
                    return
            else:
                self._answer_stored(group, base)
                return
            for pending in group:
                pending.tried = True
            self._disconnect()
            if isinstance(lost, LockNotAvailable):
                self._end_frozen()
            if time.monotonic() > ends_at:
                _fail(group, in_library_words(lost))
                return
            time.sleep(PAUSE_SECONDS)

    def _answer_stored(self, group: Sequence[Pending], base: int) -> None:
        place = base
        events = [leaf for pending in group for leaf in pending.leaves]
        if events:
            self._continuity.acknowledged(base + len(events), events[-1])
        for pending in group:
            count = len(pending.append.events)
            pending.succeed(place + 1 if count else place)
            place += count
        if place > base:
            self._after_commit(place)

    def _call(self, group: Sequence[Pending]) -> int:
        statement, parameters = append_call(group)
        cursor = self._connected().cursor(binary=True)
        row = cursor.execute(statement, parameters, prepare=True).fetchone()
        assert row is not None
        assert isinstance(row[0], int)
        return row[0]

    def _answer_taken(self, group: Sequence[Pending]) -> list[Pending]:
        """Answer the appends that cannot be stored, or were already; return the others.

        What is taken stays taken, so each round of this makes the group smaller.
        """
        wanted = [
            (event.originator_id, event.originator_version)
            for pending in group
            for event in pending.append.events
        ]
        wanted += [(g.stream, g.version + 1) for pending in group for g in pending.append.guards]
        keys = [(c.principal, c.key) for pending in group if (c := pending.append.command)]
        connection = self._connected()
        taken: dict[tuple[UUID, int], tuple[int, bytes]] = {
            (row[0], row[1]): (row[2], row[3])
            for row in connection.execute(
                "SELECT originator_id, originator_version, notification_id, leaf FROM stored_events "
                "WHERE (originator_id, originator_version) IN "
                "(SELECT * FROM unnest(%b::uuid[], %b::bigint[]))",
                ([stream for stream, _ in wanted], [version for _, version in wanted]),
                binary=True,
            ).fetchall()
        }
        answers: dict[tuple[str, str], CommandTaken] = {
            (row[0], row[1]): CommandTaken(row[2], row[3], row[4])
            for row in connection.execute(
                "SELECT principal, key, digest, result, position FROM commands "
                "WHERE (principal, key) IN (SELECT * FROM unnest(%b::text[], %b::text[]))",
                ([principal for principal, _ in keys], [key for _, key in keys]),
                binary=True,
            ).fetchall()
        }
        rows = [row for pending in group for row in pending.append.duties]
        duties: dict[tuple[UUID, str], str] = {
            (row[0], row[1]): row[2]
            for row in (
                connection.execute(
                    "SELECT case_id, person, duty FROM duties WHERE (case_id, person) IN "
                    "(SELECT * FROM unnest(%b::uuid[], %b::text[]))",
                    ([row.case for row in rows], [row.person for row in rows]),
                    binary=True,
                ).fetchall()
                if rows
                else ()
            )
        }
        left = [pending for pending in group if not answered(pending, taken, answers, duties)]
        heads = [
            pending.first + len(pending.append.events) - 1
            for pending in group
            if pending.tried and pending.first and pending.append.events
        ]
        if heads:
            self._after_commit(max(heads))
        return left

    def _end_frozen(self) -> None:
        """End whoever holds the head's lock and waits for a client from which nothing comes.

        The append is one statement, but its commit is a message of its own: between the two a
        client can freeze, and no timeout before PostgreSQL 17's `transaction_timeout` sees it.
        """
        connection = self._connected()
        with contextlib.suppress(psycopg.Error), connection.transaction():
            # As who logged in: that is whose the others' sessions are.
            connection.execute("SET LOCAL ROLE NONE")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) "
                "WHERE relation = 'log_head'::regclass AND mode = 'RowExclusiveLock' AND granted "
                "AND wait_event = 'ClientRead' AND xact_start < clock_timestamp() - interval '1 s'"
            )

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Looked at once: a database that is restored breaks what was connected to it."""
        if self._connection is None:
            connection = connect(self._dsn)
            try:
                self._continuity.must_hold(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _fail(group: Sequence[Pending], error: Exception) -> None:
    for pending in group:
        pending.fail(error)


def _is_passing(error: Exception) -> bool:
    """A lost connection, a lock that was not to be had, a server that restarts: worth another try.

    No SQLSTATE: the connection broke. Else the class: 08 connection, 40 rollback, 53 resources,
    55 state of an object, 57 intervention of an operator.
    """
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] in ("08", "40", "53", "55", "57")
