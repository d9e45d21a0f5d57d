"""Queries on the reports of cases, orders, queues, clocks and tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from domain.policy.document import ClockBands
from infrastructure.postgres.datastore import Datastore, retry_lost_connection
from infrastructure.reports.pages import ALL_ROWS, Clause, Ordering, all_of, read_page
from infrastructure.reports.rows import read_structs, read_tuples
from projections.break_glass import BreakGlassRow
from projections.cases import CaseRow
from projections.held import HeldRow
from projections.orders import OrderRow
from projections.queue import QueueRow
from projections.recovery import RecoveryRow
from projections.sla import SlaRow
from projections.tasks import TaskRow

BY_URGENCY: Ordering = (("priority", True), ("opened_at", False), ("case_id", False))
QUEUE_ORDER: Ordering = (("priority", True), ("queued_at", False), ("case_id", False))
BY_DUE: Ordering = (("due_next", False), ("case_id", False))
BY_TASK: Ordering = (("due_by", False), ("task_id", False))
BY_ASKED: Ordering = (("asked_at", False), ("break_glass", False))
BY_HELD: Ordering = (("held_at", False), ("held", False))
BY_LAST_SIGNAL: Ordering = (("last_signal_at", True), ("name", False))


class OrderFlow(Struct, frozen=True):
    """Counts of orders: passed intake as standard flow, ever had a case, and passed before the case."""

    orders: int
    passed: int
    with_cases: int
    broke_later: int

    @property
    def without_cases(self) -> int:
        """Orders that never had a case."""
        return self.orders - self.with_cases


class QueueCounts(Struct, frozen=True):
    queue: str
    open: int
    claimed: int
    waiting: int
    pending_approval: int
    at_risk: int
    breached: int
    oldest_queued_at: datetime | None
    highest_priority: int | None


class Band(StrEnum):
    """The state of a case's clock."""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    PAUSED = "paused"
    NO_CLOCK = "no_clock"


class QueueLine(QueueRow, frozen=True):
    """A case of a queue with its clock: the next due time and its band."""

    due_next: datetime | None = None
    band: Band = Band.NO_CLOCK


_IS_DUE = SQL(
    "case_id IN (SELECT case_id FROM views.sla WHERE resolved_at IS NULL AND due_next <= %s)"
)
# A row and its clock may have different positions: each report is shown as it is.
_BAND: LiteralString = (
    "CASE WHEN sla.case_id IS NULL THEN 'no_clock' WHEN paused THEN 'paused' "
    "WHEN due_next < %s THEN 'breached' WHEN risk_next <= %s THEN 'at_risk' ELSE 'on_track' END"
)
_CLAIMABLE: LiteralString = (
    "queue.queue = %s AND person IS NULL AND queue.waits_for IS NULL "
    "AND pending_approvals = '[]' AND (%s OR skill = ANY(%s)) "
    "AND {}"
)
_WORKABLE: LiteralString = "waits_for IS NULL AND pending_approvals = '[]'"
_SELECT_CANDIDATES: LiteralString = (
    "SELECT queue.case_id, priority, queued_at, " + _BAND + " AS band "
)
_NEXT_BY_PRIORITY = SQL(
    _SELECT_CANDIDATES
    + "FROM views.queue LEFT JOIN views.sla USING (case_id) WHERE "
    + _CLAIMABLE
    + " ORDER BY priority DESC, queued_at, case_id LIMIT %s"
)
_NEXT_BY_DUE_TIME = SQL(
    _SELECT_CANDIDATES
    + "FROM views.queue JOIN views.sla USING (case_id) WHERE "
    + _CLAIMABLE
    + " AND sla.queue = queue.queue AND resolved_at IS NULL AND risk_next <= %s "
    "ORDER BY risk_next, case_id LIMIT %s"
)
_IN_SCOPE = SQL("queue.case_id IN (SELECT case_id FROM views.queue WHERE {})")
_QUEUE_WITH_CLOCKS = SQL(
    "(SELECT queue.*, nullif(due_next, '9999-12-31Z') AS due_next, "
    + _BAND
    + " AS band FROM views.queue LEFT JOIN views.sla USING (case_id)) AS listed"
)


