from collections.abc import Iterator

import pytest

from application.log.event_log import EventLog
from application.log.recorder import LogRecorder
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore


@pytest.fixture
def postgres(dsn: str) -> Iterator[PostgresLogRecorder]:
    recorder = PostgresLogRecorder(Datastore(dsn))
    yield recorder
    recorder.close()


@pytest.fixture(params=["postgres", "in memory"])
def recorder(request: pytest.FixtureRequest) -> LogRecorder:
    """Both recorders, one after the other: each test that uses it runs twice."""
    if request.param == "in memory":
        return InMemoryLogRecorder()
    found: PostgresLogRecorder = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def log(recorder: LogRecorder) -> EventLog:
    return EventLog(recorder)


@pytest.fixture
def in_memory() -> InMemoryLogRecorder:
    """The recorder in memory, to compare PostgreSQL with."""
    return InMemoryLogRecorder()
