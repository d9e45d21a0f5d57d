"""Errors at the worst moment, between two attempts of one append: its caller gets an answer, and the next
append is stored as if nothing had been."""

from collections.abc import Collection, Iterator

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

from application.log.recorder import Append, KeyRow
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres import datastore
from infrastructure.postgres.datastore import Datastore
from tests.event_store.appends import append_of, event, start_calls, stored, wait_until
from tests.event_store.cutting_proxy import CuttingProxy, Fault

WAITS_FOR_THE_HEAD = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def proxy(dsn: str) -> Iterator[CuttingProxy]:
    with CuttingProxy(dsn) as proxy:
        yield proxy


@pytest.fixture
def proxied(proxy: CuttingProxy) -> Iterator[PostgresLogRecorder]:
    """A recorder that connects through the proxy, and has done so."""
    recorder = PostgresLogRecorder(Datastore(proxy.dsn))
    recorder.append(append_of(event(text="first")))
    yield recorder
    proxy.disarm()
    recorder.close()


def test_the_database_goes_away_while_an_append_waits_for_a_lock(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    """The lock's timeout ends the attempt; then the sessions that hold it up cannot be looked for either."""
    with psycopg.connect(dsn) as other, psycopg.connect(dsn, autocommit=True) as watcher:
        other.execute("UPDATE log_head SET position = position")
        finish = start_calls([lambda: proxied.append(append_of())])
        wait_until(lambda: watcher.execute(WAITS_FOR_THE_HEAD).fetchall())
        proxy.refuse_connections()
        assert isinstance(finish(15)[0], OperationalError)
        other.rollback()
    proxy.allow_connections()
    assert proxied.append(append_of()) == 2
    assert len(stored(dsn)) == 2


@pytest.mark.parametrize("fault", [Fault.NEVER_SENT, Fault.UNCOMMITTED, Fault.ANSWER_LOST])
def test_an_append_is_tried_again_although_its_time_has_passed(
    proxied: PostgresLogRecorder,
    proxy: CuttingProxy,
    dsn: str,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a process was frozen: by the clock, its first attempt took longer than all may take."""
    monkeypatch.setattr(datastore, "RETRY_SECONDS", -1.0)
    proxy.arm(fault)
    assert proxied.append(append_of()) == 2
    assert proxy.struck == [fault]
    assert len(stored(dsn)) == 2


def test_an_error_of_our_own_is_raised_to_the_caller_and_stops_no_later_append(
    proxied: PostgresLogRecorder, dsn: str
) -> None:
    def fail(_: Collection[str]) -> None:
        raise ZeroDivisionError

    proxied.require_keys_with(fail)
    sealed = Append([event()], keys=[KeyRow("A-1", "0123456789abcdef.0")])
    assert isinstance(start_calls([lambda: proxied.append(sealed)])(10)[0], ZeroDivisionError)
    assert start_calls([lambda: proxied.append(append_of())])(10) == [2]
    assert len(stored(dsn)) == 2
