"""Runs all reports of a database: one reader, one transaction per batch, one owner at a time."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import tuple_row

from application.log.event_codec import from_state
from infrastructure.event_store.announcements import (
    LOG_GROWN_CHANNEL,
    REPORTS_CHANNEL,
    NotificationListener,
)
from infrastructure.postgres.datastore import LONGEST_PAUSE_SECONDS, connect
from infrastructure.postgres.roles import PROJECTOR, dsn_for_role
from infrastructure.projections.generations import (
    FoldedBatch,
    Line,
    ReportGeneration,
    UnreadableLine,
    prepare_generations,
)
from infrastructure.projections.tables import Table
from projections.projection import AnyProjection

_logger = logging.getLogger("casetrail.projections")
BATCH_SIZE = 2_000
POLL_SECONDS = 1.0
FROZEN_SECONDS = 5
SWITCH_MILLISECONDS = 200
"""Longest wait of a switch for readers of the report: other readers queue behind it."""
OWNER_LOCK = 0x0CA5E7A2
CONNECTION_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError)
"""Errors of the connection or the server, not of the data to store."""


class ProjectionRunner:
    """Updates the tables of `projections` from the log.

    Several may run: one holds the database's lock and works, the others wait for it.
    """

    def __init__(
        self, dsn: str, projections: Sequence[AnyProjection], *, batch: int = BATCH_SIZE
    ) -> None:
        self._dsn = dsn_for_role(dsn, PROJECTOR)
        self._projections = projections
        self._batch = batch
        self._wake = threading.Event()
        self._closing = False
        self._targets: list[ReportGeneration] | None = None
        self._seen_generations: object = None
        self._looked_at = 0.0
        self._front_first = False
        self._switch_at = 0.0

    def wake(self, _: object = None) -> None:
        """Look for new events at once: the log has grown."""
        self._wake.set()

    def run(self) -> None:
        """Work until `close`; reconnect after a lost connection or a database restart."""
        listener = NotificationListener(self._dsn, LOG_GROWN_CHANNEL, self.wake)
        pause = 0.05
        try:
            while not self._closing:
                try:
                    with connect(self._dsn) as connection:
                        self._acquire_ownership(connection)
                        pause = 0.05
                        while not self._closing:
                            self._wake.clear()
                            if not self.step(connection):
                                self._wake.wait(POLL_SECONDS)
                except Exception as error:
                    if not isinstance(error, psycopg.Error):
                        # The reports must not stop for a fault that may pass, and must not hide it.
                        _logger.exception("the reports could not be updated; trying again")
                    self._targets = None
                    time.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        finally:
            listener.close()

    def close(self) -> None:
        self._closing = True
        self._wake.set()

    def catch_up(
        self, progress: Callable[[int, int], None] | None = None, *, wait: bool = True
    ) -> None:
        """Bring every report to the head of the log, then return; for commands that end.

        Without `wait`, return at once if another process runs the reports.
        """
        with connect(self._dsn) as connection:
            if not self._acquire_ownership(connection, wait=wait):
                return
            while self.step(connection):
                if progress is not None:
                    targets = self._targets or []
                    progress(min((t.position for t in targets), default=0), _read_head(connection))

    def _acquire_ownership(self, connection: psycopg.Connection[Any], *, wait: bool = True) -> bool:
        """Wait for the lock on this database's reports; it ends with the connection."""
        while not self._closing:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (OWNER_LOCK,)).fetchone()
            if row is not None and row[0]:
                break
            if not wait:
                return False
            self._end_frozen(connection)
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
        end_if_frozen(connection)
        self._targets = None
        return True

    def _end_frozen(self, connection: psycopg.Connection[Any]) -> None:
        """End the session of an owner that froze while the server was sending it events.

        The server does not call it idle: it still waits to send the rest.
        """
        with connection.transaction():
            # As the login role: the other sessions belong to it.
            connection.execute("SET LOCAL ROLE NONE")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) "
                "WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND granted "
                "AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "AND wait_event = 'ClientWrite' AND state_change < clock_timestamp() - %s * interval '1 s'",
                (OWNER_LOCK, FROZEN_SECONDS),
            )

    def step(self, connection: psycopg.Connection[Any]) -> bool:
        """Fold one batch for some of the reports; False if all are at the head of the log.

        Reports in front and reports that catch up take turns, so that neither waits for the other.
        """
        targets = self._current_targets(connection)
        most = max((target.position for target in targets), default=0)
        front = [target for target in targets if target.position == most]
        rest = [target for target in targets if target.position < most]
        self._front_first = not self._front_first
        try:
            moved = any(
                self._advance(connection, group, targets)
                for group in ((front, rest) if self._front_first else (rest, front))
                if group
            )
        except BaseException:
            self._targets = None  # their state in memory was not stored
            raise
        for target in [target for target in targets if not target.live]:
            self._switch_if_caught_up(connection, target)
        return moved

    def _advance(
        self,
        connection: psycopg.Connection[Any],
        group: Sequence[ReportGeneration],
        targets: Sequence[ReportGeneration],
    ) -> bool:
        """Fold one batch for the reports of the group that are furthest behind."""
        behind = min(target.position for target in group)
        lines = _read_lines(connection, behind, self._batch)
        if not lines:
            return False
        moving = [target for target in group if target.position == behind]
        # Stop exactly at the next report ahead, so that both then share one read.
        stop = min((t.position for t in targets if t.position > behind), default=lines[-1].position)
        lines = [line for line in lines if line.position <= stop]
        folded = [(target, target.fold(connection, lines)) for target in moving]
        try:
            self._store(connection, folded)
        except psycopg.Error as error:
            if isinstance(error, CONNECTION_ERRORS):
                raise
            for target, one in folded:
                target.forget(one)
                self._isolate_rejected_line(connection, target, lines)
        return True

    def _store(
        self,
        connection: psycopg.Connection[Any],
        folded: Sequence[tuple[ReportGeneration, FoldedBatch]],
    ) -> None:
        """Store rows and positions, then announce them: a crash cannot undo an announced position."""
        announced = {target.name: one.upto for target, one in folded if target.live}
        with connection.transaction():
            for target, one in folded:
                target.write(connection, one)
            connection.execute(
                "SELECT pg_notify(%s, %s)",
                (REPORTS_CHANNEL, msgspec.json.encode(announced).decode()),
            )
        for target, one in folded:
            target.position = one.upto

    def _isolate_rejected_line(
        self, connection: psycopg.Connection[Any], target: ReportGeneration, lines: Sequence[Line]
    ) -> None:
        """Halve a batch that the table rejects until one line is left; hold back its stream."""
        folded = target.fold(connection, lines)
        try:
            self._store(connection, [(target, folded)])
        except psycopg.Error as error:
            if isinstance(error, CONNECTION_ERRORS):
                raise
            target.forget(folded)
            if len(lines) == 1:
                self._store(connection, [(target, target.without(lines[0], error))])
                return
            half = len(lines) // 2
            self._isolate_rejected_line(connection, target, lines[:half])
            if target.position == lines[half - 1].position:  # it had time to fold them all
                self._isolate_rejected_line(connection, target, lines[half:])

    def _switch_if_caught_up(
        self, connection: psycopg.Connection[Any], target: ReportGeneration
    ) -> None:
        """Make a generation live once it has caught up; later, if a transaction reads the old one."""
        live = connection.execute(
            "SELECT position FROM projections WHERE name = %s AND live", (target.name,)
        ).fetchone()
        is_behind = live is not None and target.position < live[0]
        if is_behind or time.monotonic() < self._switch_at:
            return
        self._switch_at = time.monotonic() + POLL_SECONDS
        with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = {SWITCH_MILLISECONDS}".encode())
            generation = target.table.generation
            connection.execute(
                "DELETE FROM projections WHERE name = %s AND generation < %s",
                (target.name, generation),
            )
            connection.execute(
                "UPDATE projections SET live = true WHERE name = %s AND generation = %s",
                (target.name, generation),
            )
            target.table.show(connection)
            for old in range(1, generation):
                Table(target.table.projection, old).drop(connection)
            self._targets, self._switch_at = None, 0.0

    def _current_targets(self, connection: psycopg.Connection[Any]) -> list[ReportGeneration]:
        now = time.monotonic()
        if self._targets is not None and now - self._looked_at < POLL_SECONDS:
            return self._targets
        self._looked_at = now
        generations = connection.execute(
            "SELECT name, generation, live FROM projections ORDER BY name, generation"
        ).fetchall()
        if self._targets is None or generations != self._seen_generations:
            self._targets = prepare_generations(connection, self._projections)
            self._seen_generations = connection.execute(
                "SELECT name, generation, live FROM projections ORDER BY name, generation"
            ).fetchall()
        return self._targets


def end_if_frozen(connection: psycopg.Connection[Any]) -> None:
    """Let the server end this session if its process freezes, so that its locks are released.

    A working process queries every second. Between two statements of a batch it folds, on a machine
    that may be busy.
    """
    connection.execute(
        f"SET idle_session_timeout = '{FROZEN_SECONDS}s'; "
        f"SET idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'".encode()
    )


def _read_lines(connection: psycopg.Connection[Any], after: int, limit: int) -> list[Line]:
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        cursor.execute(
            "SELECT notification_id, state, originator_id FROM stored_events "
            "WHERE notification_id > %s ORDER BY notification_id LIMIT %s",
            (after, limit),
            prepare=True,
        )
        return [_decode_line(*row) for row in cursor]


def _decode_line(position: int, state: bytes, stream: UUID) -> Line:
    try:
        return from_state(position, state)
    except (msgspec.MsgspecError, ValueError) as error:
        return UnreadableLine(position, stream, str(error))


def _read_head(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT position FROM log_head").fetchone()
    return int(row[0]) if row else 0
