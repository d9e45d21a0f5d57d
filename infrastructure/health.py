"""What can be seen of the work's health in the database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs
from psycopg.rows import class_row, tuple_row

from infrastructure.postgres.datastore import Datastore, patiently

FAR_BEHIND_EVENTS = 10_000
STANDSTILL_SECONDS = 2.0
LOOK_SECONDS = 0.1
OVERDUE = timedelta(seconds=30)
UNPAID_TOO_LONG = timedelta(minutes=1)
"""Where the answer is lost."""
NOT_COSIGNED_TOO_LONG = timedelta(seconds=30)
PENDING_TOO_LONG = timedelta(hours=1)
"""Most providers answer within seconds; longer, and perhaps no worker asks."""


class ReportHealth(Struct, frozen=True):
    name: str
    position: int
    behind: int
    held_streams: int
    """Streams whose events the report could not fold."""


class TimerHealth(Struct, frozen=True):
    due: int
    """Streams that are due and not yet ticked."""
    oldest_due_at: datetime | None


class Health(Struct, frozen=True):
    writable: bool
    head: int
    reports: Sequence[ReportHealth]
    timers: TimerHealth
    problems: Sequence[str]


_UNPAID = """
    SELECT provider, in_doubt, count(*), min(executing_since) FROM views.adjustments
    WHERE state = 'executing' GROUP BY provider, in_doubt ORDER BY provider, in_doubt
"""


_NOT_COSIGNED = """
    SELECT made_at FROM checkpoints WHERE size > (
        SELECT coalesce(max(size), 0) FROM checkpoint_signatures WHERE signed_by = %s)
    ORDER BY size LIMIT 1
"""


class HealthDesk:
    """`provider`: the name of the payment provider that is connected here, if one is; `witness`: the
    key of the one that is to cosign checkpoints."""

    def __init__(
        self, datastore: Datastore, provider: str | None = None, witness: str | None = None
    ) -> None:
        self._datastore = datastore
        self._provider = provider
        self._witness = witness

    def look(self, now: datetime) -> Health:
        """Raises the library's and psycopg's errors if the database cannot be reached.

        A report that is behind gets a moment to show that somebody keeps it: how far behind it
        may be depends on the day, but one that nobody keeps does not move at all.
        """
        first = again = self._look(now)
        ends_at = time.monotonic() + STANDSTILL_SECONDS
        while (still := _standing_still(first, again)) and time.monotonic() < ends_at:
            time.sleep(LOOK_SECONDS)
            again = self._look(now)
        told = [f"report {name} stands still, and is behind the log" for name in still]
        return structs.replace(again, problems=[*told, *again.problems])

    @patiently
    def _look(self, now: datetime) -> Health:
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=tuple_row)
                .execute(
                    "SELECT position, pg_is_in_recovery() "
                    "OR current_setting('default_transaction_read_only')::bool, "
                    "halted FROM log_head"
                )
                .fetchone()
            )
            assert row is not None
            head, read_only, is_halted = row
            reports = (
                connection.cursor(row_factory=class_row(ReportHealth))
                .execute(
                    "SELECT name, position, greatest(%s - position, 0) AS behind, "
                    "(SELECT count(*) FROM projections_held held WHERE held.name = p.name "
                    " AND held.generation = p.generation) AS held_streams "
                    "FROM projections p WHERE live ORDER BY name",
                    (head,),
                )
                .fetchall()
            )
            timers = (
                connection.cursor(row_factory=class_row(TimerHealth))
                .execute(
                    "SELECT count(*) AS due, min(due_at) AS oldest_due_at FROM timers "
                    "WHERE due_at <= %s",
                    (now,),
                )
                .fetchone()
            )
            waiting = (
                connection.cursor(row_factory=tuple_row).execute(_NOT_COSIGNED, (self._witness,))
            ).fetchone()
            unpaid = connection.cursor(row_factory=tuple_row).execute(_UNPAID).fetchall()
        assert timers is not None
        problems = [
            f"report {r.name} is {r.behind} events behind"
            for r in reports
            if r.behind > FAR_BEHIND_EVENTS
        ]
        problems += [
            f"report {r.name} holds back {r.held_streams} streams"
            for r in reports
            if r.held_streams
        ]
        if timers.oldest_due_at is not None and now - timers.oldest_due_at > OVERDUE:
            problems.append(
                f"{timers.due} streams are due since {timers.oldest_due_at.isoformat()}"
            )
        problems += [told for row in unpaid if (told := self._unpaid(*row, now=now)) is not None]
        if self._witness is not None and waiting and now - waiting[0] > NOT_COSIGNED_TOO_LONG:
            problems.append(f"the witness has not cosigned the log since {waiting[0].isoformat()}")
        if not reports:
            problems.append("no report has been made: is a worker running?")
        if read_only:
            problems.append("the database is read-only")
        if is_halted:
            problems.append("the log is not as it was witnessed: nothing is appended")
        return Health(not (read_only or is_halted), head, reports, timers, problems)

    def _unpaid(
        self, provider: str, in_doubt: bool, many: int, since: datetime, *, now: datetime
    ) -> str | None:
        """Why payments that were ordered there are not made, where that needs somebody."""
        patience = UNPAID_TOO_LONG if in_doubt else PENDING_TOO_LONG
        told = f"{many} payments were ordered at {provider} since {since.isoformat()}"
        if provider != self._provider:
            connected = self._provider or "no provider"
            return f"{told}, and {connected} is connected here: nobody else may pay them"
        if now - since > patience:
            return f"{told}, and what became of them is not known: does it answer, and does a worker ask?"
        return None


def _standing_still(first: Health, now: Health) -> list[str]:
    """The reports that have been behind all the time, and have not moved."""
    places = {report.name: report.position for report in first.reports}
    return [r.name for r in now.reports if r.behind and places.get(r.name) == r.position]
