"""What stands in the database beside the log: for whoever asks whether the controls operated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.rows import class_row, tuple_row

from application.audit.database_state import Checkpointed, ReportStanding
from infrastructure.postgres.datastore import Datastore, patiently

PAGE: Final = 5_000
OVERDUE: Final = timedelta(seconds=30)


class StandingNow:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def checkpoints(self) -> Iterator[Checkpointed]:
        """By size, a page at a time."""
        after = 0
        while page := self._checkpoints(after):
            yield from page
            after = page[-1].size

    @patiently
    def _checkpoints(self, after: int) -> Sequence[Checkpointed]:
        with self._datastore.get_connection() as connection:
            return (
                connection.cursor(row_factory=class_row(Checkpointed))
                .execute(
                    "SELECT size, made_at FROM checkpoints WHERE size > %s ORDER BY size LIMIT %s",
                    (after, PAGE),
                )
                .fetchall()
            )

    @patiently
    def is_halted(self) -> bool:
        with self._datastore.get_connection() as connection:
            found = connection.execute("SELECT FROM log_head WHERE halted").fetchone()
            return found is not None

    @patiently
    def duties(self, case: UUID, upto: int) -> Mapping[str, str]:
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT person, duty FROM duties WHERE case_id = %s AND position <= %s",
                (case, upto),
            )
            return {row[0]: row[1] for row in rows}

    @patiently
    def duty_rows(self, upto: int) -> int:
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=tuple_row)
                .execute("SELECT count(*) FROM duties WHERE position <= %s", (upto,))
                .fetchone()
            )
            assert row is not None
            return int(row[0])

    @patiently
    def reports(self) -> Sequence[ReportStanding]:
        with self._datastore.get_connection() as connection:
            return (
                connection.cursor(row_factory=class_row(ReportStanding))
                .execute(
                    "SELECT name, position, (SELECT count(*) FROM projections_held held "
                    "WHERE held.name = p.name AND held.generation = p.generation) AS held_streams "
                    "FROM projections p WHERE live ORDER BY name"
                )
                .fetchall()
            )

    @patiently
    def overdue(self, now: datetime) -> tuple[int, datetime | None]:
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=tuple_row)
                .execute(
                    "SELECT count(*), min(due_at) FROM timers WHERE due_at <= %s", (now - OVERDUE,)
                )
                .fetchone()
            )
            assert row is not None
            return int(row[0]), row[1]
