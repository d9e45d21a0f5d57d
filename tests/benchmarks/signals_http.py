"""signals-http: signals in batches of 100 through the real service, detection included.

`casetrail serve` runs on its own database with the shipped policy, once with its worker and once
without. The orders are those of the demonstration, with about seven signals each; every seventh order
has a problem. Many are active at a time, so that a batch is about some seventy orders. The client is a
separate process with encoded bodies. Compared with pgbench, in rows a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from api.composition import desks
from domain.people import Role
from infrastructure.postgres.datastore import connect
from infrastructure.projections.positions import ReportPositions
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
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
from tests.benchmarks.shop_signals import bodies
from tests.benchmarks.supply import supplied

BATCH = 100
CONNECTIONS = 8
PATIENCE_SECONDS = 120.0
CLIENT = str(HERE / "signal_client.py")

TARGETS = {"signals-http": ratio_at_least(0.3, "pgbench")}


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        rows_per_second = stack.enter_context(pgbench(bench.dsn, one_row()))
        bench.say("starting the services")
        whole, alone = (
            stack.enter_context(_service(stack.enter_context(scratch_log(bench.dsn)), words))
            for words in (["--worker"], ["--no-worker"])
        )
        rounds = measure_in_turn(
            bench,
            {
                "pgbench": lambda: rows_per_second(PGBENCH_CLIENTS, bench.seconds),
                "the API alone": lambda: alone(bench.seconds),
                "the service": lambda: whole(bench.seconds),
            },
        )
    against = rounds.against(PGBENCH, "pgbench", "rows/s")
    return [
        Figure(
            name="signals-http",
            value=rounds.value("the API alone"),
            unit="signals/s",
            ratio=rounds.ratio("the API alone", "pgbench"),
            against=against,
        ),
        Figure(
            name="signals-http, worker beside it",
            value=rounds.value("the service"),
            unit="signals/s",
            ratio=rounds.ratio("the service", "pgbench"),
            against=against,
        ),
    ]


@contextmanager
def _service(dsn: str, words: list[str]) -> Iterator[Callable[[float], float]]:
    """Yield a function that measures how many signals a second a service on this database records."""
    token = _token(dsn)
    serve = ["-m", "api", "serve", "--port", "0", *words]
    with (
        run_server(dsn, serve) as address,
        supplied(
            lambda file: [CLIENT, address, token, file, str(CONNECTIONS)], bodies(BATCH)
        ) as per_second,
    ):

        def signals_per_second(seconds: float) -> float:
            found = per_second(seconds)
            if "--worker" in words:
                _wait_for_reports(dsn)  # so that nothing else runs during the next measurement
            return found

        yield signals_per_second


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
