"""Group commit: appends of many threads share one transaction and one round trip.

One thread owns the connection. It stores all appends that queued up during the last commit in one call. PostgreSQL
refuses a whole group if one version or command key in it is taken. The thread then finds those appends, answers them, and
stores the rest. After a lost connection the same query shows whether the group was committed: an append is stored if
its own bytes are in the log.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import IntegrityError, InterfaceError
from psycopg.errors import LockNotAvailable, ReadOnlySqlTransaction, UniqueViolation

from application.log.recorder import Append, StoredCommand, leaf_digest
from infrastructure.event_store.acknowledgements import WAIT_SECONDS, Acknowledgements
from infrastructure.event_store.append_call import append_statement, commands_of
from infrastructure.event_store.broken_sessions import end_frozen_session, is_transient
from infrastructure.event_store.pending_append import (
    PendingAppend,
    answer_without_storing,
    fail_all,
    split_conflicting,
    without_lost_keys,
)
from infrastructure.postgres import datastore
from infrastructure.postgres.rows import fetch_rows
from infrastructure.transparency.continuity import Continuity

_WAITING_COMMIT = "SELECT pg_logical_emit_message(true, 'casetrail', 'confirm')"
MOST_EVENTS = 2_000
MOST_APPENDS = 512
MOST_BYTES = 16 << 20


class GroupCommit:
    """Queues the appends of all threads and stores them in groups. `after_commit` gets the new head."""

    def __init__(
        self, dsn: str, after_commit: Callable[[int], None], continuity: Continuity
    ) -> None:
        self._dsn = dsn
        self._continuity = continuity
        self.require_keys: Callable[[Collection[str]], None] | None = None
        """Requires the keys of personal data, by name, in their store; raises KeyStoreUnavailable."""
        self._after_commit = after_commit
        self._queue: queue.SimpleQueue[PendingAppend | None] = queue.SimpleQueue()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        gate = continuity.standbys
        self._later = Acknowledgements(gate, self._acknowledge) if gate else None
        self._is_confirmed = True
        """Whether PostgreSQL has waited for its standbys at each commit."""
        self._opening = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def append(self, append: Append) -> int:
        """Store the append in the next group; return the position of its first event. Raises
        VersionTaken, CommandRepeated, DutyTaken, LogHalted, or the library's errors."""
        pending = PendingAppend(append)
        states = [event.state for event in append.events]
        pending.leaves = [*map(leaf_digest, states)]
        pending.size = sum(map(len, states))
        with self._opening:
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
        """Store what is queued; refuse later appends."""
        with self._opening:
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._later is not None:
            self._later.close()
        self._disconnect()
        self._continuity.close()

    def _run(self) -> None:
        waiting: list[PendingAppend] = []
        while True:
            group = waiting or [first for first in [self._queue.get()] if first is not None]
            if not group:
                return
            self._fill(group)
            try:
                group, waiting = split_conflicting(group)
            except Exception:  # noqa: BLE001 - one append cannot be compared: store each alone
                waiting = []
                for pending in group:
                    self._answer([pending])
            else:
                self._answer(group)

    def _answer(self, group: list[PendingAppend]) -> None:
        group = [pending for pending in group if not pending.is_answered]
        try:
            self._store(group)
        except Exception as error:  # noqa: BLE001 - without this thread, all appends would wait for ever
            self._disconnect()
            fail_all([pending for pending in group if not pending.is_answered], error)

    def _fill(self, group: list[PendingAppend]) -> None:
        """Add queued appends to the group, within the limits."""
        events = sum(len(pending.append.events) for pending in group)
        size = sum(pending.size for pending in group)
        with contextlib.suppress(queue.Empty):
            while events < MOST_EVENTS and len(group) < MOST_APPENDS and size < MOST_BYTES:
                pending = self._queue.get_nowait()
                if pending is None:
                    self._queue.put(None)  # the end mark, for the loop to find afterwards
                    return
                group.append(pending)
                events += len(pending.append.events)
                size += pending.size

    def _store(self, group: list[PendingAppend]) -> None:
        """Store the group; answer every append in it, also after an error."""
        ends_at = time.monotonic() + datastore.RETRY_SECONDS
        while group := without_lost_keys(group, self.require_keys):
            try:
                base, settings = self._call(group)
            except UniqueViolation as error:
                try:
                    left = self._answer_taken(group)
                    if len(left) == len(group):
                        # None of their versions and keys is taken, yet PostgreSQL refuses them.
                        fail_all(left, IntegrityError(f"the log is damaged: {error}"))
                        return
                    group = left
                    continue
                except (psycopg.Error, datastore.LogHalted) as trouble:
                    lost: Exception = trouble
            except datastore.LogHalted as error:
                fail_all(group, error)
                return
            except Exception as error:  # noqa: BLE001 - raised to the callers, not in this thread
                if is_transient(error):
                    lost = error
                elif isinstance(error, ReadOnlySqlTransaction):
                    # Halted meanwhile. Once the halt is lifted, the log may be another.
                    self._disconnect()
                    fail_all(group, datastore.to_library_error(error))
                    return
                # A bad append must not fail the others of its group.
                elif len(group) == 1:
                    fail_all(group, datastore.to_library_error(error))
                    return
                else:
                    for pending in group:
                        self._store([pending])
                    return
            else:
                if self._later is not None:
                    self._later.put(group, base, *settings)
                else:
                    self._acknowledge(group, base)
                return
            self._disconnect()
            if isinstance(lost, LockNotAvailable):
                end_frozen_session(self._connected)
            # Twice at least: a process that was frozen has lost its connection and the time.
            if group[0].tried and time.monotonic() > ends_at:
                fail_all(group, datastore.to_library_error(lost))
                return
            for pending in group:
                pending.tried = True
            time.sleep(datastore.FIRST_PAUSE_SECONDS)

    def _acknowledge(self, group: Sequence[PendingAppend], base: int) -> None:
        place = base
        events = [leaf for pending in group for leaf in pending.leaves]
        if events:
            self._continuity.acknowledged(base + 1, events, commands_of(group, base))
        for pending in group:
            count = len(pending.append.events)
            pending.succeed(place + 1 if count else place)
            place += count
        if place > base:
            self._after_commit(place)

    def _call(self, group: Sequence[PendingAppend]) -> tuple[int, Sequence[str]]:
        """The position before the group, and with standbys two settings of the commit."""
        with_settings = self._later is not None
        statement, parameters = append_statement(group, with_settings=with_settings)
        connection = self._connected()
        cursor = connection.cursor(binary=True)
        row = cursor.execute(statement, parameters, prepare=True).fetchone()
        self._require_confirmed()
        assert row is not None
        assert isinstance(row[0], int)
        return row[0], row[1:3] if with_settings else ()

    def _answer_taken(self, group: Sequence[PendingAppend]) -> list[PendingAppend]:
        """Answer the appends that cannot be stored or are stored already; return the others. A taken
        version stays taken, so each round makes the group smaller."""
        gate = self._continuity.standbys
        if gate is not None and not gate.wait(WAIT_SECONDS):
            raise psycopg.OperationalError("the standbys have not confirmed an earlier commit")
        wanted = [
            (event.originator_id, event.originator_version)
            for pending in group
            for event in pending.append.events
        ]
        wanted += [(g.stream, g.version + 1) for pending in group for g in pending.append.guards]
        keys = [(c.principal, c.key) for pending in group if (c := pending.append.command)]
        connection = self._connected()
        taken: dict[tuple[UUID, int], tuple[int, bytes]] = {
            (stream, version): (position, leaf)
            for stream, version, position, leaf in fetch_rows(
                connection,
                "SELECT originator_id, originator_version, notification_id, leaf FROM stored_events "
                "WHERE (originator_id, originator_version) IN "
                "(SELECT * FROM unnest(%b::uuid[], %b::bigint[]))",
                *([stream for stream, _ in wanted], [version for _, version in wanted]),
            )
        }
        answers: dict[tuple[str, str], StoredCommand] = {
            (principal, key): StoredCommand(*stored)
            for principal, key, *stored in fetch_rows(
                connection,
                "SELECT principal, key, digest, result, position FROM commands "
                "WHERE (principal, key) IN (SELECT * FROM unnest(%b::text[], %b::text[]))",
                *([principal for principal, _ in keys], [key for _, key in keys]),
            )
        }
        rows = [row for pending in group for row in pending.append.duties]
        duties: dict[tuple[UUID, str], str] = {
            (case, person): duty
            for case, person, duty in fetch_rows(
                connection,
                "SELECT case_id, person, duty FROM duties WHERE (case_id, person) IN "
                "(SELECT * FROM unnest(%b::uuid[], %b::text[]))",
                *([row.case for row in rows], [row.person for row in rows]),
            )
        }
        left = [
            pending
            for pending in group
            if not answer_without_storing(pending, taken, answers, duties)
        ]
        heads = [
            pending.first + len(pending.append.events) - 1
            for pending in group
            if pending.tried and pending.first and pending.append.events
        ]
        if heads:
            self._after_commit(max(heads))
        return left

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The connection. A new one is checked once: a restore breaks every connection."""
        if self._connection is None:
            connection = datastore.connect(self._dsn)
            connection.add_notice_handler(self._hear)
            try:
                self._continuity.require_same_log(connection)
                if not self._is_confirmed:
                    # A commit that waits for the standbys: then they have all earlier ones, too.
                    self._is_confirmed = True
                    connection.execute(_WAITING_COMMIT)
                    self._require_confirmed()
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        # A wait for standbys that is cancelled ends with a warning, and the commit stands.
        if notice.severity_nonlocalized == "WARNING":
            self._is_confirmed = False

    def _require_confirmed(self) -> None:
        if not self._is_confirmed:
            raise psycopg.OperationalError("the standbys have not confirmed the commit")

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
