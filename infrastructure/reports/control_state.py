"""State of the controls that the database holds beside the log: checkpoints, duties, reports, timers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from application.audit.database_state import CheckpointRecord, ReportState
from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.rows import read_structs, read_tuples
from infrastructure.transparency.witness_record import describe_quorum, quorum_checkpoints
from infrastructure.verifier.trust_policy import NO_WITNESS, TrustPolicy

PAGE_SIZE: Final = 5_000
OVERDUE_AFTER: Final = timedelta(seconds=30)


class ControlState:
    """Reads the state of the controls, for auditors."""

    def __init__(self, datastore: Datastore, policy: TrustPolicy = NO_WITNESS) -> None:
        """`policy` names the witnesses that cosign the log."""
        self._datastore = datastore
        self._policy = policy

    def checkpoints(self) -> Iterator[CheckpointRecord]:
        """The checkpoints by size, read a page at a time; without those of lost positions."""
        after = 0
        while page := self._checkpoints(after):
            yield from page
            after = page[-1].size

    def _checkpoints(self, after: int) -> Sequence[CheckpointRecord]:
        return read_structs(
            self._datastore,
            CheckpointRecord,
            # A later origin begins at a size from which on earlier origins do not count.
            "SELECT size, made_at FROM checkpoints AS made WHERE size > %s AND NOT EXISTS ("
            "SELECT FROM checkpoints AS later WHERE later.origin_number > made.origin_number "
            "AND later.size <= made.size) ORDER BY size LIMIT %s",
            (after, PAGE_SIZE),
        )

    def quorum(self) -> str | None:
        return describe_quorum(self._policy)

    def cosigned(self) -> Iterator[CheckpointRecord]:
        with self._datastore.get_connection() as connection:
            for one in quorum_checkpoints(connection, self._policy):
                yield CheckpointRecord(one.size, one.at)

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
