"""visible: from the answer of an append to its row in `views.queue`, while a worker runs.

The worker is a process of its own (`casetrail worker`). The benchmark waits for the position and is
woken by a notification. Compared with the library: its runner writes the same row, and its `wait()`
looks for it every 100 ms or less often.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from statistics import median
from uuid import UUID

import psycopg

from application.log.event_log import EventLog
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.databases import scratch_database
from infrastructure.postgres.datastore import Datastore
from infrastructure.projections.positions import ReportPositions
from tests.benchmarks import library_baseline
from tests.benchmarks.figures import Bench, Figure, at_most, percentile_99
from tests.benchmarks.real_events import as_lines, one_case
from tests.benchmarks.servers import scratch_log

LOOKS = 300
LIBRARY_LOOKS = 30
PATIENCE_SECONDS = 10.0

TARGETS = {"visible": at_most(10, "ms")}


def run(bench: Bench) -> list[Figure]:
    with _ours(bench.dsn) as ours, _library(bench.dsn) as library:
        for look in (ours, library):
            look()  # the first one runs while everything is still starting
        mine: list[float] = []
        theirs: list[float] = []
        for _ in range(LIBRARY_LOOKS):
            bench.say(f"{len(mine)} of {LOOKS} looks")
            theirs.append(library())
            for _ in range(LOOKS // LIBRARY_LOOKS):
                time.sleep(random.uniform(0.001, 0.02))
                mine.append(ours())
    against = f"the library's wait(): {median(theirs):.0f} ms"
    against_late = f"the library's wait(), 99th percentile: {percentile_99(theirs):.0f} ms"
    return [
        Figure(
            name="visible",
            value=median(mine),
            unit="ms, median",
            ratio=median(mine) / median(theirs),
            against=against,
        ),
        Figure(
            name="visible, late",
            value=percentile_99(mine),
            unit="ms, 99th percentile",
            ratio=percentile_99(mine) / percentile_99(theirs),
            against=against_late,
        ),
    ]


@contextmanager
def _ours(dsn: str) -> Iterator[Callable[[], float]]:
    """Yield a function that appends a case and returns the milliseconds until it is in the queue."""
    with scratch_log(dsn) as scratch:
        work = [sys.executable, "-m", "api", "worker", "--until-eof"]
        environment = {**os.environ, "DATABASE_URL": scratch}
        with (
            subprocess.Popen(work, env=environment, stdin=subprocess.PIPE) as worker,
            psycopg.connect(scratch, autocommit=True) as reader,
        ):
            recorder = PostgresLogRecorder(Datastore(scratch))
            log = EventLog(recorder)
            positions = ReportPositions(scratch)
            numbers = count(1)

            def look() -> float:
                write = one_case(next(numbers))
                appended = log.append([write])
                answered = time.monotonic()
                seen = positions.wait("queue", appended.position, PATIENCE_SECONDS)
                took = time.monotonic() - answered
                assert seen
                _must_be_there(reader, "views.queue", write.stream)
                return took * 1_000

            try:
                yield look
            finally:
                positions.close()
                recorder.close()
                worker.terminate()


@contextmanager
def _library(dsn: str) -> Iterator[Callable[[], float]]:
    """Do the same with the library's application and its runner."""
    with (
        scratch_database(dsn, "library") as scratch,
        library_baseline.runner(scratch) as runner,
        psycopg.connect(scratch, autocommit=True) as reader,
    ):
        numbers = count(1)

        def look() -> float:
            write = one_case(next(numbers))
            recordings = runner.app.events.put(as_lines(write))
            answered = time.monotonic()
            runner.wait(recordings[-1].notification.id, PATIENCE_SECONDS)
            took = time.monotonic() - answered
            _must_be_there(reader, "stock_queue", write.stream)
            return took * 1_000

        yield look


def _must_be_there(
    reader: psycopg.Connection[tuple[object, ...]], table: str, case_id: UUID
) -> None:
    found = reader.execute(f"SELECT FROM {table} WHERE case_id = %s", (case_id,)).fetchone()
    assert found is not None, f"{case_id} is not in {table}"
