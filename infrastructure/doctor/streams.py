"""Reads streams of the log as the doctor does: by SQL alone."""

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import tuple_row

from application.log.event_codec import from_state
from infrastructure.event_store.rights import Connection

T = TypeVar("T")


def read_stream(
    connection: Connection, stream: UUID, after: Callable[[Any, Any], T], first: T
) -> T:
    """The state of a stream; raises MsgspecError, TrailHasGap, LookupError."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "SELECT notification_id, state FROM stored_events WHERE originator_id = %s "
            "ORDER BY originator_version",
            (stream,),
        ).fetchall()
    return reduce(after, (from_state(*row) for row in rows), first)
