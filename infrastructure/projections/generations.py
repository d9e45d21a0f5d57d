"""Generations of reports: the live one, and one that is being built."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import psycopg
from msgspec import Struct
from psycopg.sql import SQL, Identifier

from domain.recorded_event import RecordedEvent
from infrastructure.postgres.roles import PROJECTOR
from infrastructure.projections.tables import Table, row_digest
from projections.projection import AnyProjection

CREATE_TABLES_LOCK = 0x0CA5E7A3
PREPARE_SECONDS = 30.0
"""How long a start waits for another process that prepares the reports. One that is frozen meanwhile
is ended by the server sooner."""

MAX_FOLD_SECONDS = 0.25
"""A batch is cut short after this time, so that no report delays the others."""
_LINES_PER_CLOCK_CHECK = 64


class UnreadableLine(Struct, frozen=True):
    """An event that this build cannot read; a newer one may have written it."""

    position: int
    stream: UUID
    error: str


Line: TypeAlias = RecordedEvent | UnreadableLine


class Overtaken(psycopg.OperationalError):
    """Another process folded this generation meanwhile. Read its position again and continue there."""


class FoldedBatch(NamedTuple):
    """The result of a batch: rows to write, keys to delete, and lines that cannot be folded."""

    upto: int
    changed: Sequence[Any]
    gone: Sequence[object]
    failed: Sequence[tuple[Line, str]]


class ReportGeneration:
    """One generation of one report: its position and the streams that it holds back."""

    def __init__(self, table: Table, position: int, live: bool, held: dict[UUID, int]) -> None:
        self.table = table
        self.position = position
        self.live = live
        self._held = held
        """Stream -> the position from which it is left out."""

    @property
    def name(self) -> str:
        return self.table.projection.name

    def fold(self, connection: psycopg.Connection[Any], lines: Sequence[Line]) -> FoldedBatch:
        """Fold the lines, or as many as fit into MAX_FOLD_SECONDS; store nothing."""
        projection = self.table.projection
        ends_at = time.monotonic() + MAX_FOLD_SECONDS
        failed: list[tuple[Line, str]] = []
        keyed: list[tuple[object, RecordedEvent]] = []
        for line in lines:
            if self._is_held(line):
                continue
            if isinstance(line, UnreadableLine):
                failed.append(self._hold(line, line.error))
                continue
            try:
                key = projection.key(line)
            except Exception as error:  # noqa: BLE001 - a report's error is recorded
                failed.append(self._hold(line, error))
                continue
            if key is not None:
                keyed.append((key, line))
        before = self.table.rows(connection, {key for key, _ in keyed}) if keyed else {}
        after = dict(before)
        upto = lines[-1].position
        for number, (key, line) in enumerate(keyed, start=1):
            if not self._is_held(line):
                try:
                    after[key] = projection.fold(after.get(key), line)
                except Exception as error:  # noqa: BLE001
                    failed.append(self._hold(line, error))
            if number % _LINES_PER_CLOCK_CHECK == 0 and time.monotonic() > ends_at:
                upto = line.position
                break
        self._release(line for line, _ in failed if line.position > upto)
        return FoldedBatch(
            upto,
            [r for key, r in after.items() if r is not None and r is not before.get(key)],
            [key for key, row in after.items() if row is None and key in before],
            [(line, error) for line, error in failed if line.position <= upto],
        )

    def write(self, connection: psycopg.Connection[Any], folded: FoldedBatch) -> None:
        """Store the batch and the new position in the caller's transaction. Raises Overtaken."""
        name, generation = self.name, self.table.generation
        # First, so that a second process that folds the same generation waits here and then stops.
        moved = connection.execute(
            "UPDATE projections SET position = %s WHERE name = %s AND generation = %s AND position = %s",
            (folded.upto, name, generation, self.position),
        )
        if moved.rowcount == 0:
            raise Overtaken(f"{name}, generation {generation}: no longer at {self.position}")
        self.table.write(connection, folded.changed, folded.gone)
        for line, error in folded.failed:
            connection.execute(
                "INSERT INTO projections_held (name, generation, stream, position, error) "
                "VALUES (%s, %s, %s, %s, %s)",
                (name, generation, line.stream, line.position, error.replace("\0", "\\0")),
            )

    def forget(self, folded: FoldedBatch) -> None:
        """Undo the holds of a batch that was not stored."""
        self._release(line for line, _ in folded.failed)

    def without(self, line: Line, error: Exception) -> FoldedBatch:
        """The batch that leaves out this line and the rest of its stream."""
        return FoldedBatch(line.position, (), (), [self._hold(line, error)])

    def _is_held(self, line: Line) -> bool:
        return self._held.get(line.stream, line.position + 1) <= line.position

    def _hold(self, line: Line, error: Exception | str) -> tuple[Line, str]:
        self._held[line.stream] = line.position
        return line, error if isinstance(error, str) else f"{type(error).__name__}: {error}"

    def _release(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._held.pop(line.stream, None)


def prepare_generations(
    connection: psycopg.Connection[Any], projections: Sequence[AnyProjection]
) -> list[ReportGeneration]:
    """The generations to update; creates tables for new and changed reports.

    If a report's version or columns changed, a new generation is built. The live one serves, without
    updates, until the new one has reached its position.
    """
    targets = []
    with connection.transaction():
        _act_as_projector(connection)
        # Two processes that start together must not both create the first tables.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (CREATE_TABLES_LOCK,))
        for projection in projections:
            digest = row_digest(projection)
            rows = connection.execute(
                "SELECT generation, version, row_digest, position, live FROM projections "
                "WHERE name = %s ORDER BY generation",
                (projection.name,),
            ).fetchall()
            fits = [row for row in rows if (row[1], row[2]) == (projection.version, digest)]
            if not fits:
                fits = [(_create_generation(connection, projection, not rows), 0, "", 0, not rows)]
            for generation, _, _, position, live in fits:
                held = connection.execute(
                    "SELECT stream, position FROM projections_held WHERE name = %s AND generation = %s",
                    (projection.name, generation),
                ).fetchall()
                table = Table(projection, generation)
                targets.append(ReportGeneration(table, position, live, dict(held)))
    return targets


def begin_rebuild(connection: psycopg.Connection[Any], projection: AnyProjection) -> int:
    """Create a new generation beside the live one and return its number; the runner picks it up."""
    with connection.transaction():
        _act_as_projector(connection)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (CREATE_TABLES_LOCK,))
        return _create_generation(connection, projection, live=False)


