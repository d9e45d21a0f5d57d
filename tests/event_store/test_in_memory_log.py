"""The recorder in memory gives the same results as PostgreSQL for the same appends, so tests and
simulations can use it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, StoredEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.log.recorder import Append, CommandRepeated, CommandRow, Guard, LogRecorder, Timer
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STREAMS = 3

streams = st.integers(0, STREAMS - 1)
appends = st.tuples(
    # Stream, version and one of two texts; no version twice in an append.
    st.lists(
        st.tuples(streams, st.integers(1, 4), st.sampled_from("ab")),
        max_size=4,
        unique_by=lambda event: event[:2],
    ).map(sorted),
    # Stream, and the minute at which it is due, if any.
    st.lists(st.tuples(streams, st.none() | st.integers(0, 3)), max_size=3),
    # Streams that must still be at a version.
    st.lists(st.tuples(streams, st.integers(0, 4)), max_size=1),
    # A command's key and answer.
    st.none() | st.tuples(st.sampled_from("kl"), st.sampled_from("xy")),
)


@settings(
    max_examples=60,
    deadline=None,
    # All examples share the two logs: each example uses new streams and keys.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=st.lists(appends, min_size=1, max_size=8))
def test_the_log_in_memory_gives_the_same_results_as_postgres(
    postgres: PostgresLogRecorder, in_memory: InMemoryLogRecorder, plan: list[object]
) -> None:
    ids = [uuid4() for _ in range(STREAMS)]
    principal = str(uuid4())
    for drawn in plan:
        append = build_append(drawn, ids, principal)
        outcomes = [outcome(recorder, append) for recorder in (postgres, in_memory)]
        assert outcomes[0] == outcomes[1]
        views = [view(recorder, ids, principal) for recorder in (postgres, in_memory)]
        assert views[0] == views[1]
    for recorder in (postgres, in_memory):
        recorder.append(Append([], [Timer(stream, "order", None) for stream in ids]))


def build_append(drawn: object, ids: list[UUID], principal: str) -> Append:
    events, timers, guards, command = drawn  # type: ignore[misc]
    row = command and CommandRow(principal, command[0], b"digest", command[1].encode())
    return Append(
        [StoredEvent(ids[s], version, "t", text.encode()) for s, version, text in events],
        [Timer(ids[s], "order", None if at is None else NOON + at * MINUTE) for s, at in timers],
        [Guard(ids[s], version) for s, version in guards],
        row,
    )


def outcome(recorder: LogRecorder, append: Append) -> object:
    try:
        return recorder.append(append)
    except CommandRepeated as repeated:
        return repeated.taken
    except IntegrityError:  # among them VersionTaken
        return "refused"


def view(recorder: LogRecorder, ids: list[UUID], principal: str) -> list[object]:
    due = [list(recorder.take_due(NOON + at * MINUTE, 100, timedelta(0))) for at in range(4)]
    return [
        recorder.head(),
        recorder.max_notification_id(),
        [list(recorder.select_streams([stream])) for stream in ids],
        [list(recorder.select_tails([(stream, after)])) for stream in ids for after in (0, 1, 3)],
        sorted(recorder.select_tails([(stream, n) for n, stream in enumerate(ids)])),
        sorted(recorder.select_ends(ids)),
        [sorted(some, key=lambda one: (one.due_at, one.stream)) for some in due],
        [recorder.command(principal, key) for key in "kl"],
        [recorder.select_events(stream) for stream in ids],
    ]
