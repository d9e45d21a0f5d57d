"""Names of people, and of people with a role, from the report of people."""

import threading
import time

from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.rows import read_tuples

CACHE_SECONDS = 5.0


class PeopleDirectory:
    """Finds people. Every escalation asks, so results are cached for CACHE_SECONDS."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._cached: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def with_role(self, role: str) -> tuple[str, ...]:
        with self._lock:
            cached = self._cached.get(role)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        found = self._read(role)
        with self._lock:
            self._cached[role] = (time.monotonic() + CACHE_SECONDS, found)
        return found

    def everybody(self) -> tuple[str, ...]:
        """The names of all people, including those that the report has not reached yet."""
        rows = read_tuples(
            self._datastore,
            "SELECT name FROM views.people UNION "
            "SELECT convert_from(state, 'UTF8')::jsonb -> 'event' ->> 'name' FROM stored_events "
            "WHERE topic = 'person.added' AND notification_id > coalesce("
            "(SELECT position FROM projections WHERE name = 'people' AND live), 0)",
        )
        return tuple(sorted(name for (name,) in rows))

    def _read(self, role: str) -> tuple[str, ...]:
        rows = read_tuples(
            self._datastore,
            "SELECT name FROM views.people WHERE left_at IS NULL AND EXISTS ("
            "SELECT FROM jsonb_each(grants) AS given(id, told) WHERE told->>0 = %s AND "
            "coalesce((told->>1)::timestamptz > now(), true)) ORDER BY name",
            (role,),
        )
        return tuple(name for (name,) in rows)