def discard_building(
    connection: psycopg.Connection[Any], projection: AnyProjection, *, first: int, last: int
) -> None:
    """Drop the generations from `first` to `last` that are not live, and their held streams."""
    with connection.transaction():
        _act_as_projector(connection)
        gone = connection.execute(
            "DELETE FROM projections WHERE name = %s AND generation BETWEEN %s AND %s AND NOT live "
            "RETURNING generation",
            (projection.name, first, last),
        ).fetchall()
        for (generation,) in gone:
            connection.execute(
                "DELETE FROM projections_held WHERE name = %s AND generation = %s",
                (projection.name, generation),
            )
            Table(projection, generation).drop(connection)


def _act_as_projector(connection: psycopg.Connection[Any]) -> None:
    """Create tables as the projector, so that it owns them and can write to them."""
    connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(PROJECTOR)))


def _create_generation(
    connection: psycopg.Connection[Any], projection: AnyProjection, live: bool
) -> int:
    row = connection.execute(
        "SELECT coalesce(max(generation), 0) + 1 FROM projections WHERE name = %s",
        (projection.name,),
    ).fetchone()
    assert row is not None
    generation: int = row[0]
    table = Table(projection, generation)
    table.create(connection)
    connection.execute(
        "INSERT INTO projections (name, generation, version, row_digest, live) "
        "VALUES (%s, %s, %s, %s, %s)",
        (projection.name, generation, projection.version, row_digest(projection), live),
    )
    if live:
        table.show(connection)
    return generation
