"""Optimistic concurrency: only one append stores a given version of a stream, and versions have no gaps
(invariant I6). All streams of one append are written together or not at all."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from application.log.event_log import EventLog, Write
from application.log.recorder import Append, Guard, LogRecorder, VersionTaken
from domain.cases.work_events import CaseReleased
from domain.people import Actor
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.event_store.appends import append_of, call_all_at_once, call_as_one_group, event, stored

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def texts(recorder: LogRecorder) -> list[bytes]:
    return [state for _, state in recorder.select_positions(0, 10_000)]


def write(stream: UUID, expected: int, *notes: str, next_due: datetime | None = None) -> Write:
    return Write(
        stream=stream,
        kind="case",
        expected=expected,
        events=[(Actor("key:ana", "ana"), CaseReleased(note=note)) for note in notes],
        recorded_at=NOON,
        next_due=next_due,
    )


def test_an_append_at_a_taken_version_is_refused(recorder: LogRecorder) -> None:
    stream = uuid4()
    first = event(stream, 1)
    assert recorder.append(Append([first])) == 1
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1)))
    assert texts(recorder) == [first.state]


def test_the_same_event_is_not_stored_twice(recorder: LogRecorder) -> None:
    """Two callers make the same decision at the same moment: the second gets a conflict."""
    stream = uuid4()
    assert recorder.append(append_of(event(stream, 1, "same"))) == 1
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1, "same")))
    assert len(texts(recorder)) == 1


def test_an_append_is_refused_as_a_whole_if_its_first_event_exists(recorder: LogRecorder) -> None:
    stream, other = uuid4(), uuid4()
    recorder.append(append_of(event(stream, 1, "same")))
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1, "same"), event(other, 1, "new")))
    assert list(recorder.select_streams([other])) == []


def test_several_streams_are_written_together(recorder: LogRecorder) -> None:
    streams = [uuid4() for _ in range(3)]
    events = [event(stream, version) for stream in streams for version in (1, 2)]
    assert recorder.append(Append(events)) == 1
    assert texts(recorder) == [one.state for one in events]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_several_streams_are_refused_together(recorder: LogRecorder, place: int) -> None:
    streams = [uuid4() for _ in range(3)]
    recorder.append(append_of(event(streams[place])))
    with pytest.raises(VersionTaken):
        recorder.append(append_of(*(event(stream) for stream in streams)))
    assert len(texts(recorder)) == 1
    assert recorder.head() == 1


def test_an_append_with_the_same_version_twice_is_refused(recorder: LogRecorder) -> None:
    stream = uuid4()
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1), event(stream, 1)))
    assert recorder.head() == 0


def test_a_stream_has_no_gaps(recorder: LogRecorder) -> None:
    """A node may be ahead of a log that was restored from a backup."""
    stream = uuid4()
    recorder.append(append_of(event(stream, 1)))
    with pytest.raises(IntegrityError):
        recorder.append(append_of(event(stream, 3)))
    with pytest.raises(IntegrityError):
        recorder.append(append_of(event(uuid4(), 2)))
    assert recorder.head() == 1


def test_a_write_without_events_is_refused_at_an_old_version(log: EventLog) -> None:
    """The timekeeper writes only a timer if an order is due and nothing happened.

    A timer that was decided on an old state would overwrite a newer one, and a deadline would be missed.
    """
    stream = uuid4()
    log.append([write(stream, 0, "one")])
    sooner, later = NOON.replace(hour=13), NOON.replace(hour=23)
    log.append([write(stream, 1, "two", next_due=sooner)])
    with pytest.raises(VersionTaken):
        log.append([write(stream, 1, next_due=later)])
    with pytest.raises(VersionTaken):
        log.append([write(stream, 1, next_due=None)])
    (due,) = log.recorder.take_due(NOON.replace(day=30), 10, NOON - NOON)
    assert due.due_at == sooner


def test_one_of_many_appends_at_the_same_version_is_stored(recorder: LogRecorder) -> None:
    stream = uuid4()
    for version in range(1, 11):
        rivals = [event(stream, version) for _ in range(8)]
        results = call_all_at_once([partial(recorder.append, Append([rival])) for rival in rivals])
        won = [n for n, one in enumerate(results) if one == version]
        assert len(won) == 1
        assert [type(one) for one in results].count(VersionTaken) == 7
        assert texts(recorder)[-1] == rivals[won[0]].state


@pytest.mark.parametrize("text", [None, "same"])
def test_one_of_many_appends_at_the_same_version_in_a_group_is_stored(
    postgres: PostgresLogRecorder, dsn: str, text: str | None
) -> None:
    stream = uuid4()
    rivals = [event(stream, 1, text) for _ in range(30)]
    results = call_as_one_group(dsn, [partial(postgres.append, Append([r])) for r in rivals])
    assert [one for one in results if not isinstance(one, VersionTaken)] == [1]
    assert stored(dsn) == [(1, rivals[results.index(1)].state)]


def test_conflicts_do_not_affect_other_appends_in_the_group(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    old, contested = uuid4(), uuid4()
    postgres.append(append_of(event(old)))
    too_late = [append_of(event(), event(old)) for _ in range(5)]
    rivals = [append_of(event(), event(contested)) for _ in range(5)]
    free = [append_of(event(), event()) for _ in range(20)]
    calls = [partial(postgres.append, append) for append in (*too_late, *rivals, *free)]
    results = call_as_one_group(dsn, calls)
    assert [type(one) for one in results[:5]] == [VersionTaken] * 5
    assert [type(one) for one in results[5:10]].count(VersionTaken) == 4
    places = dict(stored(dsn))
    assert sorted(places) == [*range(1, 2 + 2 + 40)]
    for first, append in zip(results[10:], free, strict=True):
        assert isinstance(first, int)
        assert [places[first], places[first + 1]] == [one.state for one in append.events]


def test_an_append_is_refused_if_a_guarded_stream_has_changed(recorder: LogRecorder) -> None:
    stream, other = uuid4(), uuid4()
    recorder.append(Append([event(other)], guards=[Guard(stream, 0)]))
    recorder.append(append_of(event(stream, 1)))
    recorder.append(Append([event(other, 2)], guards=[Guard(stream, 1)]))
    with pytest.raises(VersionTaken):
        recorder.append(Append([event(other, 3)], guards=[Guard(stream, 0)]))
    # The append may itself write to the guarded stream.
    recorder.append(Append([event(stream, 2)], guards=[Guard(stream, 1)]))
    assert recorder.head() == 4


def test_guards_hold_within_a_group(postgres: PostgresLogRecorder, dsn: str) -> None:
    stream = uuid4()
    postgres.append(append_of(event(stream, 1)))
    relying = [Append([event()], guards=[Guard(stream, 1)]) for _ in range(20)]
    moving = append_of(event(stream, 2))
    calls = [partial(postgres.append, one) for one in (*relying[:10], moving, *relying[10:])]
    results = call_as_one_group(dsn, calls)
    moved = results.pop(10)
    assert isinstance(moved, int)
    before = [one for one in results if isinstance(one, int)]
    assert [type(one) for one in results].count(VersionTaken) == len(results) - len(before)
    assert all(position < moved for position in before)
    assert len(stored(dsn)) == 1 + 1 + len(before)


def test_one_of_two_processes_that_append_the_same_events_succeeds(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    other = PostgresLogRecorder(Datastore(dsn))
    stream = uuid4()
    for version in range(1, 21):
        same = append_of(event(stream, version, "same"))
        results = call_all_at_once([partial(one.append, same) for one in (postgres, other)])
        assert sorted(map(str, map(type, results))) == [str(VersionTaken), str(int)]
    other.close()


def test_an_append_larger_than_a_group_is_stored_as_one(recorder: LogRecorder) -> None:
    """A group takes at least one append, of any size."""
    stream = uuid4()
    events = [event(stream, version) for version in range(1, 5_001)]
    assert recorder.append(append_of(event())) == 1
    assert recorder.append(Append(events)) == 2
    assert recorder.head() == 5_001
    assert [s for _, s in recorder.select_streams([stream])] == [e.state for e in events]


def test_a_stream_is_read_in_order_without_duplicates(recorder: LogRecorder) -> None:
    one, two, none = uuid4(), uuid4(), uuid4()
    for version in (1, 2, 3):
        recorder.append(append_of(event(one, version, f"1/{version}"), event(two, version, "-")))
    read = list(recorder.select_streams([one, none, one]))
    assert [position for position, _ in read] == [1, 3, 5]
    assert [state for _, state in read] == [b'{"text":"1/%d"}' % v for v in (1, 2, 3)]


def test_an_append_returns_the_positions_of_its_lines(log: EventLog) -> None:
    one, two = uuid4(), uuid4()
    appended = log.append([write(one, 0, "a", "b"), write(two, 0, "c")])
    assert appended.position == 3
    assert [(line.stream, line.version) for line in appended.lines] == [
        (one, 1),
        (one, 2),
        (two, 1),
    ]
    assert [(line.position, line.stream, line.version) for line in log.read(0, 10)] == [
        (1, one, 1),
        (2, one, 2),
        (3, two, 1),
    ]
    assert [line.position for line in log.trail(two)] == [3]
    assert log.trail(uuid4()) == []
    assert log.read(2, 10) == log.trail(two)
    assert log.head() == 3


def test_an_append_of_nothing_stores_nothing(log: EventLog) -> None:
    assert log.append([]).position == 0
    log.append([write(uuid4(), 0, "a")])
    assert log.append([]).position == 1
    assert log.head() == 1
