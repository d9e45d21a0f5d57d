"""The unknown commit: the connection breaks after the append was sent and before the answer came.

Stored or not, the recorder finds out by itself: its caller hears what happened, and it happened
exactly once (invariants I1 and I2).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError

from application.log.recorder import Append, CommandRepeated, Timer, VersionTaken
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.event_store.cutting_proxy import CuttingProxy, Fault
from tests.event_store.writing import (
    answers,
    answers_of_a_group,
    append_of,
    begin,
    command,
    event,
    read,
    stored,
    taken,
    until,
)

CUT = [Fault.NEVER_SENT, Fault.UNCOMMITTED, Fault.ANSWER_LOST]
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def name(fault: Fault) -> str:
    return fault.name


@pytest.fixture
def proxy(dsn: str) -> Iterator[CuttingProxy]:
    with CuttingProxy(dsn) as proxy:
        yield proxy


@pytest.fixture
def far(proxy: CuttingProxy) -> Iterator[PostgresLogRecorder]:
    """A recorder whose way to the server leads through the proxy."""
    recorder = PostgresLogRecorder(Datastore(proxy.dsn))
    recorder.append(append_of(event(text="first")))  # connected and prepared
    yield recorder
    proxy.thawed.set()
    proxy.disarm()
    recorder.close()


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_with_a_command(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    events = [event(), event(), event()]
    proxy.arm(fault)
    assert far.append(append_of(*events, key="k")) == 2
    assert proxy.struck == [fault]
    assert stored(dsn)[1:] == [(n, e.state) for n, e in enumerate(events, start=2)]
    assert far.command("ana", "k") == taken(command("k"), 4)


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_without_a_command(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    """As the timekeeper's: nobody would ever send it again under a key."""
    events = [event(), event()]
    proxy.arm(fault)
    assert far.append(Append(events)) == 2
    assert proxy.struck == [fault]
    assert stored(dsn)[1:] == [(n, e.state) for n, e in enumerate(events, start=2)]


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_with_a_command_and_no_events(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    proxy.arm(fault)
    assert far.append(Append([], command=command("k"))) == 1
    assert proxy.struck == [fault]
    assert far.command("ana", "k") == taken(command("k"), 1)


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_with_a_timer_and_no_events(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    proxy.arm(fault)
    assert far.append(Append([], [Timer(uuid4(), "order", NOON)])) == 1
    assert proxy.struck == [fault]
    assert len(far.take_due(NOON, 10, timedelta(0))) == 1


def test_the_answer_is_lost_again_and_again(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    faults = [Fault.UNCOMMITTED, Fault.NEVER_SENT, Fault.ANSWER_LOST]
    for fault in faults:
        proxy.arm(fault)
    assert far.append(append_of(event(text="second"))) == 2
    assert proxy.struck == faults
    assert len(stored(dsn)) == 2


def test_a_later_retry_gets_the_first_answer(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    proxy.arm(Fault.ANSWER_LOST)
    assert far.append(append_of(key="k", answer=b"first answer")) == 2
    for recorder in (far, PostgresLogRecorder(Datastore(dsn))):
        with pytest.raises(CommandRepeated) as repeated:
            recorder.append(append_of(key="k", answer=b"second answer"))
        assert repeated.value.taken == taken(command("k", b"first answer"), 2)
        if recorder is not far:
            recorder.close()
    assert len(stored(dsn)) == 2


@pytest.mark.parametrize("fault", [Fault.UNCOMMITTED, Fault.ANSWER_LOST], ids=name)
def test_when_nothing_comes_through_any_more_the_caller_hears_that_it_is_not_known(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    proxy.arm(fault, meanwhile=proxy.refuse_connections)
    with pytest.raises(OperationalError):
        far.append(append_of(key="k"))
    proxy.allow_connections()

    # The key says what happened.
    if fault is Fault.ANSWER_LOST:
        with pytest.raises(CommandRepeated) as repeated:
            far.append(append_of(key="k"))
        assert repeated.value.taken == taken(command("k"), 2)
    else:
        assert far.append(append_of(key="k")) == 2
    assert len(stored(dsn)) == 2


@pytest.mark.parametrize("fault", CUT, ids=name)
def test_a_whole_group_of_appends(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str, fault: Fault
) -> None:
    appends = [append_of(event(), event(), key=f"k{n}" if n % 2 else None) for n in range(20)]
    proxy.arm(fault, times=2)
    firsts = answers_of_a_group(dsn, [lambda a=a: far.append(a) for a in appends])
    assert proxy.struck == [fault] * 2
    places = dict(stored(dsn))
    assert sorted(places) == [*range(1, 42)]
    for first, append in zip(firsts, appends, strict=True):
        assert isinstance(first, int), first
        assert [places[first], places[first + 1]] == [e.state for e in append.events]


def test_a_group_in_which_some_were_too_late(
    far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str
) -> None:
    """The lost answer and the conflicts come together."""
    streams = [uuid4() for _ in range(10)]
    for stream in streams[::2]:
        far.append(append_of(event(stream)))
    before = len(stored(dsn))
    proxy.arm(Fault.ANSWER_LOST)
    calls = [lambda s=s: far.append(append_of(event(s))) for s in streams]
    came_out = answers_of_a_group(dsn, calls)
    assert proxy.struck == [Fault.ANSWER_LOST]
    assert [isinstance(one, VersionTaken) for one in came_out] == [True, False] * 5
    assert sorted(one for one in came_out if isinstance(one, int)) == [
        *range(before + 1, before + 6)
    ]
    assert len(stored(dsn)) == before + 5


def test_others_go_on_before_the_retry(
    far: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    stream = uuid4()
    proxy.arm(
        Fault.ANSWER_LOST, meanwhile=lambda: postgres.append(append_of(event(stream, version=2)))
    )
    assert far.append(append_of(event(stream, version=1))) == 2
    assert [p for p, _ in stored(dsn)] == [1, 2, 3]


def test_a_rival_takes_the_version_before_the_retry(
    far: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    stream = uuid4()
    rival = event(stream)
    proxy.arm(Fault.UNCOMMITTED, meanwhile=lambda: postgres.append(Append([rival])))
    with pytest.raises(VersionTaken):
        far.append(append_of(event(), event(stream), key="k"))
    assert [state for _, state in stored(dsn)[1:]] == [rival.state]
    assert far.command("ana", "k") is None


def test_a_rival_says_the_same_first_and_nothing_else(
    far: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    """That the first event is in the log does not say that this append is."""
    stream, other = uuid4(), uuid4()
    rival = append_of(event(stream, 1, "same"))
    proxy.arm(Fault.UNCOMMITTED, meanwhile=lambda: postgres.append(rival))
    with pytest.raises(VersionTaken):
        far.append(append_of(event(stream, 1, "same"), event(other), key="k"))
    assert len(stored(dsn)) == 2
    assert far.command("ana", "k") is None


def test_a_rival_takes_the_command_key_before_the_retry(
    far: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    rival = append_of(key="k", answer=b"the rival's")
    proxy.arm(Fault.UNCOMMITTED, meanwhile=lambda: postgres.append(rival))
    with pytest.raises(CommandRepeated) as repeated:
        far.append(append_of(key="k"))
    assert repeated.value.taken == taken(command("k", b"the rival's"), 2)
    assert [state for _, state in stored(dsn)[1:]] == [rival.events[0].state]


def test_followers_hear_of_it_nevertheless(far: PostgresLogRecorder, proxy: CuttingProxy) -> None:
    heard: list[int] = []
    far.announcer.subscribe(heard.append)
    proxy.arm(Fault.ANSWER_LOST)
    assert far.append(append_of(event(), event())) == 2
    until(lambda: 3 in heard, seconds=2)


def test_under_load(far: PostgresLogRecorder, proxy: CuttingProxy, dsn: str) -> None:
    """Eight callers, and every few appends something happens to the connection."""
    acknowledged: dict[int, bytes] = {}

    def write(caller: int) -> None:
        stream: UUID = uuid4()
        for version in range(1, 51):
            one = event(stream, version)
            if version % 7 == caller % 7:
                proxy.arm(CUT[(version + caller) % 3])
            first = far.append(append_of(one, key=f"{caller}/{version}" if caller % 2 else None))
            acknowledged[first] = one.state

    assert answers([lambda c=c: write(c) for c in range(8)], seconds=30) == [None] * 8
    assert len(proxy.struck) > 10
    assert stored(dsn)[1:] == sorted(acknowledged.items())
    assert [p for p, _ in stored(dsn)] == [*range(1, 402)]
    assert read(dsn, "SELECT count(*) FROM commands") == [(200,)]


def test_a_client_that_freezes_before_it_commits_does_not_stop_the_others(
    far: PostgresLogRecorder, proxy: CuttingProxy, postgres: PostgresLogRecorder, dsn: str
) -> None:
    """Its message may be cut in two on its way: the append is carried out, its Sync does not come.

    It holds the lock of the log's head, and PostgreSQL does not count it as idle in a transaction.
    """
    proxy.arm(Fault.FROZEN)
    frozen = event(text="frozen")
    finish = begin([lambda: far.append(Append([frozen]))])
    until(lambda: proxy.struck)
    (first,) = answers([lambda: postgres.append(append_of(event(text="other")))], seconds=8)
    assert first == 2
    proxy.thawed.set()
    assert finish(10) == [3]
    assert [state for _, state in stored(dsn)].count(frozen.state) == 1
