"""signals-http: signals in batches of 100 through the real service, detection included.

A `casetrail serve` on a database of its own, with its worker and without, decided by the policy
that ships. The orders are the demonstration's, seven signals each or so, every seventh with a
problem; many live at a time, so that a batch speaks of about seventy orders. The client is a
process of its own with bodies that were encoded before. Held against pgbench, in rows a second.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from api.composition import desks
from domain.people import Role
from infrastructure.postgres.datastore import connect
from infrastructure.projections.positions import Positions
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.benchmarks.figures import ROUNDS, Bench, Figure, in_turn
from tests.benchmarks.lives_of_orders import write_bodies
from tests.benchmarks.real_events import one_row
from tests.benchmarks.servers import HERE, PGBENCH, PGBENCH_CLIENTS, a_log, asked, pgbench

BATCH = 100
CONNECTIONS = 8
MOST_SIGNALS_A_SECOND = 12_000
"""More than this would run out of bodies."""
PATIENCE_SECONDS = 120.0
SENDING = str(HERE / "sending.py")


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        rows_per_second = stack.enter_context(pgbench(bench.dsn, one_row()))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench.say("making orders")
        bodies = folder / "bodies"
        write_bodies(bodies, round(MOST_SIGNALS_A_SECOND * bench.seconds * (ROUNDS + 1)), BATCH)
        bench.say("starting the services")
        whole, alone = (
            stack.enter_context(_service(stack.enter_context(a_log(bench.dsn)), bodies, words))
            for words in (["--worker"], ["--no-worker"])
        )
        rounds = in_turn(
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
            target="≥ 0.3",
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
def _service(dsn: str, bodies: Path, words: list[str]) -> Iterator[Callable[[float], float]]:
    """Signals a second that a service on this database takes, sent for so many seconds."""
    token = _token(dsn)
    serve = ["-m", "api", "serve", "--port", "0", *words]
    client = [str(bodies), str(CONNECTIONS)]
    with asked(dsn, serve, lambda address: [SENDING, address, token, *client]) as ask:

        def signals_per_second(seconds: float) -> float:
            told = ask(seconds)
            if "--worker" in words:
                _wait_for_reports(dsn)  # the next piece is to be measured alone
            return told["signals"] / told["seconds"]

        signals_per_second(0.5)  # the first requests meet cold caches
        yield signals_per_second


def _wait_for_reports(dsn: str) -> None:
    positions = Positions(dsn)
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
        working.decide_by()
        working.people.add("shop", [Role.INTEGRATOR], working.clock())
        token = working.people.issue_token("shop", working.clock())
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    return token
