"""The log in PostgreSQL: the library's recorder, with one append under the row lock of `log_head`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from eventsourcing.persistence import OperationalError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from application.log.recorder import (
    Append,
    DueStream,
    LogRecorder,
    ReferenceRow,
    StoredCommand,
    newest_share,
)
from infrastructure.event_loops import current_greenlet
from infrastructure.event_store.acknowledgements import WAIT_SECONDS
from infrastructure.event_store.announcements import Announcer
from infrastructure.event_store.group_commit import GroupCommit
from infrastructure.event_store.stream_reads import BatchedStreamReads
from infrastructure.postgres.datastore import Datastore
from infrastructure.postgres.rows import Rows
from infrastructure.transparency.continuity import Continuity

# Arrays, so that PostgreSQL selects once: a plan may run a plain subquery for each row.
_SELECT_DUE = (
    "ARRAY(SELECT stream FROM timers WHERE due_at <= %s"
    " AND (leased_until IS NULL OR leased_until < clock_timestamp())"
    " ORDER BY due_at {} LIMIT %s FOR UPDATE SKIP LOCKED)"
)
# The lease uses the database's clock and not `now`: also in simulated time, a killed worker must
# lose its lease within real seconds.
_TAKE_DUE = (
    "UPDATE timers SET leased_until = clock_timestamp() + %s"
    f" WHERE stream = ANY ({_SELECT_DUE.format('')} || {_SELECT_DUE.format('DESC')})"
    " RETURNING stream, kind, due_at"
)


class PostgresLogRecorder(PostgresApplicationRecorder, LogRecorder):
    """The log over the migrations' tables; a subclass, so that the library's readers work."""

    def __init__(self, datastore: Datastore, continuity: Continuity | None = None) -> None:
        super().__init__(datastore, events_table_name="stored_events")
        self._rows = partial(datastore.rows, prepare=True)
        self.announcer = Announcer(datastore.dsn)
        self._continuity = continuity or Continuity()
        self._group_commit = GroupCommit(datastore.dsn, self.announcer.announce, self._continuity)
        self._reads = BatchedStreamReads(self._select_streams)

    def create_table(self) -> None:
        """Do nothing: the migrations create the tables."""

    def close(self) -> None:
        self._group_commit.close()
        self.announcer.close()
        self.datastore.close()

    def require_keys_with(self, check: Callable[[Collection[str]], None]) -> None:
        """Store an append only if this check finds the keys of its personal data."""
        self._group_commit.require_keys = check

    def append(self, append: Append) -> int:
        return self._group_commit.append(append)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Append the library's own events through the same function."""
        if not stored_events:
            return []
        first = self.append(Append(stored_events))
        return list(range(first, first + len(stored_events)))

    def command(self, principal: str, key: str) -> StoredCommand | None:
        rows = self._rows(
            "SELECT digest, result, position FROM commands WHERE principal = %s AND key = %s",
            *(principal, key),
        )
        gate = self._continuity.standbys
        if rows and gate is not None and not gate.wait(WAIT_SECONDS):
            raise OperationalError(f"the standbys {gate.standbys} have not confirmed the command")
        return StoredCommand(*rows[0]) if rows else None

    def select_references(self, wanted: Sequence[tuple[str, str]]) -> Sequence[ReferenceRow]:
        rows = self._rows(
            "SELECT kind, value, order_id FROM unnest(%s::text[], %s::text[]) AS wanted (kind, value) "
            "JOIN order_references USING (kind, value)",
            *([kind for kind, _ in wanted], [value for _, value in wanted]),
            prepare=False,
        )
        return [ReferenceRow(*row) for row in rows]

    def select_keys(self, name: str) -> Sequence[str]:
        rows = self._rows("SELECT key FROM order_keys WHERE order_id = %s ORDER BY key", name)
        return [key for (key,) in rows]

    def has_referring_signals(self) -> bool:
        rows = self._rows(
            "SELECT EXISTS (SELECT FROM order_references WHERE kind = 'signal') "
            "OR EXISTS (SELECT FROM order_references WHERE kind = 'found')"
        )
        return bool(rows[0][0])

    def select_streams(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        caller = current_greenlet()
        if caller is not None:
            return self._reads.rows(streams, caller)
        return [(position, state) for _, position, state in self._select_streams(streams)]

    def _select_streams(self, streams: Sequence[UUID]) -> Rows:
        return self._rows(
            "SELECT originator_id, notification_id, state FROM stored_events "
            "WHERE originator_id = ANY(%s) ORDER BY originator_id, originator_version",
            list(streams),
        )

    def select_tails(self, known: Sequence[tuple[UUID, int]]) -> Iterable[tuple[int, bytes]]:
        # One key look-up for each stream, never prepared: a plan prepared on an empty log would
        # later read all of it.
        return self._rows(
            "SELECT notification_id, state FROM unnest(%s::uuid[], %s::bigint[]) "
            "AS known (stream, version) CROSS JOIN LATERAL ("
            "SELECT notification_id, state FROM stored_events WHERE originator_id = stream "
            "AND originator_version > version ORDER BY originator_version) AS tail",
            *([stream for stream, _ in known], [version for _, version in known]),
            prepare=False,
        )

    def select_ends(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        return self._rows(
            "SELECT notification_id, state FROM unnest(%s::uuid[]) AS wanted (stream) "
            "CROSS JOIN LATERAL (SELECT notification_id, state FROM stored_events "
            "WHERE originator_id = stream ORDER BY originator_version DESC LIMIT 1) AS ending",
            list(streams),
            prepare=False,
        )

    def select_positions(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        return self._rows(
            "SELECT notification_id, state FROM stored_events WHERE notification_id > %s "
            "ORDER BY notification_id LIMIT %s",
            *(after, limit),
        )

    def select_beginnings(self, topic: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        # In order of position, also where the planner expects few rows.
        return self._rows(
            "SELECT notification_id, originator_id FROM stored_events WHERE notification_id > %s "
            "AND originator_version = 1 AND topic = %s ORDER BY notification_id LIMIT %s",
            *(after, topic, limit),
        )

    def head(self) -> int:
        return int(self._rows("SELECT position FROM log_head")[0][0])

    def select_timers(self, streams: Sequence[UUID]) -> dict[UUID, datetime]:
        # A timer may be due after the year 9999, which Python cannot hold (see `in_utc`).
        rows = self._rows(
            "SELECT stream, least(due_at, '9999-12-31Z') FROM timers WHERE stream = ANY(%s)",
            [*streams],
        )
        return dict(rows)

    def take_due(self, now: datetime, limit: int, lease: timedelta) -> Sequence[DueStream]:
        newest = newest_share(limit)
        rows = self._rows(_TAKE_DUE, lease, now, limit - newest, now, newest)
        return sorted((DueStream(*row) for row in rows), key=lambda due: due.due_at)
