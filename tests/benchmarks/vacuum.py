"""vacuum: the slowest append while a VACUUM of the log runs.

The VACUUM is slowed down to some seconds, as on a far larger log. Compared with the slowest append
without a VACUUM, and with the library's recorder during a VACUUM of its own table with as many rows,
which waits for the end of the VACUUM.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil

import psycopg

from application.log.event_codec import to_stored
from application.log.event_log import EventLog
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.benchmarks import library_baseline
from tests.benchmarks.figures import Bench, Figure, at_most, measure_in_turn
from tests.benchmarks.real_events import as_lines, fill, one_signal
from tests.benchmarks.servers import scratch_log

EVENTS = 200_000
CALLERS = 4
DELAY_MILLISECONDS = 20
"""How long VACUUM rests each time it has used up its allowance of pages."""
ROUNDS = 3

TARGETS = {"vacuum": at_most(100, "ms")}


def run(bench: Bench) -> list[Figure]:
    with scratch_log(bench.dsn) as dsn:
        bench.say(f"writing a log of {EVENTS:,} events")
        recorder = PostgresLogRecorder(Datastore(dsn))
        log = EventLog(recorder)
        fill(log, EVENTS)
        library_baseline.copy_log(dsn, EVENTS)
        with library_baseline.recorder(dsn) as library:

            def ours() -> None:
                log.append([one_signal()])

            def theirs() -> None:
                library.insert_events([to_stored(line) for line in as_lines(one_signal())])

            def rest() -> None:
                time.sleep(bench.seconds)

            def vacuum(table: str) -> Callable[[], None]:
                return lambda: _vacuum(dsn, table, bench.seconds)

            for table in ("stored_events", library_baseline.EVENTS):
                _vacuum(dsn, table, 0)  # the first VACUUM has far more to do than later ones
            try:
                rounds = measure_in_turn(
                    bench,
                    {
                        "rest": lambda: _slowest(ours, rest),
                        "ours": lambda: _slowest(ours, vacuum("stored_events")),
                        "library": lambda: _slowest(theirs, vacuum(library_baseline.EVENTS)),
                    },
                    ROUNDS,
                )
            finally:
                recorder.close()
    slowest = rounds.value("ours")
    return [
        Figure(
            name="vacuum",
            value=slowest,
            unit="ms, slowest append",
            ratio=rounds.ratio("ours", "rest"),
            against=rounds.against("without a VACUUM", "rest", "ms"),
        ),
        Figure(
            name="vacuum, and the library",
            value=slowest,
            unit="ms, slowest append",
            ratio=rounds.ratio("ours", "library"),
            against=rounds.against("the library's recorder", "library", "ms"),
        ),
    ]


def _slowest(act: Callable[[], None], meanwhile: Callable[[], None]) -> float:
    """Milliseconds of the slowest act while `meanwhile` runs."""
    done = threading.Event()

    def call(_: int) -> float:
        slowest = 0.0
        while not done.is_set():
            started = time.monotonic()
            act()
            slowest = max(slowest, time.monotonic() - started)
        return slowest

    with ThreadPoolExecutor(CALLERS) as threads:
        slowest = threads.map(call, range(CALLERS))
        try:
            meanwhile()
        finally:
            done.set()
        return max(slowest) * 1_000


def _vacuum(dsn: str, table: str, seconds: float) -> None:
    """VACUUM all pages of the table in about so many seconds; 0 means as fast as possible."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_relation_size(%s) / current_setting('block_size')::int", (table,)
        ).fetchone()
        assert row is not None
        if seconds:
            pages_at_once = ceil(row[0] * DELAY_MILLISECONDS / 1_000 / seconds)
            connection.execute(f"SET vacuum_cost_limit = {min(max(pages_at_once, 1), 10_000)}")
            connection.execute(f"SET vacuum_cost_delay = {DELAY_MILLISECONDS}")
            for page in ("hit", "miss", "dirty"):
                connection.execute(f"SET vacuum_cost_page_{page} = 1")
        connection.execute(f"VACUUM (DISABLE_PAGE_SKIPPING) {table}")
