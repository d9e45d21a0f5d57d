"""Runs all reports of a database: one reader, one transaction per batch, one owner at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import tuple_row

from application.event_codec import from_state
from domain.recorded import Recorded
from infrastructure.event_store.announcements import GROWN, PROJECTED, Ear
from infrastructure.event_store.datastore import connect
from infrastructure.projection_generations import Target, prepare
from infrastructure.projection_tables import Table
from projections.projection import AnyProjection

BATCH = 2_000
POLL_SECONDS = 1.0
FROZEN_SECONDS = 5
LONGEST_PAUSE_SECONDS = 5.0
_OWNER_LOCK = 0x0CA5E7A2


class ProjectionRunner:
    """Keeps the tables of `projections` up with the log.

    Several may run; one holds the database's lock and works, the others stand by.
    """

    def __init__(
        self, dsn: str, projections: Sequence[AnyProjection], *, batch: int = BATCH
    ) -> None:
        self._dsn = dsn
        self._projections = projections
        self._batch = batch
        self._wake = threading.Event()
        self._closing = False
        self._targets: list[Target] | None = None
        self._seen_generations: object = None
        self._looked_at = 0.0

    def wake(self, _: object = None) -> None:
        """The log has grown."""
        self._wake.set()

    def run(self) -> None:
        """Work until `close`; a lost connection or a database restart is waited out."""
        ear = Ear(self._dsn, GROWN, self.wake)
        pause = 0.05
        try:
            while not self._closing:
                try:
                    with connect(self._dsn) as connection:
                        self._own(connection)
                        pause = 0.05
                        while not self._closing:
                            self._wake.clear()
                            if not self.step(connection):
                                self._wake.wait(POLL_SECONDS)
                except psycopg.Error:
                    self._targets = None
                    time.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        finally:
            ear.close()

    def close(self) -> None:
        self._closing = True
        self._wake.set()

    def catch_up(
        self, progress: Callable[[int, int], None] | None = None, *, wait: bool = True
    ) -> None:
        """Bring every report to the head of the log, then return. For commands that end.

        Without `wait`, returns at once if somebody else is at it.
        """
        with connect(self._dsn) as connection:
            if not self._own(connection, wait=wait):
                return
            while self.step(connection):
                if progress is not None:
                    targets = self._targets or []
                    progress(min((t.position for t in targets), default=0), _head(connection))

    def _own(self, connection: psycopg.Connection[Any], *, wait: bool = True) -> bool:
        """Wait until nobody else runs this database's reports; the lock ends with the connection."""
        while not self._closing:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_OWNER_LOCK,)).fetchone()
            if row is not None and row[0]:
                break
            if not wait:
                return False
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
        # An owner that freezes is cut off and loses the lock; one that works looks every second.
        connection.execute(f"SET idle_session_timeout = '{FROZEN_SECONDS}s'".encode())
        # Rows and position stand or fall together, so a lost tail is only folded again.
        connection.execute("SET synchronous_commit = off")
        self._targets = None
        return True

    def step(self, connection: psycopg.Connection[Any]) -> bool:
        """Fold one batch for the reports that are furthest behind; False if all are at the head."""
        targets = self._current_targets(connection)
        if not targets:
            return False
        behind = min(target.position for target in targets)
        lines = _read(connection, behind, self._batch)
        if not lines:
            self._switch(connection, targets)  # an empty log is level with everything
            return False
        moving = [target for target in targets if target.position == behind]
        # One that is ahead is caught up with exactly, so that it joins and is read for once.
        stop = min((t.position for t in targets if t.position > behind), default=lines[-1].position)
        lines = [line for line in lines if line.position <= stop]
        try:
            with connection.transaction():
                for target in moving:
                    self._advance(connection, target, lines)
                self._announce(connection, targets, moving, lines[-1].position)
        except BaseException:
            self._targets = None  # what they hold in memory was not stored
            raise
        for target in moving:
            target.position = lines[-1].position
        self._switch(connection, targets)
        return True

    def _advance(
        self, connection: psycopg.Connection[Any], target: Target, lines: Sequence[Recorded]
    ) -> None:
        before, after, failed = target.fold(connection, lines)
        changed = [
            row for key, row in after.items() if row is not None and row is not before.get(key)
        ]
        gone = [key for key, row in after.items() if row is None and key in before]
        target.table.write(connection, changed, gone)
        name, generation = target.table.projection.name, target.table.generation
        for line, error in failed:
            connection.execute(
                "INSERT INTO projections_held (name, generation, stream, position, error) "
                "VALUES (%s, %s, %s, %s, %s)",
                (name, generation, line.stream, line.position, error),
            )
        connection.execute(
            "UPDATE projections SET position = %s WHERE name = %s AND generation = %s",
            (lines[-1].position, name, generation),
        )

    def _announce(
        self,
        connection: psycopg.Connection[Any],
        targets: Sequence[Target],
        moving: Sequence[Target],
        position: int,
    ) -> None:
        told = {
            t.table.projection.name: position if t in moving else t.position
            for t in targets
            if t.live
        }
        payload = msgspec.json.encode(told).decode()
        connection.execute("SELECT pg_notify(%s, %s)", (PROJECTED, payload))

    def _switch(self, connection: psycopg.Connection[Any], targets: Sequence[Target]) -> None:
        """Put a rebuilt report in the place of the live one, once it has seen as much."""
        for target in targets:
            name = target.table.projection.name
            live = next((t for t in targets if t.live and t.table.projection.name == name), None)
            if target.live or (live is not None and target.position < live.position):
                continue
            with connection.transaction():
                generation = target.table.generation
                connection.execute(
                    "DELETE FROM projections WHERE name = %s AND generation < %s",
                    (name, generation),
                )
                connection.execute(
                    "UPDATE projections SET live = true WHERE name = %s AND generation = %s",
                    (name, generation),
                )
                target.table.show(connection)
                for old in range(1, generation):
                    Table(target.table.projection, old).drop(connection)
            self._targets = None

    def _current_targets(self, connection: psycopg.Connection[Any]) -> list[Target]:
        now = time.monotonic()
        if self._targets is not None and now - self._looked_at < POLL_SECONDS:
            return self._targets
        self._looked_at = now
        generations = connection.execute(
            "SELECT name, generation, live FROM projections ORDER BY name, generation"
        ).fetchall()
        if self._targets is None or generations != self._seen_generations:
            self._targets = prepare(connection, self._projections)
            self._seen_generations = connection.execute(
                "SELECT name, generation, live FROM projections ORDER BY name, generation"
            ).fetchall()
        return self._targets


def _read(connection: psycopg.Connection[Any], after: int, limit: int) -> list[Recorded]:
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        cursor.execute(
            "SELECT notification_id, state FROM stored_events WHERE notification_id > %s "
            "ORDER BY notification_id LIMIT %s",
            (after, limit),
            prepare=True,
        )
        return [from_state(position, state) for position, state in cursor]


def _head(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT position FROM log_head").fetchone()
    return int(row[0]) if row else 0
