"""The log in PostgreSQL: the library's recorder, with the one append under the head's row lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from psycopg.rows import tuple_row

from application.log.recorder import (
    Append,
    CommandTaken,
    DueStream,
    LogRecorder,
    newest_of,
)
from infrastructure.event_loops import guest
from infrastructure.event_store.announcements import Announcer
from infrastructure.event_store.group_commit import GroupCommit
from infrastructure.event_store.stream_reads import StreamReads
from infrastructure.postgres.datastore import Datastore, patiently
from infrastructure.transparency.continuity import Continuity

# Arrays, so that the choice is made once: a plan may run a plain subquery for each row.
_CHOSEN = (
    "ARRAY(SELECT stream FROM timers WHERE due_at <= %s"
    " AND (leased_until IS NULL OR leased_until < clock_timestamp())"
    " ORDER BY due_at {} LIMIT %s FOR UPDATE SKIP LOCKED)"
)
# The lease runs on the database's clock whatever `now` says: in virtual time, too, a keeper that
# was killed must lose it within real seconds.
_TAKE_DUE = (
    "UPDATE timers SET leased_until = clock_timestamp() + %s"
    f" WHERE stream = ANY ({_CHOSEN.format('')} || {_CHOSEN.format('DESC')})"
    " RETURNING stream, kind, due_at"
)


class PostgresLogRecorder(PostgresApplicationRecorder, LogRecorder):
    """Over the tables that the migrations made; a subclass, so that the library's readers work."""

    def __init__(self, datastore: Datastore, continuity: Continuity | None = None) -> None:
        super().__init__(datastore, events_table_name="stored_events")
        self.announcer = Announcer(datastore.dsn)
        self._group_commit = GroupCommit(
            datastore.dsn, self.announcer.announce, continuity or Continuity()
        )
        self._reads = StreamReads(self._select_streams)

    def create_table(self) -> None:
        """The migrations own the schema."""

    def close(self) -> None:
        self._group_commit.close()
        self.announcer.close()
        self.datastore.close()

    def append(self, append: Append) -> int:
        return self._group_commit.append(append)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """The library's way in leads through the same door."""
        if not stored_events:
            return []
        first = self.append(Append(stored_events))
        return list(range(first, first + len(stored_events)))

    @patiently
    def command(self, principal: str, key: str) -> CommandTaken | None:
        rows = self._rows(
            "SELECT digest, result, position FROM commands WHERE principal = %s AND key = %s",
            (principal, key),
        )
        return CommandTaken(*rows[0]) if rows else None

    def select_streams(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        asking = guest()
        if asking is not None:
            return self._reads.rows(streams, asking)
        return [(position, state) for _, position, state in self._select_streams(streams)]

    @patiently
    def _select_streams(self, streams: Sequence[UUID]) -> list[tuple[Any, ...]]:
        return self._rows(
            "SELECT originator_id, notification_id, state FROM stored_events "
            "WHERE originator_id = ANY(%s) ORDER BY originator_id, originator_version",
            (list(streams),),
        )

    @patiently
    def select_tails(self, known: Sequence[tuple[UUID, int]]) -> Iterable[tuple[int, bytes]]:
        # One look-up by key after the other, planned anew: a prepared plan made for an empty log
        # would read all of it later.
        return self._rows(
            "SELECT notification_id, state FROM unnest(%s::uuid[], %s::bigint[]) "
            "AS known (stream, version) CROSS JOIN LATERAL ("
            "SELECT notification_id, state FROM stored_events WHERE originator_id = stream "
            "AND originator_version > version ORDER BY originator_version) AS tail",
            ([stream for stream, _ in known], [version for _, version in known]),
            prepare=False,
        )

    @patiently
    def select_positions(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        return self._rows(
            "SELECT notification_id, state FROM stored_events WHERE notification_id > %s "
            "ORDER BY notification_id LIMIT %s",
            (after, limit),
        )

    @patiently
    def select_beginnings(self, topic: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        # By position, whatever the planner thinks of how rare they are.
        return self._rows(
            "SELECT notification_id, originator_id FROM stored_events WHERE notification_id > %s "
            "AND originator_version = 1 AND topic = %s ORDER BY notification_id LIMIT %s",
            (after, topic, limit),
        )

    @patiently
    def head(self) -> int:
        position: int = self._rows("SELECT position FROM log_head", ())[0][0]
        return position

    @patiently
    def take_due(self, now: datetime, limit: int, lease: timedelta) -> Sequence[DueStream]:
        newest = newest_of(limit)
        rows = self._rows(_TAKE_DUE, (lease, now, limit - newest, now, newest))
        return sorted((DueStream(*row) for row in rows), key=lambda due: due.due_at)

    def _rows(
        self, statement: str, parameters: Sequence[object], *, prepare: bool = True
    ) -> list[tuple[Any, ...]]:
        with (
            self.datastore.get_connection() as connection,
            connection.cursor(row_factory=tuple_row, binary=True) as cursor,
        ):
            cursor.execute(statement.encode(), parameters, prepare=prepare)
            return cursor.fetchall()
