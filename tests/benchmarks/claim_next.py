"""claim-next: the right next case out of a queue of 100,000, and out of one of 1,000.

The measured time is that of the query of the queue and of the claim on the case's stream. Each claim
waits until the reports include the claim before, like the next request of a person.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count

from api.composition import Desks, desks, prepare_database
from application.log.caller import Caller
from infrastructure.projections.positions import ReportPositions
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.reports.queries import Reports
from projections import PROJECTIONS
from tests.benchmarks.figures import Bench, Figure, percentile_99, ratio_at_most
from tests.benchmarks.real_events import ANA, one_case
from tests.benchmarks.servers import scratch_log

FEW, MANY = 1_000, 100_000
CLAIMS = 400
AT_ONCE = 500
CANDIDATES = 200
PATIENCE_SECONDS = 10.0

TARGETS = {"claim-next of 100,000": ratio_at_most(2.0, "of 1,000")}


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        pieces = {}
        for size in (FEW, MANY):
            bench.say(f"opening {size:,} cases")
            pieces[size] = stack.enter_context(_queue_of(bench, size))
        took: dict[int, list[float]] = {FEW: [], MANY: []}
        for claims in range(CLAIMS):
            bench.say(f"{claims} of {CLAIMS} claims")
            for size, claim in pieces.items():
                took[size].append(claim())
    few, many = percentile_99(took[FEW]), percentile_99(took[MANY])
    return [
        Figure(
            name="claim-next of 100,000",
            value=many,
            unit="ms, 99th percentile",
            ratio=many / few,
            against=f"of 1,000: {few:.3g} ms, 99th percentile",
        )
    ]


@contextmanager
def _queue_of(bench: Bench, size: int) -> Iterator[Callable[[], float]]:
    """Fill a queue with so many open cases; yield a function that times a claim of the next one."""
    with scratch_log(bench.dsn) as dsn:
        prepare_database(dsn)
        with desks(dsn) as working:
            working.ensure_policy()
            for first in range(0, size, AT_ONCE):
                working.log.append([one_case(first + n, working.clock()) for n in range(AT_ONCE)])
            runner = ProjectionRunner(dsn, PROJECTIONS)
            runner.catch_up()
            with working.datastore.get_connection() as connection:
                connection.execute("ANALYZE")
            working.recorder.announcer.subscribe(runner.wake)
            keeping = threading.Thread(target=runner.run, daemon=True)
            keeping.start()
            positions = ReportPositions(dsn)
            try:
                yield _claims(working, positions)
            finally:
                positions.close()
                runner.close()
                keeping.join()


def _claims(working: Desks, positions: ReportPositions) -> Callable[[], float]:
    reports = Reports(working.datastore)
    pressing = working.policy.current.document.priorities.clock
    numbers = count(1)

    def claim() -> float:
        by = Caller(ANA, "ana", datetime.now(UTC), f"command:{next(numbers)}")
        started = time.monotonic()
        candidates = reports.next_case_for(
            "ana", (), "payment_hold_review", CANDIDATES, working.clock(), pressing
        )
        done = working.cases.claim_next(candidates, by)
        took = time.monotonic() - started
        assert done is not None
        assert positions.wait("queue", done.position, PATIENCE_SECONDS)
        return took * 1_000

    return claim
