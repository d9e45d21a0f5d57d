"""Logs that grow by events that say nothing."""

from collections.abc import Sequence
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from infrastructure.transparency.continuity import Continuity


def append(
    dsn: str, many: int = 1, text: str = "event", continuity: Continuity | None = None
) -> int:
    """The log's position after so many events of a new stream."""
    stream = uuid4()
    events = [StoredEvent(stream, n + 1, "t", f"{text} {n}".encode()) for n in range(many)]
    return append_all(dsn, events, continuity)


def append_all(
    dsn: str, events: Sequence[StoredEvent], continuity: Continuity | None = None
) -> int:
    """In one append, on a connection of its own."""
    recorder = PostgresLogRecorder(Datastore(dsn), continuity)
    try:
        return recorder.append(Append(events))
    finally:
        recorder.close()
