"""Optimistic concurrency: on each stream one append wins each version, and its versions have no gaps
(invariant I6); the streams of one append are written together or not at all."""

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
from tests.event_store.writing import answers, answers_of_a_group, append_of, event, stored

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


def test_a_version_that_is_taken_is_refused(recorder: LogRecorder) -> None:
    stream = uuid4()
    first = event(stream, 1)
    assert recorder.append(Append([first])) == 1
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1)))
    assert texts(recorder) == [first.state]


def test_the_same_bytes_do_not_get_in_twice(recorder: LogRecorder) -> None:
    """Two who decide the same at the same moment: one of them is told that he was too late."""
    stream = uuid4()
    assert recorder.append(append_of(event(stream, 1, "same"))) == 1
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1, "same")))
    assert len(texts(recorder)) == 1


def test_what_is_acknowledged_is_stored_to_the_last_event(recorder: LogRecorder) -> None:
    """Also where the first event of the append is like one that is there already."""
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


def test_one_append_does_not_name_a_version_twice(recorder: LogRecorder) -> None:
    stream = uuid4()
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1), event(stream, 1)))
    assert recorder.head() == 0


def test_a_stream_has_no_gaps(recorder: LogRecorder) -> None:
    """As by a node whose memory is ahead of a log that was restored from a backup."""
    stream = uuid4()
    recorder.append(append_of(event(stream, 1)))
    with pytest.raises(IntegrityError):
        recorder.append(append_of(event(stream, 3)))
    with pytest.raises(IntegrityError):
        recorder.append(append_of(event(uuid4(), 2)))
    assert recorder.head() == 1


def test_a_write_without_events_is_refused_too_when_its_stream_has_moved_on(log: EventLog) -> None:
    """A timer that was set on an old state would overwrite a newer one: a deadline would be missed.

    This is what the timekeeper writes for an order that is due and has nothing to tell.
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


def test_of_rivals_for_a_version_one_wins(recorder: LogRecorder) -> None:
    stream = uuid4()
    for version in range(1, 11):
        rivals = [event(stream, version) for _ in range(8)]
        came_out = answers([partial(recorder.append, Append([rival])) for rival in rivals])
        won = [n for n, one in enumerate(came_out) if one == version]
        assert len(won) == 1
        assert [type(one) for one in came_out].count(VersionTaken) == 7
        assert texts(recorder)[-1] == rivals[won[0]].state


@pytest.mark.parametrize("text", [None, "same"])
def test_of_rivals_in_one_group_one_wins(
    postgres: PostgresLogRecorder, dsn: str, text: str | None
) -> None:
    stream = uuid4()
    rivals = [event(stream, 1, text) for _ in range(30)]
    came_out = answers_of_a_group(dsn, [partial(postgres.append, Append([r])) for r in rivals])
    assert [one for one in came_out if not isinstance(one, VersionTaken)] == [1]
    assert stored(dsn) == [(1, rivals[came_out.index(1)].state)]


def test_rivals_do_not_harm_the_others_in_their_group(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    old, contested = uuid4(), uuid4()
    postgres.append(append_of(event(old)))
    too_late = [append_of(event(), event(old)) for _ in range(5)]
    rivals = [append_of(event(), event(contested)) for _ in range(5)]
    free = [append_of(event(), event()) for _ in range(20)]
    calls = [partial(postgres.append, append) for append in (*too_late, *rivals, *free)]
    came_out = answers_of_a_group(dsn, calls)
    assert [type(one) for one in came_out[:5]] == [VersionTaken] * 5
    assert [type(one) for one in came_out[5:10]].count(VersionTaken) == 4
    places = dict(stored(dsn))
    assert sorted(places) == [*range(1, 2 + 2 + 40)]
    for first, append in zip(came_out[10:], free, strict=True):
        assert isinstance(first, int)
        assert [places[first], places[first + 1]] == [one.state for one in append.events]


def test_what_was_decided_upon_has_not_moved_on(recorder: LogRecorder) -> None:
    stream, other = uuid4(), uuid4()
    recorder.append(Append([event(other)], guards=[Guard(stream, 0)]))
    recorder.append(append_of(event(stream, 1)))
    recorder.append(Append([event(other, 2)], guards=[Guard(stream, 1)]))
    with pytest.raises(VersionTaken):
        recorder.append(Append([event(other, 3)], guards=[Guard(stream, 0)]))
    # What the append itself writes to the stream is no reason to refuse it.
    recorder.append(Append([event(stream, 2)], guards=[Guard(stream, 1)]))
    assert recorder.head() == 4


def test_in_one_group_too_nothing_is_stored_after_what_it_was_decided_upon_has_moved_on(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    stream = uuid4()
    postgres.append(append_of(event(stream, 1)))
    relying = [Append([event()], guards=[Guard(stream, 1)]) for _ in range(20)]
    moving = append_of(event(stream, 2))
    calls = [partial(postgres.append, one) for one in (*relying[:10], moving, *relying[10:])]
    came_out = answers_of_a_group(dsn, calls)
    moved = came_out.pop(10)
    assert isinstance(moved, int)
    before = [one for one in came_out if isinstance(one, int)]
    assert [type(one) for one in came_out].count(VersionTaken) == len(came_out) - len(before)
    assert all(position < moved for position in before)
    assert len(stored(dsn)) == 1 + 1 + len(before)


def test_of_two_processes_that_write_the_same_one_wins(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    other = PostgresLogRecorder(Datastore(dsn))
    stream = uuid4()
    for version in range(1, 21):
        same = append_of(event(stream, version, "same"))
        came_out = answers([partial(one.append, same) for one in (postgres, other)])
        assert sorted(map(str, map(type, came_out))) == [str(VersionTaken), str(int)]
    other.close()


def test_a_long_append_is_one_append(recorder: LogRecorder) -> None:
    """More than a group may hold: a group takes at least one."""
    stream = uuid4()
    events = [event(stream, version) for version in range(1, 5_001)]
    assert recorder.append(append_of(event())) == 1
    assert recorder.append(Append(events)) == 2
    assert recorder.head() == 5_001
    assert [s for _, s in recorder.select_streams([stream])] == [e.state for e in events]


def test_reading_a_stream_gives_each_event_once_and_in_order(recorder: LogRecorder) -> None:
    one, two, none = uuid4(), uuid4(), uuid4()
    for version in (1, 2, 3):
        recorder.append(append_of(event(one, version, f"1/{version}"), event(two, version, "-")))
    read = list(recorder.select_streams([one, none, one]))
    assert [position for position, _ in read] == [1, 3, 5]
    assert [state for _, state in read] == [b'{"text":"1/%d"}' % v for v in (1, 2, 3)]


def test_the_log_says_where_its_lines_went(log: EventLog) -> None:
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
