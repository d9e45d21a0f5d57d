"""Read the log and the reports from the database, and compare them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from msgspec import structs
from psycopg.rows import class_row

from application.log.event_log import EventLog
from domain.cases.events import Detected, Enriched
from domain.orders.events import ProblemDetected, SignalRecorded
from domain.orders.same_values import values_of
from domain.recorded_event import RecordedEvent
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from projections import PROJECTIONS
from projections.projection import AnyProjection
from tests.intact_logs import assert_log_is_intact
from tests.survival.programs import eventually

PAGE = 5_000


def whole_log(dsn: str) -> list[RecordedEvent]:
    """Read every line; check that positions are dense, that streams have no gaps, and that the log is
    intact."""
    recorder = PostgresLogRecorder(Datastore(dsn))
    log = EventLog(recorder)
    lines: list[RecordedEvent] = []
    try:
        head = -1
        while head != len(lines):  # a worker that checks the queues may add a line meanwhile
            while page := log.read(len(lines), PAGE):
                lines += page
            head = log.head()
            assert head >= len(lines)
    finally:
        recorder.close()
    assert [line.position for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) == head
    versions: Counter[object] = Counter()
    for line in lines:
        versions[line.stream] += 1
        assert line.version == versions[line.stream], f"{line.stream} has a gap at {line.position}"
    assert_log_is_intact(dsn)
    return lines


def signals_in(lines: Iterable[RecordedEvent]) -> Counter[tuple[str, str]]:
    """How often the log has each signal, by order and key."""
    return Counter(
        (line.event.signal.order, line.event.signal.key)
        for line in lines
        if isinstance(line.event, SignalRecorded)
    )


def problems_in(lines: Iterable[RecordedEvent]) -> Counter[tuple[str, str]]:
    """How often each kind of problem was found on each order."""
    return Counter(
        (line.order or "", line.event.kind)
        for line in lines
        if isinstance(line.event, ProblemDetected)
    )


def assert_no_case_is_doubled(lines: Sequence[RecordedEvent]) -> None:
    opened = [line for line in lines if isinstance(line.event, Detected)]
    names = Counter(
        (line.order, line.event.kind, line.event.occurrence)
        for line in opened
        if isinstance(line.event, Detected)
    )
    assert [name for name, count in names.items() if count > 1] == []
    enriched = Counter(line.stream for line in lines if isinstance(line.event, Enriched))
    assert enriched == Counter(line.stream for line in opened)


def head_of(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT position FROM log_head").fetchone()
    assert row is not None
    return int(row[0])


def wait_for_reports(dsn: str, within: float, names: Sequence[str] = ()) -> None:
    """Wait until the live reports have reached the current head of the log."""
    head = head_of(dsn)
    wanted = [*names] or [projection.name for projection in PROJECTIONS]
    seen: list[tuple[str, int]] = []

    def are_current() -> bool:
        with psycopg.connect(dsn) as connection:
            seen[:] = connection.execute(
                "SELECT name, position FROM projections WHERE live AND name = ANY(%s)", (wanted,)
            ).fetchall()
        return len(seen) == len(wanted) and all(position >= head for _, position in seen)

    try:
        eventually(f"{', '.join(wanted)} at {head}", are_current, within)
    except AssertionError as error:
        raise AssertionError(f"{error}; they are at {dict(seen)}") from None


def fold_report(projection: AnyProjection, lines: Iterable[RecordedEvent]) -> dict[object, Any]:
    """The rows of the report, computed by a plain fold over the log."""
    rows: dict[object, Any] = {}
    for line in lines:
        key = projection.key(line)
        if key is None:
            continue
        row = projection.fold(rows.get(key), line)
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
    return rows


def read_report(projection: AnyProjection, dsn: str) -> dict[object, Any]:
    """The rows of the report, read from its view."""
    view = f"SELECT * FROM views.{projection.name}"
    with psycopg.connect(dsn, row_factory=class_row(projection.row)) as connection:
        rows = connection.execute(view.encode()).fetchall()
    return {structs.astuple(row)[0]: row for row in rows}


def assert_reports_equal_their_folds(
    dsn: str, lines: Sequence[RecordedEvent], projections: Sequence[AnyProjection] = PROJECTIONS
) -> None:
    """Compare reports and folds row by row.

    The reports must have reached the head, and nothing may append to the log, except a worker that
    records that a queue has fallen behind.
    """
    while wrong := [(p.name, row) for p in projections for row in _differences(dsn, lines, p)]:
        now = whole_log(dsn)
        added = {line.type.partition(".")[0] for line in now[len(lines) :]}
        assert added == {"recovery"}, wrong
        lines = now
        wait_for_reports(dsn, 10, [projection.name for projection in projections])


def _differences(
    dsn: str, lines: Sequence[RecordedEvent], projection: AnyProjection
) -> list[tuple[Any, Any]]:
    """The rows that differ: what the report has, and what it should have. The database has lists where a fold has
    tuples."""
    expected, found = fold_report(projection, lines), read_report(projection, dsn)
    keys = [*{**expected, **found}]
    pairs = [(found.get(k), expected.get(k)) for k in keys]
    return [(one, other) for one, other in pairs if values_of(one) != values_of(other)]


def assert_nothing_is_due(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT stream, due_at, leased_until FROM timers WHERE due_at <= clock_timestamp()"
        ).fetchall()
    assert rows == []
