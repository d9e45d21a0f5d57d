"""State of the controls that the database holds beside the log: checkpoints, duties, reports, timers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from application.audit.database_state import CheckpointRecord, ReportState
from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.rows import read_structs, read_tuples

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

    def _checkpoints(self, after: int) -> Sequence[CheckpointRecord]:
        return read_structs(
            self._datastore,
            CheckpointRecord,
            "SELECT size, made_at FROM checkpoints WHERE size > %s ORDER BY size LIMIT %s",
            (after, PAGE_SIZE),
        )

    def is_halted(self) -> bool:
        return bool(read_tuples(self._datastore, "SELECT FROM log_head WHERE halted"))

    def duties(self, case: UUID, upto: int) -> Mapping[str, str]:
        query = "SELECT person, duty FROM duties WHERE case_id = %s AND position <= %s"
        return dict(read_tuples(self._datastore, query, (case, upto)))

    def duty_rows(self, upto: int) -> int:
        query = "SELECT count(*) FROM duties WHERE position <= %s"
        return int(read_tuples(self._datastore, query, (upto,))[0][0])

    def reports(self) -> Sequence[ReportState]:
        return read_structs(
            self._datastore,
            ReportState,
            "SELECT name, position, (SELECT count(*) FROM projections_held held "
            "WHERE held.name = p.name AND held.generation = p.generation) AS held_streams "
            "FROM projections p WHERE live ORDER BY name",
        )

    def overdue(self, now: datetime) -> tuple[int, datetime | None]:
        query = "SELECT count(*), min(due_at) FROM timers WHERE due_at <= %s"
        ((count, first),) = read_tuples(self._datastore, query, (now - OVERDUE_AFTER,))
        return count, first
