"""The connection breaks after an append was sent and before its answer arrives.

The recorder finds out by itself whether the append was stored. It returns the true result to its
caller, and the append is stored exactly once (invariants I1 and I2).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError

from application.log.recorder import Append, CommandRepeated, Timer, VersionTaken
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.event_store.appends import (
    append_of,
    call_all_at_once,
    call_as_one_group,
    command,
    command_taken,
    event,
    read,
    start_calls,
    stored,
    wait_until,
)
from tests.event_store.cutting_proxy import CuttingProxy, Fault

CUT = [Fault.NEVER_SENT, Fault.UNCOMMITTED, Fault.ANSWER_LOST]
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def name(fault: Fault) -> str:
    return fault.name


@pytest.fixture
def proxy(dsn: str) -> Iterator[CuttingProxy]:
    with CuttingProxy(dsn) as proxy:
        yield proxy


@pytest.fixture
def proxied(proxy: CuttingProxy) -> Iterator[PostgresLogRecorder]:
    """A recorder that connects through the proxy."""
    recorder = PostgresLogRecorder(Datastore(proxy.dsn))
    recorder.append(append_of(event(text="first")))  # connected and prepared
    yield recorder
    proxy.thawed.set()
    proxy.disarm()
    recorder.close()


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_an_append_with_a_command_is_stored_once(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    events = [event(), event(), event()]
    proxy.arm(fault)
    assert proxied.append(append_of(*events, key="k")) == 2
    assert proxy.struck == [fault]
    assert stored(dsn)[1:] == [(n, e.state) for n, e in enumerate(events, start=2)]
    assert proxied.command("ana", "k") == command_taken(command("k"), 4)


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_an_append_without_a_command_is_stored_once(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    """The timekeeper appends like this: there is no key under which a retry could find the append."""
    events = [event(), event()]
    proxy.arm(fault)
    assert proxied.append(Append(events)) == 2
    assert proxy.struck == [fault]
    assert stored(dsn)[1:] == [(n, e.state) for n, e in enumerate(events, start=2)]


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_a_command_without_events_is_stored_once(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    proxy.arm(fault)
    assert proxied.append(Append([], command=command("k"))) == 1
    assert proxy.struck == [fault]
    assert proxied.command("ana", "k") == command_taken(command("k"), 1)


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_a_timer_without_events_is_stored_once(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    proxy.arm(fault)
    assert proxied.append(Append([], [Timer(uuid4(), "order", NOON)])) == 1
    assert proxy.struck == [fault]
    assert len(proxied.take_due(NOON, 10, timedelta(0))) == 1


def test_an_append_is_stored_once_after_three_faults_in_a_row(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    faults = [Fault.UNCOMMITTED, Fault.NEVER_SENT, Fault.ANSWER_LOST]
    for fault in faults:
        proxy.arm(fault)
    assert proxied.append(append_of(event(text="second"))) == 2
    assert proxy.struck == faults
    assert len(stored(dsn)) == 2


def test_a_later_retry_gets_the_first_answer(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    proxy.arm(Fault.ANSWER_LOST)
    assert proxied.append(append_of(key="k", answer=b"first answer")) == 2
    for recorder in (proxied, PostgresLogRecorder(Datastore(dsn))):
        with pytest.raises(CommandRepeated) as repeated:
            recorder.append(append_of(key="k", answer=b"second answer"))
        assert repeated.value.taken == command_taken(command("k", b"first answer"), 2)
        if recorder is not proxied:
            recorder.close()
    assert len(stored(dsn)) == 2


@pytest.mark.parametrize("fault", [Fault.UNCOMMITTED, Fault.ANSWER_LOST], ids=name)
def test_the_caller_gets_an_error_if_the_server_stays_unreachable(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    proxy.arm(fault, meanwhile=proxy.refuse_connections)
    with pytest.raises(OperationalError):
        proxied.append(append_of(key="k"))
    proxy.allow_connections()

    # A retry with the same key learns what happened.
    if fault is Fault.ANSWER_LOST:
        with pytest.raises(CommandRepeated) as repeated:
            proxied.append(append_of(key="k"))
        assert repeated.value.taken == command_taken(command("k"), 2)
    else:
        assert proxied.append(append_of(key="k")) == 2
    assert len(stored(dsn)) == 2


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_each_append_of_a_group_is_stored_once(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    appends = [append_of(event(), event(), key=f"k{n}" if n % 2 else None) for n in range(20)]
    proxy.arm(fault, times=2)
    firsts = call_as_one_group(dsn, [lambda a=a: proxied.append(a) for a in appends])
    assert proxy.struck == [fault] * 2
    places = dict(stored(dsn))
    assert sorted(places) == [*range(1, 42)]
    for first, append in zip(firsts, appends, strict=True):
        assert isinstance(first, int), first
        assert [places[first], places[first + 1]] == [e.state for e in append.events]


def test_conflicts_in_a_group_are_reported_after_a_lost_answer(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    streams = [uuid4() for _ in range(10)]
    for stream in streams[::2]:
        proxied.append(append_of(event(stream)))
    before = len(stored(dsn))
    proxy.arm(Fault.ANSWER_LOST)
    calls = [lambda s=s: proxied.append(append_of(event(s))) for s in streams]
    results = call_as_one_group(dsn, calls)
    assert proxy.struck == [Fault.ANSWER_LOST]
    assert [isinstance(one, VersionTaken) for one in results] == [True, False] * 5
    assert sorted(one for one in results if isinstance(one, int)) == [
        *range(before + 1, before + 6)
    ]
    assert len(stored(dsn)) == before + 5


def test_an_append_is_recognized_after_a_later_event_on_its_stream(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    stream = uuid4()
    proxy.arm(
        Fault.ANSWER_LOST, meanwhile=lambda: postgres.append(append_of(event(stream, version=2)))
    )
    assert proxied.append(append_of(event(stream, version=1))) == 2
    assert [p for p, _ in stored(dsn)] == [1, 2, 3]


def test_the_append_is_refused_if_another_takes_its_version_before_the_retry(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    stream = uuid4()
    rival = event(stream)
    proxy.arm(Fault.UNCOMMITTED, meanwhile=lambda: postgres.append(Append([rival])))
    with pytest.raises(VersionTaken):
        proxied.append(append_of(event(), event(stream), key="k"))
    assert [state for _, state in stored(dsn)[1:]] == [rival.state]
    assert proxied.command("ana", "k") is None


def test_an_equal_first_event_of_another_append_is_not_mistaken_for_success(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    """The first event is in the log, but it came from another append."""
    stream, other = uuid4(), uuid4()
    rival = append_of(event(stream, 1, "same"))
    proxy.arm(Fault.UNCOMMITTED, meanwhile=lambda: postgres.append(rival))
    with pytest.raises(VersionTaken):
        proxied.append(append_of(event(stream, 1, "same"), event(other), key="k"))
    assert len(stored(dsn)) == 2
    assert proxied.command("ana", "k") is None


def test_the_append_is_refused_if_another_takes_its_key_before_the_retry(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    rival = append_of(key="k", answer=b"the rival's")
    proxy.arm(Fault.UNCOMMITTED, meanwhile=lambda: postgres.append(rival))
    with pytest.raises(CommandRepeated) as repeated:
        proxied.append(append_of(key="k"))
    assert repeated.value.taken == command_taken(command("k", b"the rival's"), 2)
    assert [state for _, state in stored(dsn)[1:]] == [rival.events[0].state]


def test_followers_are_notified_after_a_lost_answer(
    proxied: PostgresLogRecorder, proxy: CuttingProxy
) -> None:
    heard: list[int] = []
    proxied.announcer.subscribe(heard.append)
    proxy.arm(Fault.ANSWER_LOST)
    assert proxied.append(append_of(event(), event())) == 2
    wait_until(lambda: 3 in heard, seconds=2)


def test_no_append_is_lost_or_doubled_under_load(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    """Eight callers append, and a fault hits the connection every few appends."""
    acknowledged: dict[int, bytes] = {}

    def write(caller: int) -> None:
        stream: UUID = uuid4()
        for version in range(1, 51):
            one = event(stream, version)
            if version % 7 == caller % 7:
                proxy.arm(CUT[(version + caller) % 3])
            first = proxied.append(
                append_of(one, key=f"{caller}/{version}" if caller % 2 else None)
            )
            acknowledged[first] = one.state

    assert call_all_at_once([lambda c=c: write(c) for c in range(8)], seconds=30) == [None] * 8
    assert len(proxy.struck) > 10
    assert stored(dsn)[1:] == sorted(acknowledged.items())
    assert [p for p, _ in stored(dsn)] == [*range(1, 402)]
    assert read(dsn, "SELECT count(*) FROM commands") == [(200,)]


def test_a_client_that_freezes_before_its_commit_does_not_block_other_appends(
    proxied: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    """The append is carried out, but its Sync message does not arrive.

    The client then holds the lock on the head of the log, and PostgreSQL does not count it as idle
    in a transaction.
    """
    proxy.arm(Fault.FROZEN)
    frozen = event(text="frozen")
    finish = start_calls([lambda: proxied.append(Append([frozen]))])
    wait_until(lambda: proxy.struck)
    (first,) = call_all_at_once(
        [lambda: postgres.append(append_of(event(text="other")))], seconds=8
    )
    assert first == 2
    proxy.thawed.set()
    assert finish(10) == [3]
    assert [state for _, state in stored(dsn)].count(frozen.state) == 1
