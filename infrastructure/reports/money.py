"""Reading the reports of money: what is given to customers, and what providers say of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import tuple_row

from infrastructure.postgres.datastore import Datastore, patiently
from infrastructure.reports.pages import EVERY, Clause, Ordering, page
from projections.adjustments import AdjustmentRow
from projections.reconciliations import ReconciliationRow

BY_PROPOSAL: Ordering = (("proposed_at", False), ("adjustment_id", False))
BY_RECORDED: Ordering = (("recorded_at", True), ("reconciliation", False))


class MoneyReports:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def adjustments(
        self,
        where: Mapping[str, object],
        after: Sequence[object] | None,
        limit: int,
        reach: Clause = EVERY,
    ) -> list[AdjustmentRow]:
        """Those that were proposed first, first."""
        return page(
            self._datastore, "adjustments", AdjustmentRow, where, BY_PROPOSAL, after, limit, reach
        )

    @patiently
    def split_duties(self) -> list[tuple[UUID, list[str]]]:
        """Cases in which names that are one human's have different duties, with those names."""
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT case_id, array_agg(DISTINCT d.person ORDER BY d.person) "
                "FROM (SELECT name, others FROM views.people WHERE others <> '[]') AS human "
                "JOIN duties AS d ON d.person = human.name OR human.others ? d.person "
                "GROUP BY human.name, case_id HAVING count(DISTINCT duty) > 1"
            )
            return [(row[0], row[1]) for row in rows]

    @patiently
    def cases_with_money(self) -> list[UUID]:
        """Every case in which something was ever proposed to be given."""
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT DISTINCT case_id FROM views.adjustments ORDER BY case_id"
            )
            return [row[0] for row in rows]

    @patiently
    def ordered_payments(self, provider: str, besides: Collection[UUID]) -> list[tuple[UUID, UUID]]:
        """Case and adjustment of what was ordered there and is not known to be paid, besides some."""
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT case_id, adjustment_id FROM views.adjustments WHERE state = 'executing' "
                "AND provider = %s AND adjustment_id <> ALL(%s) "
                "ORDER BY proposed_at, adjustment_id LIMIT 100",
                (provider, [*besides]),
            )
            return [(row[0], row[1]) for row in rows]

    @patiently
    def executed_between(
        self, provider: str, since: datetime, until: datetime
    ) -> dict[UUID, tuple[UUID, datetime]]:
        """What this provider paid, as far as the log knows, by the time at which it was known: the
        adjustment, its case and when the payment was ordered."""
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT adjustment_id, case_id, executing_since FROM views.adjustments "
                "WHERE provider = %s AND executed_at BETWEEN %s AND %s",
                (provider, since, until),
            )
            return {row[0]: (row[1], row[2]) for row in rows}

    @patiently
    def cases_of_adjustments(self, adjustments: Collection[UUID]) -> dict[UUID, UUID]:
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT adjustment_id, case_id FROM views.adjustments WHERE adjustment_id = ANY(%s)",
                ([*adjustments],),
            )
            return {row[0]: row[1] for row in rows}

    def reconciliations(
        self, after: Sequence[object] | None, limit: int
    ) -> list[ReconciliationRow]:
        """The newest first."""
        ordering = BY_RECORDED
        return page(
            self._datastore, "reconciliations", ReconciliationRow, {}, ordering, after, limit
        )
