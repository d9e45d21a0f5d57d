"""Append events without any meaning, to make a log grow."""

from collections.abc import Sequence
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from infrastructure.transparency.continuity import Continuity


def append_events(
    dsn: str, many: int = 1, text: str = "event", continuity: Continuity | None = None
) -> int:
    """Append so many events of a new stream; return the position of the first."""
    stream = uuid4()
    events = [StoredEvent(stream, n + 1, "t", f"{text} {n}".encode()) for n in range(many)]
    return append_in_one(dsn, events, continuity)


def append_in_one(
    dsn: str, events: Sequence[StoredEvent], continuity: Continuity | None = None
) -> int:
    """Append the events in one append, on a new connection."""
    recorder = PostgresLogRecorder(Datastore(dsn), continuity)
    try:
        return recorder.append(Append(events))
    finally:
        recorder.close()
