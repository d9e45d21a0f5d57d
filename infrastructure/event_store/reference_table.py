"""The table of references: fills it from the log, and finds what it lacks.

A row too many does no harm, since the signals of an order decide whether a reference leads to it.
"""

from collections.abc import Iterator
from typing import Any, Final, LiteralString

import psycopg
from msgspec import Struct

from application.log.event_codec import from_state
from application.log.recorder import ReferenceRow
from application.log.references import TEACHING, reference_rows
from infrastructure.postgres.rows import fetch_rows

PAGE_EVENTS: Final = 5_000
Connection = psycopg.Connection[Any]
_MISSING: LiteralString = (
    "SELECT kind, value, order_id FROM unnest(%b::text[], %b::text[], %b::text[]) "
    "AS taught (kind, value, order_id) EXCEPT SELECT kind, value, order_id FROM order_references"
)


class Progress(Struct, frozen=True):
    """How far the log was read, and how many references were missing in the table until then."""

    position: int
    head: int
    missing: int


def fill_references(connection: Connection) -> Iterator[Progress]:
    """Add the references that the table lacks, page by page of the log."""
    for progress, rows in _compare(connection):
        if rows:
            connection.execute("SELECT add_references(%s, %s, %s)", _columns(rows))
        yield progress


def check_references(connection: Connection) -> Iterator[Progress]:
    """Count the references that the table lacks."""
    for progress, _ in _compare(connection):
        yield progress


def _compare(connection: Connection) -> Iterator[tuple[Progress, list[ReferenceRow]]]:
    ((head,),) = fetch_rows(connection, "SELECT position FROM log_head")
    position, missing = 0, 0
    while True:
        page = fetch_rows(
            connection,
            "SELECT notification_id, state FROM stored_events WHERE notification_id > %b "
            "AND notification_id <= %b AND topic = ANY(%b) ORDER BY notification_id LIMIT %b",
            *(position, head, list(TEACHING), PAGE_EVENTS),
        )
        if not page:
            break
        position = page[-1][0]
        taught = {
            row for number, state in page for row in reference_rows(from_state(number, state))
        }
        lacking = [
            ReferenceRow(*row) for row in fetch_rows(connection, _MISSING, *_columns([*taught]))
        ]
        missing += len(lacking)
        yield Progress(position, head, missing), lacking
    yield Progress(head, head, missing), []


def _columns(rows: list[ReferenceRow]) -> tuple[list[str], list[str], list[str]]:
    return [r.kind for r in rows], [r.value for r in rows], [r.order for r in rows]
