"""Undocumented members of the libraries that we use, and the behaviour that we expect of them.

If one of these tests fails after an upgrade, review the class that it names.
"""

import inspect
import os
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import psycopg
import psycopg_pool
import pytest
from eventsourcing import utils
from eventsourcing.persistence import IntegrityError, Mapper, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from infrastructure.event_store.announcements import LOG_GROWN_CHANNEL
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from tests.event_store.appends import event, read

SETTINGS = {"lock_timeout": "1s", "idle_in_transaction_session_timeout": "1s", "TimeZone": "UTC"}


def settings(connection: psycopg.Connection[Any]) -> dict[str, str]:
    found = {}
    for name in SETTINGS:
        row = connection.execute("SELECT current_setting(%s) AS value", [name]).fetchone()
        found[name] = row["value"] if isinstance(row, dict) else row[0]  # type: ignore[index]
    return found


def test_the_installed_version_is_the_supported_one() -> None:
    assert version("eventsourcing") == "9.5.6"


def test_the_pool_uses_the_settings_that_are_set_before_it_opens(dsn: str) -> None:
    """Datastore.__init__ sets `conninfo` and `kwargs`: the library itself takes no sockets or TLS."""
    pool = psycopg_pool.ConnectionPool("dbname=nowhere", kwargs={}, open=False, min_size=1)
    pool.conninfo = dsn
    pool.kwargs = {"application_name": "set afterwards"}
    with pool, pool.connection() as connection:
        parameters = connection.info.get_parameters()
        assert connection.info.dbname == conninfo_to_dict(dsn)["dbname"]
        assert parameters["application_name"] == "set afterwards"


def test_the_librarys_datastore_has_a_closed_pool_with_our_configure_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured: list[object] = []

    def after_connect_func(self: object) -> Callable[[object], None]:
        return configured.append

    monkeypatch.setattr(PostgresDatastore, "after_connect_func", after_connect_func)
    datastore = PostgresDatastore("", "", "", "", "", pool_size=2, max_overflow=7)
    assert isinstance(datastore.pool, psycopg_pool.ConnectionPool)
    assert datastore.pool.closed
    assert (datastore.pool.min_size, datastore.pool.max_size) == (2, 9)
    assert datastore.pool._configure == configured.append


def test_our_datastore_connects_with_the_whole_address_and_our_settings(dsn: str) -> None:
    datastore = Datastore(dsn)
    with datastore.get_connection() as connection:
        assert connection.info.dbname == conninfo_to_dict(dsn)["dbname"]
        assert connection.info.get_parameters()["application_name"] == f"casetrail {os.getpid()}"
        assert connection.autocommit
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}
        assert settings(connection) == SETTINGS
    assert datastore.pool.max_size < 10
    assert not datastore.pre_ping
    datastore.close()
    assert datastore.pool.closed


def test_a_single_connection_has_the_same_settings(dsn: str) -> None:
    with connect(dsn) as connection:
        assert connection.autocommit
        assert settings(connection) == SETTINGS


def test_the_librarys_insert_functions_are_switched_off() -> None:
    """The library's insert functions take no lock. Our datastore never enables them."""
    assert PostgresDatastore("", "", "", "", "").enable_db_functions is False
    assert Datastore("").enable_db_functions is False


def test_the_librarys_recorder_takes_a_datastore_and_a_table(dsn: str) -> None:
    parameters = inspect.signature(PostgresApplicationRecorder.__init__).parameters
    assert [*parameters] == ["self", "datastore", "events_table_name"]
    datastore = Datastore(dsn)
    recorder = PostgresApplicationRecorder(datastore, events_table_name="somewhere")
    assert recorder.events_table_name == "somewhere"
    assert recorder.datastore is datastore
    # Creating a recorder creates nothing in the database.
    assert read(dsn, "SELECT to_regclass('somewhere')") == [(None,)]
    datastore.close()


def test_the_librarys_subscriptions_listen_on_our_channel(postgres: PostgresLogRecorder) -> None:
    assert postgres.channel_name == LOG_GROWN_CHANNEL
    assert postgres.events_table_name == "stored_events"


def test_our_recorder_creates_no_tables(postgres: PostgresLogRecorder, dsn: str) -> None:
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    before = read(dsn, tables)
    postgres.create_table()
    assert read(dsn, tables) == before


def test_the_recorder_in_memory_keeps_its_events_in_a_list_by_position() -> None:
    recorder = POPOApplicationRecorder()
    events = [event(), event()]
    assert recorder.insert_events(events) == [1, 2]
    assert recorder._stored_events == events
    assert recorder.max_notification_id() == 2


def test_the_recorder_in_memory_has_a_reentrant_lock() -> None:
    """InMemoryLogRecorder.append holds it around `insert_events`."""
    recorder = POPOApplicationRecorder()
    held: list[bool] = []
    with recorder._database_lock, recorder._database_lock:
        other = threading.Thread(
            target=lambda: held.append(recorder._database_lock.acquire(blocking=False))
        )
        other.start()
        other.join()
    assert held == [False]


def test_the_recorder_in_memory_writes_in_one_call_under_its_lock() -> None:
    """InMemoryLogRecorder._update_table notes the positions that it returns."""
    seen: list[tuple[list[StoredEvent], list[int], bool]] = []

    class Watched(POPOApplicationRecorder):
        def _update_table(self, stored_events: Any, **kwargs: Any) -> Any:
            positions = super()._update_table(stored_events, **kwargs)
            seen.append((stored_events, positions, self._database_lock._is_owned()))  # type: ignore[attr-defined]
            return positions

    recorder = Watched()
    events = [event(), event()]
    recorder.insert_events(events)
    assert seen == [(events, [1, 2], True)]
    with pytest.raises(IntegrityError):
        recorder.insert_events([StoredEvent(uuid4(), 1, "t", b""), events[0]])
    assert len(seen) == 1, "what is refused is not written, not even in part"


def test_a_mapper_has_two_public_methods() -> None:
    """EventCodec has these and does not call the base's constructor, which wants a transcoder."""
    offered = {name for name in vars(Mapper) if not name.startswith("_")}
    assert offered == {"to_stored_event", "to_domain_event"}


def test_the_librarys_retry_calls_again_and_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reads of PostgresLogRecorder are decorated with it."""
    pauses: list[float] = []
    monkeypatch.setattr(utils, "sleep", pauses.append)
    calls: list[int] = []

    @utils.retry((KeyError,), max_attempts=3, wait=0.2)
    def fail() -> None:
        calls.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(calls) == 3
    assert [0.15 < pause < 0.25 for pause in pauses] == [True, True]
