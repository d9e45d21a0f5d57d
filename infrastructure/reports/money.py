"""Queries on the reports of adjustments and reconciliations."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.pages import ALL_ROWS, Clause, Ordering, read_page
from infrastructure.reports.rows import read_tuples
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
        reach: Clause = ALL_ROWS,
    ) -> list[AdjustmentRow]:
        """A page of adjustments, oldest proposal first."""
        return read_page(
            self._datastore, "adjustments", AdjustmentRow, where, BY_PROPOSAL, after, limit, reach
        )

    def split_duties(self) -> list[tuple[UUID, list[str]]]:
        """Cases and orders in which accounts of one person have different duties, with these accounts."""
        rows = read_tuples(
            self._datastore,
            "SELECT case_id, array_agg(DISTINCT d.person ORDER BY d.person) "
            "FROM (SELECT name, others FROM views.people WHERE others <> '[]') AS person "
            "JOIN duties AS d ON d.person = person.name OR person.others ? d.person "
            "GROUP BY person.name, case_id HAVING count(DISTINCT duty) > 1",
        )
        return [(row[0], row[1]) for row in rows]

    def cases_with_money(self) -> list[UUID]:
        """Every case that ever had an adjustment."""
        rows = read_tuples(
            self._datastore, "SELECT DISTINCT case_id FROM views.adjustments ORDER BY case_id"
        )
        return [row[0] for row in rows]

    def ordered_payments(self, provider: str, besides: Collection[UUID]) -> list[tuple[UUID, UUID]]:
        """Case and adjustment of payments ordered at a provider and not known to be paid.

        At most 100, oldest proposal first, without the adjustments in `besides`.
        """
        rows = read_tuples(
            self._datastore,
            "SELECT case_id, adjustment_id FROM views.adjustments WHERE state = 'executing' "
            "AND provider = %s AND adjustment_id <> ALL(%s) "
            "ORDER BY proposed_at, adjustment_id LIMIT 100",
            (provider, [*besides]),
        )
        return [(row[0], row[1]) for row in rows]

    def executed_between(
        self, provider: str, since: datetime, until: datetime
    ) -> dict[UUID, tuple[UUID, datetime]]:
        """Adjustment -> its case and the time of the payment order, for payments of this provider.

        The period is of the time at which the payment became known.
        """
        rows = read_tuples(
            self._datastore,
            "SELECT adjustment_id, case_id, executing_since FROM views.adjustments "
            "WHERE provider = %s AND executed_at BETWEEN %s AND %s",
            (provider, since, until),
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def find_cases_of_adjustments(self, adjustments: Collection[UUID]) -> dict[UUID, UUID]:
        rows = read_tuples(
            self._datastore,
            "SELECT adjustment_id, case_id FROM views.adjustments WHERE adjustment_id = ANY(%s)",
            ([*adjustments],),
        )
        return {row[0]: row[1] for row in rows}

    def reconciliations(
        self, after: Sequence[object] | None, limit: int
    ) -> list[ReconciliationRow]:
        """A page of reconciliations, newest first."""
        ordering = BY_RECORDED
        return read_page(
            self._datastore, "reconciliations", ReconciliationRow, {}, ordering, after, limit
        )
