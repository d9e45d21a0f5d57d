"""Reading the reports: pages by keyset, so that a page costs the same however far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row, tuple_row
from psycopg.sql import SQL, Composable, Identifier

from domain.backlog.events import Measured
from infrastructure.event_store.datastore import Datastore, patiently
from projections.cases import CaseRow
from projections.orders import OrderRow
from projections.queue import QueueRow
from projections.recovery import RecoveryRow
from projections.sla import SlaRow
from projections.tasks import TaskRow

R = TypeVar("R")

# Columns of an order; True: descending.
Ordering = Sequence[tuple[str, bool]]
BY_URGENCY: Ordering = (("priority", True), ("opened_at", False), ("case_id", False))
QUEUE_ORDER: Ordering = (("priority", True), ("queued_at", False), ("case_id", False))
BY_DUE: Ordering = (("due_next", False), ("case_id", False))
BY_TASK: Ordering = (("due_by", False), ("task_id", False))
BY_LAST_SIGNAL: Ordering = (("last_signal_at", True), ("order_id", False))


class Flow(Struct, frozen=True):
    """How many orders passed intake as standard flow, how many ever had a case, and how many of
    those had passed before."""

    orders: int
    passed: int
    with_cases: int
    broke_later: int


class Source(Struct, frozen=True):
    """What is read from, and the values that its text asks for."""

    sql: Composable
    values: Sequence[object] = ()


class Filter(Struct, frozen=True):
    """A condition beyond plain equality, and the values that its text asks for."""

    sql: Composable
    values: Sequence[object] = ()


EVERY = Filter(SQL("true"))
_IS_DUE = SQL(
    "case_id IN (SELECT case_id FROM views.sla WHERE resolved_at IS NULL AND due_next <= %s)"
)


class QueueCounts(Struct, frozen=True):
    queue: str
    open: int
    claimed: int
    waiting: int
    at_risk: int
    breached: int
    oldest_queued_at: datetime | None
    highest_priority: int | None


class Band(StrEnum):
    """How the clock of a case stands."""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    PAUSED = "paused"
    NO_CLOCK = "no_clock"


class QueueLine(QueueRow, frozen=True):
    """A case of a queue with its clock: what is due next, and how pressing that is."""

    due_next: datetime | None = None
    band: Band = Band.NO_CLOCK


# A row and a clock may be of two positions: each report is told as it is.
_BAND: LiteralString = (
    "CASE WHEN sla.case_id IS NULL THEN 'no_clock' WHEN paused THEN 'paused' "
    "WHEN due_next < %s THEN 'breached' WHEN risk_next <= %s THEN 'at_risk' ELSE 'on_track' END"
)
_QUEUE_WITH_CLOCKS = SQL(
    "(SELECT queue.*, nullif(due_next, '9999-12-31Z') AS due_next, "
    + _BAND
    + " AS band FROM views.queue LEFT JOIN views.sla USING (case_id)) AS listed"
)


class Reports:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def cases(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        due_by: datetime | None = None,
    ) -> list[CaseRow]:
        """With `due_by`, those alone of which something is due by then, or was."""
        test = Filter(_IS_DUE, (due_by,)) if due_by is not None else EVERY
        return self._page("cases", CaseRow, where, BY_URGENCY, after, limit, test)

    def orders(
        self, where: Mapping[str, object], after: Sequence[object] | None, limit: int
    ) -> list[OrderRow]:
        return self._page("orders", OrderRow, where, BY_LAST_SIGNAL, after, limit)

    def queue(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        now: datetime,
    ) -> list[QueueLine]:
        """With how each clock stands at `now`."""
        source = Source(_QUEUE_WITH_CLOCKS, (now, now))
        return self._page(source, QueueLine, where, QUEUE_ORDER, after, limit)

    def sla(
        self, where: Mapping[str, object], after: Sequence[object] | None, limit: int
    ) -> list[SlaRow]:
        """Of the cases that are not resolved."""
        running = Filter(SQL("resolved_at IS NULL"))
        return self._page("sla", SlaRow, where, BY_DUE, after, limit, running)

    def tasks(
        self, where: Mapping[str, object], after: Sequence[object] | None, limit: int
    ) -> list[TaskRow]:
        return self._page("tasks", TaskRow, where, BY_TASK, after, limit)

    @patiently
    def next_for(self, person: str, skills: Sequence[str], queue: str, limit: int) -> list[UUID]:
        """What the person should work on next in this queue: one's own work whose wait has ended,
        then what nobody holds and one has the skill for, most urgent first and then oldest first.

        Somebody for whom no skills are recorded has them all.
        """
        with self._datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            own = cursor.execute(
                "SELECT case_id FROM views.queue WHERE person = %s AND resumed AND queue = %s "
                "ORDER BY priority DESC, queued_at, case_id LIMIT %s",
                (person, queue, limit),
            ).fetchall()
            free = cursor.execute(
                "SELECT case_id FROM views.queue "
                "WHERE queue = %s AND person IS NULL AND waits_for IS NULL "
                "AND (%s OR skill = ANY(%s)) ORDER BY priority DESC, queued_at, case_id LIMIT %s",
                (queue, not skills, list(skills), limit),
            ).fetchall()
            return [case_id for (case_id,) in (*own, *free)]

    @patiently
    def queue_counts(self, now: datetime) -> dict[str, QueueCounts]:
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=class_row(QueueCounts)).execute(
                SQL(
                    "SELECT queue, "
                    "count(*) FILTER (WHERE person IS NULL AND waits_for IS NULL) AS open, "
                    "count(*) FILTER (WHERE person IS NOT NULL AND waits_for IS NULL) AS claimed, "
                    "count(waits_for) AS waiting, "
                    "count(*) FILTER (WHERE band = 'at_risk') AS at_risk, "
                    "count(*) FILTER (WHERE band = 'breached') AS breached, "
                    "min(queued_at) AS oldest_queued_at, "
                    "max(priority) AS highest_priority FROM {} GROUP BY queue"
                ).format(_QUEUE_WITH_CLOCKS),
                (now, now),
            )
            return {row.queue: row for row in rows}

    @patiently
    def backlogs(self) -> tuple[int, dict[str, Measured]]:
        """The position of the queue report, and every queue that holds work as it was there.

        One statement, and so one snapshot: rows and position belong together.
        """
        with self._datastore.get_connection() as connection:
            rows = (
                connection.cursor(row_factory=tuple_row)
                .execute(
                    "SELECT position, queue, cases, oldest FROM projections LEFT JOIN ("
                    "SELECT queue, count(*) AS cases, min(queued_at) AS oldest FROM views.queue "
                    "WHERE waits_for IS NULL GROUP BY queue) AS held ON true "
                    "WHERE name = 'queue' AND live"
                )
                .fetchall()
            )
        position = rows[0][0] if rows else 0
        return position, {
            queue: Measured(position=position, cases=cases, oldest_queued_at=oldest)
            for _, queue, cases, oldest in rows
            if queue is not None
        }

    @patiently
    def recoveries(self) -> list[RecoveryRow]:
        """Every queue's newest plan, those that go on first."""
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=class_row(RecoveryRow)).execute(
                "SELECT * FROM views.recovery ORDER BY closed_at DESC NULLS FIRST, queue"
            )
            return rows.fetchall()

    @patiently
    def cases_by_kind(self) -> dict[str, int]:
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT kind, count(*) FROM views.cases GROUP BY kind ORDER BY kind"
            )
            return dict(rows.fetchall())

    @patiently
    def flow(self) -> Flow:
        """How many orders there are, and what became of them."""
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=class_row(Flow))
                .execute(
                    "SELECT count(*) AS orders, count(passed_at) AS passed, "
                    "count(*) FILTER (WHERE cases > 0) AS with_cases, "
                    "count(*) FILTER (WHERE cases > 0 AND passed_at IS NOT NULL) AS broke_later "
                    "FROM views.orders"
                )
                .fetchone()
            )
            assert row is not None
            return row

    @patiently
    def standard_flow(self) -> tuple[int, int]:
        """How many orders there are, and how many of them needed nobody."""
        with self._datastore.get_connection() as connection:
            row = connection.cursor(row_factory=tuple_row).execute(
                "SELECT count(*), count(*) FILTER (WHERE cases = 0) FROM views.orders"
            )
            orders, standard = row.fetchone() or (0, 0)
            return orders, standard

    @patiently
    def _page(
        self,
        view: str | Source,
        row: type[R],
        where: Mapping[str, object],
        ordering: Ordering,
        after: Sequence[object] | None,
        limit: int,
        always: Filter = EVERY,
    ) -> list[R]:
        source = Source(Identifier("views", view)) if isinstance(view, str) else view
        tests: list[Composable] = [always.sql]
        tests += [SQL("{} = %s").format(Identifier(name)) for name in where]
        values: list[Any] = [*source.values, *always.values, *where.values()]
        if after is not None:
            test, more = _beyond(ordering, after)
            tests.append(test)
            values += more
        condition = SQL("WHERE ") + SQL(" AND ").join(tests)
        order = SQL(", ").join(
            SQL("{} DESC" if down else "{}").format(Identifier(name)) for name, down in ordering
        )
        statement = SQL("SELECT * FROM {} {} ORDER BY {} LIMIT %s").format(
            source.sql, condition, order
        )
        with self._datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=class_row(row))
            return cursor.execute(statement, [*values, limit]).fetchall()


def _beyond(ordering: Ordering, after: Sequence[object]) -> tuple[Composable, list[object]]:
    """Rows that come later in the order than the row with these values."""
    tests: list[Composable] = []
    values: list[object] = []
    for n, (name, down) in enumerate(ordering):
        same = [SQL("{} = %s").format(Identifier(earlier)) for earlier, _ in ordering[:n]]
        later = SQL("{} < %s" if down else "{} > %s").format(Identifier(name))
        tests.append(SQL("({})").format(SQL(" AND ").join([*same, later])))
        values += [*after[:n], after[n]]
    # The first column's bound follows from the rest; said by itself, an index can begin there.
    name, down = ordering[0]
    bound = SQL("{} <= %s" if down else "{} >= %s").format(Identifier(name))
    beyond = SQL("({} AND ({}))").format(bound, SQL(" OR ").join(tests))
    return beyond, [after[0], *values]
