"""The attainment of standard work: how many orders entered a stage on a day, and which were in time."""

from datetime import date, datetime

from msgspec import Struct
from psycopg.sql import SQL

from domain.orders.stage import Stage
from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.pages import ALL_ROWS, Clause
from infrastructure.reports.rows import read_structs


class StageDay(Struct, frozen=True):
    """The orders that entered a stage on a day (UTC), and what became of them."""

    stage: Stage
    day: date
    entered: int
    in_time: int
    """Completed by the due time."""
    late: int
    """Completed after it."""
    open: int
    overdue: int
    """Open after the due time."""


def standard_work(
    datastore: Datastore, first: date, last: date, now: datetime, reach: Clause = ALL_ROWS
) -> list[StageDay]:
    """The stages that began from `first` to `last`, newest day first. Only stages with a team count."""
    query = SQL(
        "WITH passed AS (SELECT stage, (passage->>'since')::timestamptz AS since, "
        "(passage->>'until')::timestamptz AS ended, (passage->>'due_at')::timestamptz AS due "
        "FROM views.standard_work, jsonb_each(passages) AS each (stage, passage) "
        "WHERE passage ? 'team' AND name IN (SELECT name FROM views.orders WHERE {})) "
        "SELECT stage, (since AT TIME ZONE 'UTC')::date AS day, count(*) AS entered, "
        "count(*) FILTER (WHERE ended <= due) AS in_time, "
        "count(*) FILTER (WHERE ended > due) AS late, "
        "count(*) FILTER (WHERE ended IS NULL) AS open, "
        "count(*) FILTER (WHERE ended IS NULL AND due < %s) AS overdue "
        "FROM passed WHERE (since AT TIME ZONE 'UTC')::date BETWEEN %s AND %s "
        "GROUP BY stage, day ORDER BY day DESC, array_position(%s, stage)"
    ).format(reach.sql)
    stages = [stage.value for stage in Stage]
    return read_structs(datastore, StageDay, query, (*reach.values, now, first, last, stages))
