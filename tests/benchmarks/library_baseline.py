"""The same work done by the unchanged event-sourcing library, to compare our own parts with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Composed, Identifier

from application.log.event_codec import EventCodec
from domain.cases.events import Resolved, Routed
from domain.cases.work_events import CaseReleased, Claimed
from domain.recorded_event import RecordedEvent
from infrastructure.postgres.datastore import Datastore
from infrastructure.projections.tables import columns_of
from projections.queue import QueueRow, fold

EVENTS = "caselog_events"


class CaseLog(Application[UUID]):
    """The library's application over its own table, with our envelope."""

    name = "caselog"

    def construct_mapper(self) -> Mapper[UUID]:
        return EventCodec()


class QueueTable(PostgresTrackingRecorder):
    """The rows of the report `queue`, each change in a transaction with its position."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        table = Identifier(self.datastore.schema, "stock_queue")
        columns = columns_of(QueueRow)
        definitions = SQL(", ").join(
            SQL("{} {}").format(Identifier(column.name), SQL(column.type)) for column in columns
        )
        names = SQL(", ").join(Identifier(column.name) for column in columns)
        values = SQL(", ").join(SQL("%s") for _ in columns)
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY (case_id))").format(
                table, definitions
            )
        )
        self._put = SQL("INSERT INTO {} ({}) VALUES ({})").format(table, names, values)
        self._hold = SQL("UPDATE {} SET person = %s, since = %s WHERE case_id = %s").format(table)
        self._drop = SQL("DELETE FROM {} WHERE case_id = %s").format(table)

    def put(self, row: QueueRow, tracking: Tracking) -> None:
        values = tuple(getattr(row, name) for name in row.__struct_fields__)
        self._change(self._put, values, tracking)

    def hold(self, line: RecordedEvent, person: str | None, tracking: Tracking) -> None:
        self._change(self._hold, (person, line.recorded_at, line.stream), tracking)

    def drop(self, line: RecordedEvent, tracking: Tracking) -> None:
        self._change(self._drop, (line.stream,), tracking)

    def _change(self, statement: Composed, values: tuple[object, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, values, prepare=True)


class QueueProjection(Projection[QueueTable]):
    name = "stockqueue"

    def process_event(self, domain_event: RecordedEvent, tracking: Tracking) -> None:
        match domain_event.event:
            case Routed():
                row = fold(None, domain_event)
                assert row is not None
                self.view.put(row, tracking)
            case Claimed(person=person):
                self.view.hold(domain_event, person, tracking)
            case CaseReleased():
                self.view.hold(domain_event, None, tracking)
            case Resolved():
                self.view.drop(domain_event, tracking)
            case _:
                self.view.insert_tracking(tracking)


@contextmanager
def recorder(dsn: str) -> Iterator[PostgresApplicationRecorder]:
    """The library's recorder over a table of its own, with a pool of the library's size."""
    datastore = Datastore(dsn, pool_size=5, pool_overflow=10)
    try:
        found = PostgresApplicationRecorder(datastore, events_table_name=EVENTS)
        found.create_table()
        yield found
    finally:
        datastore.close()


def copy_log(dsn: str, most: int) -> None:
    """Copy the first events of our log to a table of the library."""
    with recorder(dsn), psycopg.connect(dsn, autocommit=True) as connection:
        columns = "originator_id, originator_version, topic, state, notification_id"
        connection.execute(
            f"INSERT INTO {EVENTS} ({columns}) SELECT {columns} FROM stored_events "
            "WHERE notification_id <= %s ORDER BY notification_id",
            (most,),
        )
        connection.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'notification_id'), %s)", (EVENTS, most)
        )


def runner(dsn: str) -> ProjectionRunner[CaseLog, QueueTable]:
    """Start the library's runner; close it as a context manager."""
    with psycopg.connect(dsn) as connection:
        info = connection.info
        environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_HOST": info.host,
            "POSTGRES_PORT": str(info.port),
            "POSTGRES_DBNAME": info.dbname,
            "POSTGRES_USER": info.user,
            "POSTGRES_PASSWORD": info.password,
        }
    return ProjectionRunner(
        application_class=CaseLog,
        projection_class=QueueProjection,
        view_class=QueueTable,
        env=environment,
    )
