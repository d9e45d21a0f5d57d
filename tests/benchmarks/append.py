"""append: many callers at once, each of which appends one real event to the log at a time.

Compared with the practical limit of the server (pgbench inserts the same bytes, one row in each
transaction) and with the library's own recorder. All of it is durable when it is answered.
"""

from __future__ import annotations

from application.log.event_codec import to_stored
from application.log.event_log import EventLog
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.databases import scratch_database
from infrastructure.postgres.datastore import Datastore
from tests.benchmarks import library_baseline
from tests.benchmarks.figures import Bench, Figure, measure_in_turn, per_second, ratio_at_least
from tests.benchmarks.real_events import as_lines, one_row, one_signal
from tests.benchmarks.servers import PGBENCH, PGBENCH_CLIENTS, pgbench, scratch_log

CALLERS = 64
LIBRARY_THREADS = 8

TARGETS = {
    "append": ratio_at_least(1.0, "pgbench"),
    "append, and the library": ratio_at_least(10, "the library"),
}


def run(bench: Bench) -> list[Figure]:
    with (
        scratch_log(bench.dsn) as dsn,
        scratch_database(bench.dsn, "library") as other,
        library_baseline.recorder(other) as library,
        pgbench(bench.dsn, one_row()) as rows_per_second,
    ):
        recorder = PostgresLogRecorder(Datastore(dsn))
        log = EventLog(recorder)

        def ours() -> None:
            log.append([one_signal()])

        def theirs() -> None:
            library.insert_events([to_stored(line) for line in as_lines(one_signal())])

        seconds = bench.seconds
        try:
            rounds = measure_in_turn(
                bench,
                {
                    "ours": lambda: per_second(ours, CALLERS, seconds),
                    "pgbench": lambda: rows_per_second(PGBENCH_CLIENTS, seconds),
                    "library": lambda: per_second(theirs, LIBRARY_THREADS, seconds),
                    "ours alone": lambda: per_second(ours, 1, seconds / 2),
                    "pgbench alone": lambda: rows_per_second(1, seconds / 2),
                },
            )
        finally:
            recorder.close()
    return [
        Figure(
            name="append",
            value=rounds.value("ours"),
            unit="appends/s",
            ratio=rounds.ratio("ours", "pgbench"),
            against=rounds.against(PGBENCH, "pgbench", "rows/s"),
        ),
        Figure(
            name="append, and the library",
            value=rounds.value("ours"),
            unit="appends/s",
            ratio=rounds.ratio("ours", "library"),
            against=rounds.against(
                f"the library's recorder, {LIBRARY_THREADS} threads", "library", "appends/s"
            ),
        ),
        Figure(
            name="append, 1 caller",
            value=rounds.value("ours alone"),
            unit="appends/s",
            ratio=rounds.ratio("ours alone", "pgbench alone"),
            against=rounds.against("pgbench, 1 client", "pgbench alone", "rows/s"),
        ),
    ]