class Reports:
    """Reads pages and figures of the reports. `reach` limits rows to what the caller may see."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def cases(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        due_by: datetime | None = None,
        reach: Clause = ALL_ROWS,
    ) -> list[CaseRow]:
        """A page of cases, most urgent first. `due_by` keeps cases with a clock due by then."""
        test = all_of(Clause(_IS_DUE, (due_by,)) if due_by is not None else ALL_ROWS, reach)
        return read_page(self._datastore, "cases", CaseRow, where, BY_URGENCY, after, limit, test)

    def orders(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        reach: Clause = ALL_ROWS,
    ) -> list[OrderRow]:
        return read_page(
            self._datastore, "orders", OrderRow, where, BY_LAST_SIGNAL, after, limit, reach
        )

    def held(
        self, after: Sequence[object] | None, limit: int, reach: Clause = ALL_ROWS
    ) -> list[HeldRow]:
        return read_page(self._datastore, "held", HeldRow, {}, BY_HELD, after, limit, reach)

    def queue(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        now: datetime,
        reach: Clause = ALL_ROWS,
    ) -> list[QueueLine]:
        """A page of queued cases, most urgent first, with their clocks at `now`."""
        source = Clause(_QUEUE_WITH_CLOCKS, (now, now))
        return read_page(
            self._datastore, source, QueueLine, where, QUEUE_ORDER, after, limit, reach
        )

    def sla(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        reach: Clause = ALL_ROWS,
    ) -> list[SlaRow]:
        """A page of clocks of unresolved cases, next due first."""
        test = all_of(Clause(SQL("resolved_at IS NULL")), reach)
        return read_page(self._datastore, "sla", SlaRow, where, BY_DUE, after, limit, test)

    def tasks(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        reach: Clause = ALL_ROWS,
    ) -> list[TaskRow]:
        return read_page(self._datastore, "tasks", TaskRow, where, BY_TASK, after, limit, reach)

    def break_glass(
        self, where: Mapping[str, object], after: Sequence[object] | None, limit: int
    ) -> list[BreakGlassRow]:
        return read_page(
            self._datastore, "break_glass", BreakGlassRow, where, BY_ASKED, after, limit
        )

    def is_evidence_in_scope(self, ref: str, reach: Clause) -> bool:
        """Whether a case within `reach` has this evidence."""
        query = SQL("SELECT FROM views.attachments WHERE ref = %s AND {} LIMIT 1")
        return bool(read_tuples(self._datastore, query.format(reach.sql), (ref, *reach.values)))

    @retry_lost_connection
    def next_case_for(
        self,
        person: str,
        skills: Sequence[str],
        queue: str,
        limit: int,
        now: datetime,
        pressing: ClockBands,
        reach: Clause = ALL_ROWS,
    ) -> list[UUID]:
        """The cases that the person should work on next in this queue.

        First the person's own cases whose wait has ended. Then unclaimed cases that the person has the
        skill for, most urgent first, then oldest first. Urgency is the priority plus what the band of
        the clock adds at `now`. A person without recorded skills has them all.
        """
        reached = reach.sql if reach == ALL_ROWS else _IN_SCOPE.format(reach.sql)
        free = (queue, not skills, list(skills), *reach.values)
        with self._datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            own = cursor.execute(
                SQL(
                    "SELECT case_id FROM views.queue WHERE person = %s AND resumed AND queue = %s "
                    "AND {} ORDER BY priority DESC, queued_at, case_id LIMIT %s"
                ).format(reached),
                (person, queue, *reach.values, limit),
            ).fetchall()
            important = cursor.execute(
                _NEXT_BY_PRIORITY.format(reached), (now, now, *free, limit)
            ).fetchall()
            # The most pressing case may be far down by its priority alone.
            late = cursor.execute(
                _NEXT_BY_DUE_TIME.format(reached), (now, now, *free, now, limit)
            ).fetchall()
        adds = {Band.AT_RISK.value: pressing.at_risk, Band.BREACHED.value: pressing.breached}
        found = sorted(
            {row[0]: row for row in (*important, *late)}.values(),
            key=lambda row: (-(row[1] + adds.get(row[3], 0)), row[2], row[0]),
        )
        return [row[0] for row in (*own, *found)][:limit]

    def queue_counts(self, now: datetime, reach: Clause = ALL_ROWS) -> dict[str, QueueCounts]:
        query = SQL(
            "SELECT queue, "
            "count(*) FILTER (WHERE person IS NULL AND " + _WORKABLE + ") AS open, "
            "count(*) FILTER (WHERE person IS NOT NULL AND " + _WORKABLE + ") AS claimed, "
            "count(waits_for) AS waiting, "
            "count(*) FILTER (WHERE waits_for IS NULL AND pending_approvals <> '[]') "
            "AS pending_approval, "
            "count(*) FILTER (WHERE band = 'at_risk') AS at_risk, "
            "count(*) FILTER (WHERE band = 'breached') AS breached, "
            "min(queued_at) AS oldest_queued_at, "
            "max(priority) AS highest_priority FROM {} WHERE {} GROUP BY queue"
        ).format(_QUEUE_WITH_CLOCKS, reach.sql)
        rows = read_structs(self._datastore, QueueCounts, query, (now, now, *reach.values))
        return {row.queue: row for row in rows}

    def recoveries(self) -> list[RecoveryRow]:
        """The newest recovery plan of every queue, open plans first."""
        query = SQL("SELECT * FROM views.recovery ORDER BY closed_at DESC NULLS FIRST, queue")
        return read_structs(self._datastore, RecoveryRow, query)

    def cases_by_kind(self) -> dict[str, int]:
        query = "SELECT kind, count(*) FROM views.cases GROUP BY kind ORDER BY kind"
        return dict(read_tuples(self._datastore, query))

    def flow(self, reach: Clause = ALL_ROWS) -> OrderFlow:
        """Counts of orders by how they went."""
        query = SQL(
            "SELECT count(*) AS orders, count(passed_at) AS passed, "
            "count(*) FILTER (WHERE cases > 0) AS with_cases, count(*) FILTER "
            "(WHERE cases > 0 AND passed_at IS NOT NULL) AS broke_later "
            "FROM views.orders WHERE {}"
        ).format(reach.sql)
        return read_structs(self._datastore, OrderFlow, query, reach.values)[0]
