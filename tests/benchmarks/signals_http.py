"""signals-http: signals in batches of 100 through the real service, detection included.

`casetrail serve` runs on its own database with the shipped policy: with flat orders (one line, one
payment, one parcel), once with its worker and once without, and with orders of three lines, two captures
and two parcels. Every seventh order has a problem. Many orders are active at a time, so that a batch is
about some seventy. The client is a separate process with encoded bodies. Compared with pgbench, in rows a
second; flat orders also with version 0, whose checkout serves the same bodies in the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from api.composition import desks
from domain.people import Role
from infrastructure.postgres.databases import scratch_database
from infrastructure.postgres.datastore import connect
from infrastructure.projections.positions import ReportPositions
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.benchmarks.earlier_version import VERSION_0, tree_of_version_0
from tests.benchmarks.figures import Bench, Figure, measure_in_turn, ratio_at_least
from tests.benchmarks.real_events import one_row
from tests.benchmarks.servers import (
    HERE,
    PGBENCH,
    PGBENCH_CLIENTS,
    pgbench,
    run_server,
    scratch_log,
)
from tests.benchmarks.shop_signals import flat_bodies, shaped_bodies
from tests.benchmarks.supply import supplied

BATCH = 100
CONNECTIONS = 8
PATIENCE_SECONDS = 120.0
CLIENT = str(HERE / "signal_client.py")
SERVE = ("-m", "api", "serve", "--port", "0")
ALONE = "the API alone"
WHOLE = "the service"
SHAPED = "three lines, two parcels"
EARLIER = f"version 0 ({VERSION_0})"
_TOKEN_OF_VERSION_0 = """
import os
from api.composition import desks
from domain.people import Role
from infrastructure.event_store.migrations import migrate
from infrastructure.projection_runner import ProjectionRunner
from projections import PROJECTIONS
dsn = os.environ["DATABASE_URL"]
migrate(dsn)
with desks(dsn) as working:
    working.decide_by()
    working.people.add("shop", [Role.INTEGRATOR], working.clock())
    token = working.people.issue_token("shop", working.clock())
ProjectionRunner(dsn, PROJECTIONS).catch_up()
print(token)
"""

TARGETS = {
    "signals-http": ratio_at_least(0.3, "pgbench"),
    "signals-http, three lines and two parcels": ratio_at_least(0.22, "pgbench"),
    "signals-http, as version 0": ratio_at_least(1.0, "version 0"),
}


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        rows_per_second = stack.enter_context(pgbench(bench.dsn, one_row()))
        bench.say("starting the services")

        def service(words: Sequence[str], bodies: Iterator[bytes]) -> Callable[[float], float]:
            log = stack.enter_context(scratch_log(bench.dsn))
            return stack.enter_context(_service(log, words, bodies))

        measures = {
            "pgbench": lambda: rows_per_second(PGBENCH_CLIENTS, bench.seconds),
            ALONE: _timed(service(["--no-worker"], flat_bodies(BATCH)), bench),
            WHOLE: _timed(service(["--worker"], flat_bodies(BATCH)), bench),
            SHAPED: _timed(service(["--no-worker"], shaped_bodies(BATCH)), bench),
        }
        tree = stack.enter_context(tree_of_version_0())
        if tree is not None:
            empty = stack.enter_context(scratch_database(bench.dsn, "bench"))
            measures[EARLIER] = _timed(stack.enter_context(_earlier_service(empty, tree)), bench)
        rounds = measure_in_turn(bench, measures)
    against = rounds.against(PGBENCH, "pgbench", "rows/s")
    named = {
        "signals-http": ALONE,
        "signals-http, worker beside it": WHOLE,
        "signals-http, three lines and two parcels": SHAPED,
    }
    figures = [
        Figure(
            name=name,
            value=rounds.value(what),
            unit="signals/s",
            ratio=rounds.ratio(what, "pgbench"),
            against=against,
        )
        for name, what in named.items()
    ]
    if tree is None:
        bench.say(f"no commit {VERSION_0} here: flat orders are not compared with version 0")
        return figures
    compared = Figure(
        name="signals-http, as version 0",
        value=rounds.value(ALONE),
        unit="signals/s",
        ratio=rounds.ratio(ALONE, EARLIER),
        against=rounds.against("the same bodies", EARLIER, "signals/s"),
    )
    return [*figures, compared]


def _timed(per_second: Callable[[float], float], bench: Bench) -> Callable[[], float]:
    return lambda: per_second(bench.seconds)


@contextmanager
def _service(
    dsn: str, words: Sequence[str], bodies: Iterator[bytes]
) -> Iterator[Callable[[float], float]]:
    """Yield a function that measures how many signals a second a service on this database records."""
    token = _token(dsn)
    with _measured(dsn, [*SERVE, *words], token, bodies) as per_second:

        def signals_per_second(seconds: float) -> float:
            found = per_second(seconds)
            if "--worker" in words:
                _wait_for_reports(dsn)  # so that nothing else runs during the next measurement
            return found

        yield signals_per_second


@contextmanager
def _measured(
    dsn: str, serve: Sequence[str], token: str, bodies: Iterator[bytes], tree: Path | None = None
) -> Iterator[Callable[[float], float]]:
    with (
        run_server(dsn, serve, tree) as address,
        supplied(
            lambda file: [CLIENT, address, token, file, str(CONNECTIONS)], bodies
        ) as per_second,
    ):
        yield per_second


@contextmanager
def _earlier_service(dsn: str, tree: Path) -> Iterator[Callable[[float], float]]:
    """The same for the checkout of version 0, which migrates the database itself."""
    made = subprocess.run(
        [sys.executable, "-c", _TOKEN_OF_VERSION_0],
        cwd=tree,
        env={**os.environ, "DATABASE_URL": dsn},
        capture_output=True,
        text=True,
        check=True,
    )
    token = made.stdout.split()[-1]
    with _measured(dsn, [*SERVE, "--no-worker"], token, flat_bodies(BATCH), tree) as per_second:
        yield per_second


def _wait_for_reports(dsn: str) -> None:
    positions = ReportPositions(dsn)
    try:
        with connect(dsn) as connection:
            row = connection.execute("SELECT position FROM log_head").fetchone()
        assert row is not None
        for projection in PROJECTIONS:
            assert positions.wait(projection.name, row[0], PATIENCE_SECONDS), projection.name
    finally:
        positions.close()


def _token(dsn: str) -> str:
    with desks(dsn) as working:
        working.ensure_policy()
        working.people.add("shop", [Role.INTEGRATOR], working.clock())
        token = working.people.issue_token("shop", working.clock())
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    return token
