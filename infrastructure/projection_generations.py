"""The generations of each report: the live one, and one that is being built beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from domain.recorded import Recorded
from infrastructure.projection_tables import Table, row_digest
from projections.projection import AnyProjection

_MAKING_TABLES = 0x0CA5E7A3


class Target:
    """One generation of one report: where it stands, and which streams it holds back."""

    def __init__(self, table: Table, position: int, live: bool, held: set[UUID]) -> None:
        self.table = table
        self.position = position
        self.live = live
        self.held = held

    def fold(
        self, connection: psycopg.Connection[Any], lines: Sequence[Recorded]
    ) -> tuple[dict[object, Any], dict[object, Any], list[tuple[Recorded, str]]]:
        """The rows before and after, and the lines that could not be folded."""
        projection = self.table.projection
        failed: list[tuple[Recorded, str]] = []
        keyed: list[tuple[object, Recorded]] = []
        for line in lines:
            if line.stream in self.held:
                continue
            try:
                key = projection.key(line)
            except Exception as error:  # noqa: BLE001 - a report's fault is told, never ours
                self._hold(line, error, failed)
                continue
            if key is not None:
                keyed.append((key, line))
        before = self.table.rows(connection, {key for key, _ in keyed}) if keyed else {}
        after = dict(before)
        for key, line in keyed:
            if line.stream in self.held:
                continue
            try:
                after[key] = projection.fold(after.get(key), line)
            except Exception as error:  # noqa: BLE001
                self._hold(line, error, failed)
        return before, after, failed

    def _hold(self, line: Recorded, error: Exception, failed: list[tuple[Recorded, str]]) -> None:
        self.held.add(line.stream)
        failed.append((line, f"{type(error).__name__}: {error}"))


def prepare(
    connection: psycopg.Connection[Any], projections: Sequence[AnyProjection]
) -> list[Target]:
    """The generations to keep up; makes the tables of new reports and of changed ones.

    A report whose version or row has changed is rebuilt beside the live one, which stands still
    until the new one has seen as much.
    """
    targets = []
    with connection.transaction():
        # Two processes that start at once must not both make the first tables.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING_TABLES,))
        for projection in projections:
            digest = row_digest(projection)
            rows = connection.execute(
                "SELECT generation, version, row_digest, position, live FROM projections "
                "WHERE name = %s ORDER BY generation",
                (projection.name,),
            ).fetchall()
            fits = [row for row in rows if (row[1], row[2]) == (projection.version, digest)]
            if not fits:
                fits = [(_begin(connection, projection, not rows), 0, "", 0, not rows)]
            for generation, _, _, position, live in fits:
                held = connection.execute(
                    "SELECT stream FROM projections_held WHERE name = %s AND generation = %s",
                    (projection.name, generation),
                ).fetchall()
                table = Table(projection, generation)
                targets.append(Target(table, position, live, {stream for (stream,) in held}))
    return targets


def begin_rebuild(connection: psycopg.Connection[Any], projection: AnyProjection) -> int:
    """Start a new generation beside the live one; the runner takes it up by itself."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING_TABLES,))
        return _begin(connection, projection, live=False)


def _begin(connection: psycopg.Connection[Any], projection: AnyProjection, live: bool) -> int:
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
