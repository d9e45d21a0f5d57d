"""State of the controls that the database holds beside the log: checkpoints, duties, reports, timers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.rows import class_row, tuple_row

from application.audit.database_state import CheckpointRecord, ReportState
from infrastructure.postgres.datastore import Datastore, retry_lost_connection

PAGE_SIZE: Final = 5_000
OVERDUE_AFTER: Final = timedelta(seconds=30)


class ControlState:
    """Reads the state of the controls, for auditors."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def checkpoints(self) -> Iterator[CheckpointRecord]:
        """All checkpoints by size, read a page at a time."""
        after = 0
        while page := self._checkpoints(after):
            yield from page
            after = page[-1].size

    @retry_lost_connection
    def _checkpoints(self, after: int) -> Sequence[CheckpointRecord]:
        with self._datastore.get_connection() as connection:
            return (
                connection.cursor(row_factory=class_row(CheckpointRecord))
                .execute(
                    "SELECT size, made_at FROM checkpoints WHERE size > %s ORDER BY size LIMIT %s",
                    (after, PAGE_SIZE),
                )
                .fetchall()
            )

    @retry_lost_connection
    def is_halted(self) -> bool:
        with self._datastore.get_connection() as connection:
            found = connection.execute("SELECT FROM log_head WHERE halted").fetchone()
            return found is not None

    @retry_lost_connection
    def duties(self, case: UUID, upto: int) -> Mapping[str, str]:
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT person, duty FROM duties WHERE case_id = %s AND position <= %s",
                (case, upto),
            )
            return {row[0]: row[1] for row in rows}

    @retry_lost_connection
    def duty_rows(self, upto: int) -> int:
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=tuple_row)
                .execute("SELECT count(*) FROM duties WHERE position <= %s", (upto,))
                .fetchone()
            )
            assert row is not None
            return int(row[0])

    @retry_lost_connection
    def reports(self) -> Sequence[ReportState]:
        with self._datastore.get_connection() as connection:
            return (
                connection.cursor(row_factory=class_row(ReportState))
                .execute(
                    "SELECT name, position, (SELECT count(*) FROM projections_held held "
                    "WHERE held.name = p.name AND held.generation = p.generation) AS held_streams "
                    "FROM projections p WHERE live ORDER BY name"
                )
                .fetchall()
            )

    @retry_lost_connection
    def overdue(self, now: datetime) -> tuple[int, datetime | None]:
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=tuple_row)
                .execute(
                    "SELECT count(*), min(due_at) FROM timers WHERE due_at <= %s",
                    (now - OVERDUE_AFTER,),
                )
                .fetchone()
            )
            assert row is not None
            return int(row[0]), row[1]
