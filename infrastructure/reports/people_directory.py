"""Who there is, and who has which role, by the report of people."""

from __future__ import annotations

import threading
import time

from psycopg.rows import tuple_row

from infrastructure.postgres.datastore import Datastore, patiently

KEEP_SECONDS = 5.0


class Directory:
    """Asked for each escalation, so what was found is remembered for a few seconds."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._kept: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def with_role(self, role: str) -> tuple[str, ...]:
        with self._lock:
            kept = self._kept.get(role)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        found = self._read(role)
        with self._lock:
            self._kept[role] = (time.monotonic() + KEEP_SECONDS, found)
        return found

    @patiently
    def everybody(self) -> tuple[str, ...]:
        """Of the whole log: also whom the report has not seen yet."""
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT name FROM views.people UNION "
                "SELECT convert_from(state, 'UTF8')::jsonb -> 'event' ->> 'name' FROM stored_events "
                "WHERE topic = 'person.added' AND notification_id > coalesce("
                "(SELECT position FROM projections WHERE name = 'people' AND live), 0)"
            )
            return tuple(sorted(name for (name,) in rows))

    @patiently
    def _read(self, role: str) -> tuple[str, ...]:
        with self._datastore.get_connection() as connection:
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT name FROM views.people WHERE left_at IS NULL AND EXISTS ("
                "SELECT FROM jsonb_each(grants) AS given(id, told) WHERE told->>0 = %s AND "
                "coalesce((told->>1)::timestamptz > now(), true)) ORDER BY name",
                (role,),
            )
            return tuple(name for (name,) in rows)
