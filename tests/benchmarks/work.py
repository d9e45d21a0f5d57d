"""work: claim, wait, resume and resolve over HTTP, each on a case of its own, by 32 clients.

A `casetrail serve` without a worker. Compared with a bare asynchronous Litestar handler that inserts
one row through psycopg, with the same client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import repeat
from uuid import UUID

from api.composition import Desks, desks
from domain.people import Role
from infrastructure.postgres.databases import scratch_database
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.benchmarks.figures import Bench, Figure, measure_in_turn, ratio_at_least
from tests.benchmarks.real_events import one_case
from tests.benchmarks.servers import HERE, run_server, scratch_log
from tests.benchmarks.supply import supplied

CLIENTS = 32
AT_ONCE = 500
CLIENT = str(HERE / "http_client.py")
WORK = (
    ("claim", None),
    ("wait", {"dependency": "carrier", "party": "dhl"}),
    ("resume", {"note": "They called back."}),
    (
        "resolve",
        {"reason": "resolved_as_expected", "root_cause": "upstream_data", "evidence": ["dhl/1"]},
    ),
)
FIRST_VERSION = 3
"""Of a case that was opened: detected, enriched, routed."""

TARGETS = {"work": ratio_at_least(0.7, "a bare handler")}


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        bench.say("opening cases")
        dsn = stack.enter_context(scratch_log(bench.dsn))
        working = stack.enter_context(desks(dsn))
        token = _token(dsn, working)
        row = json.dumps([_request("/rows", json.dumps(WORK[1][1]))] * len(WORK)).encode()
        other = stack.enter_context(scratch_database(bench.dsn, "bare"))
        serve = ["-m", "api", "serve", "--port", "0", "--no-worker"]
        ours = stack.enter_context(_measured(dsn, serve, _work(working, token)))
        bare = stack.enter_context(_measured(other, [str(HERE / "bare_handler.py")], repeat(row)))
        rounds = measure_in_turn(
            bench, {"ours": lambda: ours(bench.seconds), "bare": lambda: bare(bench.seconds)}
        )
    return [
        Figure(
            name="work",
            value=rounds.value("ours"),
            unit="commands/s",
            ratio=rounds.ratio("ours", "bare"),
            against=rounds.against(
                f"a bare handler that inserts a row, {CLIENTS} clients", "bare", "requests/s"
            ),
        )
    ]


def _token(dsn: str, working: Desks) -> str:
    working.ensure_policy()
    working.people.add("ana", [Role.HANDLER], working.clock())
    token = working.people.issue_token("ana", working.clock())
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    return token


def _work(working: Desks, token: str) -> Iterator[bytes]:
    """Yield all the work on one case after another; cases are opened when needed."""
    while True:
        writes = [one_case(number, working.clock()) for number in range(AT_ONCE)]
        working.log.append(writes)
        for write in writes:
            yield json.dumps(_work_on(write.stream, token)).encode()


def _work_on(case: UUID, token: str) -> list[str]:
    return [
        _request(
            f"/v1/cases/{case}/{command}",
            json.dumps(body) if body is not None else "",
            Authorization=f"Bearer {token}",
            **{"If-Match": f'"{version}"'},
        )
        for version, (command, body) in enumerate(WORK, start=FIRST_VERSION)
    ]


def _request(path: str, body: str, **headers: str) -> str:
    fields = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    head = "\r\n".join(f"{name}: {value}" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n\r\n{body}"


@contextmanager
def _measured(
    dsn: str, words: list[str], lines: Iterator[bytes]
) -> Iterator[Callable[[float], float]]:
    """Yield a function that measures how many requests a second a server on this database answers."""
    with (
        run_server(dsn, words) as address,
        supplied(lambda file: [CLIENT, address, file, str(CLIENTS)], lines) as per_second,
    ):
        yield per_second
