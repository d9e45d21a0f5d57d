"""Measures the backlog of each queue; recovery plans begin and end by it."""

from domain.backlog.events import BacklogMeasurement
from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.rows import read_tuples


def backlogs(datastore: Datastore) -> tuple[int, dict[str, BacklogMeasurement]]:
    """The position of the queue report, and the backlog of every queue with work at that position.

    One statement is one snapshot, so rows and position belong together.
    """
    rows = read_tuples(
        datastore,
        "SELECT position, queue, cases, oldest FROM projections LEFT JOIN ("
        "SELECT queue, count(*) AS cases, min(queued_at) AS oldest FROM views.queue "
        "WHERE waits_for IS NULL GROUP BY queue) AS held ON true "
        "WHERE name = 'queue' AND live",
    )
    position = rows[0][0] if rows else 0
    return position, {
        queue: BacklogMeasurement(position=position, cases=cases, oldest_queued_at=oldest)
        for _, queue, cases, oldest in rows
        if queue is not None
    }
