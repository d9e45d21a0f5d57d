"""The event-sourcing library's own test cases for recorders, run on both of our recorders.

Its cases for aggregate recorders are left out: they expect `insert_events` to return no positions,
but the library's own application recorders return positions too.
"""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import EventStore

from application.log.event_codec import EventCodec
from application.log.recorder import LogRecorder
from domain.people import PEOPLE_NAMESPACE
from infrastructure.event_store.announcements import LOG_GROWN_CHANNEL
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from tests.event_store.sample_lines import LINES


def import_library_cases() -> Any:
    """Import the library's module of test cases without its cipher.

    Only other cases need the cipher, and it imports a package that we do not use.
    """
    name = "eventsourcing.cipher"
    without_cipher = ModuleType(name)
    without_cipher.AESCipher = None  # type: ignore[attr-defined]
    before = sys.modules.get(name)
    sys.modules[name] = before or without_cipher
    try:
        return importlib.import_module("eventsourcing.tests.persistence")
    finally:
        if before is None:
            del sys.modules[name]


library_cases = import_library_cases()


@contextmanager
def repeat_notifications(dsn: str) -> Iterator[None]:
    """Send the notification again and again during the library's cases.

    The library's subscription reads first and listens afterwards. It would wait for ever for a notification
    that was sent between the two. Our own listeners have no such gap.
    """
    finished = threading.Event()

    def announce() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not finished.wait(0.2):
                connection.execute(f"NOTIFY {LOG_GROWN_CHANNEL}".encode())

    announcing = threading.Thread(target=announce)
    announcing.start()
    try:
        yield
    finally:
        finished.set()
        announcing.join()


class OnPostgres:
    @pytest.fixture(autouse=True)
    def _give_recorder(self, postgres: PostgresLogRecorder) -> None:
        self.recorder = postgres

    def create_recorder(self) -> PostgresLogRecorder:
        return self.recorder


class InMemory:
    def create_recorder(self) -> InMemoryLogRecorder:
        return InMemoryLogRecorder()


class TestApplicationRecorderOnPostgres(
    OnPostgres, library_cases.ApplicationRecorderTestCase[PostgresLogRecorder]
):
    def test_insert_subscribe(self) -> None:
        with repeat_notifications(self.recorder.datastore.dsn):
            self.optional_test_insert_subscribe()


class TestApplicationRecorderInMemory(
    InMemory, library_cases.ApplicationRecorderTestCase[InMemoryLogRecorder]
):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingOnPostgres(
    OnPostgres, library_cases.NonInterleavingNotificationIDsBaseCase
):
    pass


class TestNonInterleavingInMemory(InMemory, library_cases.NonInterleavingNotificationIDsBaseCase):
    pass


def test_the_librarys_event_store_reads_and_writes_our_lines(recorder: LogRecorder) -> None:
    store = EventStore(EventCodec(), recorder)
    tracked = store.put(LINES)
    assert [line.notification.id for line in tracked] == [*range(1, len(LINES) + 1)]
    for line in LINES:
        assert line in list(store.get(line.stream))
    assert list(store.get(PEOPLE_NAMESPACE)) == []
