"""The cases that the event-sourcing library ships for whoever writes a recorder of their own.

Its cases for aggregate recorders are not among them: they want no positions from `insert_events`,
which the library's own application recorders give, too.
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
from domain.people import PEOPLE
from infrastructure.event_store.announcements import GROWN
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from tests.event_store.one_of_each import LINES


def cases() -> Any:
    """The library's module of cases.

    It imports the library's cipher for other cases than these, and that one imports a package
    which we have no other use for.
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


shipped = cases()


@contextmanager
def announced_again(dsn: str) -> Iterator[None]:
    """The library's subscription reads, and then begins to listen: for what was announced between the two
    it would wait for ever. Ours do not; its own cases are helped."""
    over = threading.Event()

    def announce() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not over.wait(0.2):
                connection.execute(f"NOTIFY {GROWN}".encode())

    announcing = threading.Thread(target=announce)
    announcing.start()
    try:
        yield
    finally:
        over.set()
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
    OnPostgres, shipped.ApplicationRecorderTestCase[PostgresLogRecorder]
):
    def test_insert_subscribe(self) -> None:
        with announced_again(self.recorder.datastore.dsn):
            self.optional_test_insert_subscribe()


class TestApplicationRecorderInMemory(
    InMemory, shipped.ApplicationRecorderTestCase[InMemoryLogRecorder]
):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingOnPostgres(OnPostgres, shipped.NonInterleavingNotificationIDsBaseCase):
    pass


class TestNonInterleavingInMemory(InMemory, shipped.NonInterleavingNotificationIDsBaseCase):
    pass


def test_the_librarys_event_store_reads_and_writes_our_lines(recorder: LogRecorder) -> None:
    store = EventStore(EventCodec(), recorder)
    tracked = store.put(LINES)
    assert [line.notification.id for line in tracked] == [*range(1, len(LINES) + 1)]
    for line in LINES:
        assert line in list(store.get(line.stream))
    assert list(store.get(PEOPLE)) == []
