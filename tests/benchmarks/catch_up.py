"""projections: the report `queue` catches up with a log of cases in all their stages.

Compared with the library's own runner, which writes the same rows with one transaction for each
event, and with only reading and decoding the same events.
"""

from __future__ import annotations

import time

import psycopg

from application.log.event_codec import from_state
from application.log.event_log import EventLog
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.projections.runner import BATCH_SIZE, ProjectionRunner
from projections.queue import QUEUE
from tests.benchmarks import library_baseline
from tests.benchmarks.figures import Bench, Figure, measure_in_turn, ratio_at_least
from tests.benchmarks.real_events import fill
from tests.benchmarks.servers import scratch_log

EVENTS = 200_000
FEWER_EVENTS = 60_000
"""What the library's runner gets."""
LOOK_SECONDS = 0.05
_FORGET = (
    "DROP SCHEMA views CASCADE; CREATE SCHEMA views AUTHORIZATION casetrail_projector; "
    "GRANT USAGE ON SCHEMA views TO casetrail_reader; DELETE FROM projections"
)
_READ = (
    b"SELECT notification_id, state FROM stored_events WHERE notification_id > %s "
    b"ORDER BY notification_id LIMIT %s"
)

TARGETS = {"projections": ratio_at_least(20, "the library's runner")}


def run(bench: Bench) -> list[Figure]:
    with scratch_log(bench.dsn) as dsn:
        bench.say(f"writing a log of {EVENTS:,} events")
        recorder = PostgresLogRecorder(Datastore(dsn))
        fill(EventLog(recorder), EVENTS)
        recorder.close()
        library_baseline.copy_log(dsn, FEWER_EVENTS)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        rounds = measure_in_turn(
            bench,
            {
                "ours": lambda: _caught_up(dsn),
                "library": lambda: _library(dsn, bench.seconds),
                "reading": lambda: _reading(dsn),
            },
        )
    return [
        Figure(
            name="projections",
            value=rounds.value("ours"),
            unit="events/s",
            ratio=rounds.ratio("ours", "library"),
            against=rounds.against(
                "the library's runner, one transaction an event", "library", "events/s"
            ),
        ),
        Figure(
            name="projections, and reading alone",
            value=rounds.value("ours"),
            unit="events/s",
            ratio=rounds.ratio("ours", "reading"),
            against=rounds.against("reading and decoding alone", "reading", "events/s"),
        ),
    ]


def _caught_up(dsn: str) -> float:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_FORGET)
    started = time.monotonic()
    ProjectionRunner(dsn, [QUEUE]).catch_up()
    return EVENTS / (time.monotonic() - started)


def _library(dsn: str, seconds: float) -> float:
    """Continue where the round before stopped, or from the start after the end of the log.

    The clock stops when the end is reached.
    """
    with library_baseline.runner(dsn) as runner:
        view = runner.view
        before = view.max_tracking_id("caselog") or 0
        started = time.monotonic()
        done = 0
        while time.monotonic() - started < seconds and before + done < FEWER_EVENTS:
            time.sleep(LOOK_SECONDS)
            done = (view.max_tracking_id("caselog") or 0) - before
        took = time.monotonic() - started
    if before + done >= FEWER_EVENTS - FEWER_EVENTS // 10:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP TABLE stock_queue, stockqueue_tracking")
    return done / took


def _reading(dsn: str) -> float:
    position = 0
    started = time.monotonic()
    with connect(dsn) as connection, connection.cursor(binary=True) as cursor:
        while True:
            cursor.execute(_READ, (position, BATCH_SIZE), prepare=True)
            lines = [from_state(place, state) for place, state in cursor]
            if not lines:
                break
            position = lines[-1].position
    assert position == EVENTS, position
    return EVENTS / (time.monotonic() - started)
