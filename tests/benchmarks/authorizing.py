"""authorizing: GET /v1/me with a key or an access token, against the same route open to all.

All routes are of one process, asked in turn by 32 clients, each with a token of its own. The
access tokens are of an issuer whose keys are fetched over HTTP. What was verified is remembered for
a few seconds, as in service; a third piece brings a token that was never seen with every request.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

from api.composition import Desks, desks
from domain.people import Role
from infrastructure.identity.local_issuer import CLIENT_ID, LocalIssuer, client_secret
from tests.benchmarks.figures import Bench, Figure, measure_in_slices
from tests.benchmarks.servers import HERE, run_client, run_server, scratch_log
from tests.benchmarks.unauthenticated_server import AUDIENCE

CLIENTS = 32
REQUESTS_A_SECOND = 15_000
NEW_A_SECOND = 5_000
"""More than these would run out of requests."""
SLICES = 4
ROUNDS = 8
"""In half the time each, and more of them: what disturbs a shared machine for a while disturbs all."""
AT_ONCE = 10
ASKING = str(HERE / "http_client.py")


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dsn = stack.enter_context(scratch_log(bench.dsn))
        with desks(dsn) as working:
            working.ensure_policy()
            working.people.add("ana", [Role.HANDLER], working.clock())
            keys = [working.people.issue_token("ana", working.clock()) for _ in range(CLIENTS)]
        address = stack.enter_context(
            run_server(dsn, ["-m", "tests.benchmarks.unauthenticated_server", str(folder)])
        )
        with desks(dsn) as working:
            sign = _signing(working, folder, f"http://{address}/demo-issuer")
        slice_seconds = bench.seconds / SLICES
        seconds = bench.seconds * ROUNDS + 1
        bench.say("signing access tokens")
        many, few = round(REQUESTS_A_SECOND * seconds), round(NEW_A_SECOND * seconds)
        tokens = [sign() for _ in range(CLIENTS)]
        asks = {
            "open": _asks("/open/me", [""] * CLIENTS, many),
            "key": _asks("/v1/me", keys, many),
            "access token": _asks("/v1/me", tokens, many),
            "new": ([_request("/v1/me", sign())] for _ in range(few)),
        }
        pieces: dict[str, Callable[[int], float]] = {}
        for name, lines in asks.items():
            file = folder / name
            with file.open("w") as out:
                out.writelines(f"{json.dumps(line)}\n" for line in lines)
            words = [ASKING, address, str(file), str(CLIENTS)]
            ask = stack.enter_context(run_client(words))
            ask(0.5)  # the first requests meet cold caches
            pieces[name] = _per_second(ask, slice_seconds)
        rounds = measure_in_slices(bench, pieces, SLICES, ROUNDS)
    return [
        Figure(
            name=f"authorizing, {told}",
            value=rounds.value(name),
            unit="requests/s",
            ratio=rounds.ratio(name, "open"),
            against=rounds.against("the same route, open to all", "open", "requests/s"),
            **target,
        )
        for name, told, target in (
            ("key", "a key", {"target": "≥ 0.9"}),
            ("access token", "an access token", {"target": "≥ 0.9"}),
            ("new", "a new access token each time", {}),
        )
    ]


def _per_second(ask: Callable[[float], dict[str, float]], seconds: float) -> Callable[[int], float]:
    def measure(_: int) -> float:
        told = ask(seconds)
        return told["requests"] / told["seconds"]

    return measure


def _signing(working: Desks, home: Path, issuer: str) -> Callable[[], str]:
    working.principals_desk.link("ana", issuer, "ana", working.clock())
    local = LocalIssuer(home, issuer, AUDIENCE, ["ana"])
    asked = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": client_secret(home),
        "subject": "ana",
    }
    # Good for as long as the measuring takes.
    now = working.clock() + timedelta(seconds=30)
    return lambda: str(local.token(asked, now)["access_token"])


def _asks(path: str, tokens: Sequence[str], many: int) -> Iterator[list[str]]:
    """One client's token after the other, each for so many requests."""
    requests = [[_request(path, token)] * AT_ONCE for token in tokens]
    return islice(cycle(requests), many // AT_ONCE)


def _request(path: str, token: str) -> str:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\n"
