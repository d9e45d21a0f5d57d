"""work: claim, wait, resume and resolve over HTTP, each on a case of its own, by 32 clients.

A `casetrail serve` without a worker. Held against a bare asynchronous Litestar handler that inserts
one row through psycopg, asked by the same client.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

from api.composition import desks
from domain.people import Role
from infrastructure.postgres.databases import scratch_database
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.benchmarks.figures import ROUNDS, Bench, Figure, in_turn
from tests.benchmarks.real_events import one_case
from tests.benchmarks.servers import HERE, a_log, asked

CLIENTS = 32
CASES_A_SECOND = 1_500
"""More than this would run out of cases."""
ROWS_A_SECOND = 8_000
AT_ONCE = 500
ASKING = str(HERE / "asking.py")
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


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        seconds = bench.seconds * (ROUNDS + 1)
        bench.say("opening cases")
        dsn = stack.enter_context(a_log(bench.dsn))
        work = folder / "work"
        _write_work(dsn, work, round(CASES_A_SECOND * seconds))
        rows = folder / "rows"
        body = json.dumps(WORK[1][1])
        line = json.dumps([_request("/rows", body)] * 4)
        rows.write_text(f"{line}\n" * round(ROWS_A_SECOND * seconds / 4))
        other = stack.enter_context(scratch_database(bench.dsn, "bare"))
        serve = ["-m", "api", "serve", "--port", "0", "--no-worker"]
        ours = stack.enter_context(_asked(dsn, serve, work))
        bare = stack.enter_context(_asked(other, [str(HERE / "bare_handler.py")], rows))
        rounds = in_turn(
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
            target="≥ 0.7",
        )
    ]


def _write_work(dsn: str, file: Path, cases: int) -> None:
    """Open so many cases; each line of the file is all the work on one of them."""
    with desks(dsn) as working, file.open("w") as lines:
        working.decide_by()
        working.people.add("ana", [Role.HANDLER], working.clock())
        token = working.people.issue_token("ana", working.clock())
        for first in range(0, cases, AT_ONCE):
            writes = [one_case(first + n, working.clock()) for n in range(AT_ONCE)]
            working.log.append(writes)
            lines.writelines(f"{json.dumps(_work(w.stream, token))}\n" for w in writes)
    ProjectionRunner(dsn, PROJECTIONS).catch_up()


def _work(case: UUID, token: str) -> list[str]:
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
    told = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    head = "\r\n".join(f"{name}: {value}" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n\r\n{body}"


@contextmanager
def _asked(dsn: str, words: list[str], file: Path) -> Iterator[Callable[[float], float]]:
    """Requests a second that a server on this database answers."""
    with asked(dsn, words, lambda address: [ASKING, address, str(file), str(CLIENTS)]) as ask:

        def per_second(seconds: float) -> float:
            told = ask(seconds)
            return told["requests"] / told["seconds"]

        per_second(0.5)  # the first requests meet cold caches
        yield per_second
