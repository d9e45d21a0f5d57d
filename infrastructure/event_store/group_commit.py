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
from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg.errors import UniqueViolation

from application.log_recorder import (
    Append,
    CommandRepeated,
    CommandTaken,
    VersionTaken,
    leaf_digest,
)
from infrastructure.event_store.datastore import connect

MOST_EVENTS = 2_000
MOST_APPENDS = 512
ATTEMPTS = 10
PAUSE_SECONDS = 0.2
_APPEND = f"SELECT append_events({', '.join(['%b'] * 15)})"


class Pending:
    """One append on its way. The lock is held until the answer is there."""

    __slots__ = ("answered", "append", "error", "first", "leaves", "tried")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.leaves: list[bytes] = []
        self.first = 0
        self.tried = False
        """An earlier try was cut off: it may be stored already."""
        self.error: Exception | None = None
        # A bare lock costs a third of a Future and is all that one waiter needs.
        self.answered = threading.Lock()
        self.answered.acquire()

    def succeed(self, first: int) -> None:
        self.first = first
        self.answered.release()

    def fail(self, error: Exception) -> None:
        self.error = error
        self.answered.release()


class GroupCommit:
    def __init__(self, dsn: str, after_commit: Callable[[int], None]) -> None:
        self._dsn = dsn
        self._after_commit = after_commit
        self._queue: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def append(self, append: Append) -> int:
        """Store it with whatever else is on its way; return its first position.

        Raises VersionTaken, CommandRepeated, or the library's errors for a lost connection.
        """
        if self._thread is None:
            self._start()
        pending = Pending(append)
        pending.leaves = [leaf_digest(event.state) for event in append.events]
        self._queue.put(pending)
        pending.answered.acquire()
        if pending.error is not None:
            raise pending.error
        return pending.first

    def close(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        self._disconnect()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        waiting: list[Pending] = []
        while True:
            group = waiting or [first for first in [self._queue.get()] if first is not None]
            if not group:
                return
            self._fill(group)
            group, waiting = _without_rivals(group)
            self._store(group)

    def _fill(self, group: list[Pending]) -> None:
        """Add what has queued up meanwhile, within the limits."""
        events = sum(len(pending.append.events) for pending in group)
        with contextlib.suppress(queue.Empty):
            while events < MOST_EVENTS and len(group) < MOST_APPENDS:
                pending = self._queue.get_nowait()
                if pending is None:
                    self._queue.put(None)  # the end, for the loop to find when all is stored
                    return
                group.append(pending)
                events += len(pending.append.events)

    def _store(self, group: list[Pending]) -> None:
        """Store the group; answer every append in it, whatever happens."""
        failures = 0
        while group:
            try:
                base = self._call(group)
            except UniqueViolation:
                try:
                    group = self._answer_taken(group)
                    continue
                except psycopg.Error as error:
                    lost: Exception = error
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                lost = error
            except Exception as error:  # noqa: BLE001 - the callers must hear of it, not this thread
                if len(group) == 1:
                    group[0].fail(error)
                    return
                # What is wrong with one of them is no business of the others.
                for pending in group:
                    self._store([pending])
                return
            else:
                self._answer_stored(group, base)
                return
            failures += 1
            for pending in group:
                pending.tried = True
            self._disconnect()
            if failures == ATTEMPTS:
                kind = (
                    InterfaceError if isinstance(lost, psycopg.InterfaceError) else OperationalError
                )
                for pending in group:
                    pending.fail(kind(str(lost)))
                return
            if failures > 1:
                time.sleep(PAUSE_SECONDS)

    def _answer_stored(self, group: Sequence[Pending], base: int) -> None:
        place = base
        for pending in group:
            count = len(pending.append.events)
            pending.succeed(place + 1 if count else place)
            place += count
        if place > base:
            self._after_commit(place)

    def _call(self, group: Sequence[Pending]) -> int:
        events = [event for pending in group for event in pending.append.events]
        guards = [guard for pending in group for guard in pending.append.guards]
        timers = {t.stream: t for pending in group for t in pending.append.timers}.values()
        offsets: list[int] = []
        commands = []
        place = 0
        for pending in group:
            place += len(pending.append.events)
            if pending.append.command is not None:
                commands.append(pending.append.command)
                offsets.append(place)
        row = (
            self._connected()
            .execute(
                _APPEND,
                (
                    [event.originator_id for event in events],
                    [event.originator_version for event in events],
                    [event.topic for event in events],
                    [event.state for event in events],
                    [leaf for pending in group for leaf in pending.leaves],
                    [timer.stream for timer in timers],
                    [timer.kind for timer in timers],
                    [timer.due_at for timer in timers],
                    [guard.stream for guard in guards],
                    [guard.version + 1 for guard in guards],
                    [command.principal for command in commands],
                    [command.key for command in commands],
                    [command.digest for command in commands],
                    [command.result for command in commands],
                    offsets,
                ),
                prepare=True,
                binary=True,
            )
            .fetchone()
        )
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
        return [pending for pending in group if not _answered(pending, taken, answers)]

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = connect(self._dsn)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _answered(
    pending: Pending,
    taken: dict[tuple[UUID, int], tuple[int, bytes]],
    answers: dict[tuple[str, str], CommandTaken],
) -> bool:
    """Answer this append if it was stored before, repeats a command, or came too late."""
    events = pending.append.events
    if events:
        first = events[0]
        assert isinstance(first.originator_id, UUID)
        there = taken.get((first.originator_id, first.originator_version))
        if pending.tried and there is not None and there[1] == pending.leaves[0]:
            # Our own bytes: the earlier try was committed and only its answer was lost.
            pending.succeed(there[0])
            return True
    command = pending.append.command
    if command is not None and (answer := answers.get((command.principal, command.key))):
        pending.fail(CommandRepeated(answer))
        return True
    for event in events:
        assert isinstance(event.originator_id, UUID)
        if (event.originator_id, event.originator_version) in taken:
            stream, version = event.originator_id, event.originator_version
            pending.fail(VersionTaken(f"version {version} of stream {stream} is taken"))
            return True
    for guard in pending.append.guards:
        if (guard.stream, guard.version + 1) in taken:
            pending.fail(VersionTaken(f"stream {guard.stream} has left version {guard.version}"))
            return True
    return False


def _without_rivals(group: list[Pending]) -> tuple[list[Pending], list[Pending]]:
    """Those that can share a transaction, and those that want a version or key of one of them."""
    claimed: set[object] = set()
    relied_on: set[object] = set()
    together: list[Pending] = []
    rivals: list[Pending] = []
    for pending in group:
        append = pending.append
        wants: set[object] = {(e.originator_id, e.originator_version) for e in append.events}
        if len(wants) < len(append.events):
            pending.fail(VersionTaken("the append names one version of a stream twice"))
            continue
        if append.command is not None:
            wants.add((append.command.principal, append.command.key))
        # Guards are looked at before anything is inserted: what they forbid must not be in the group.
        relies_on = {(guard.stream, guard.version + 1) for guard in append.guards}
        if claimed.isdisjoint(wants | relies_on) and relied_on.isdisjoint(wants):
            claimed |= wants
            relied_on |= relies_on
            together.append(pending)
        else:
            rivals.append(pending)
    return together, rivals
