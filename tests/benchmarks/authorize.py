"""authorize: GET /v1/me with a key or an access token, compared with the same route open to all.

One process serves all routes. 32 clients request them in turn, each with its own token. The keys of the
issuer of the access tokens are fetched over HTTP. A verified token is cached for a few seconds, as in
the service; a third measurement sends a new token with every request.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count, repeat
from pathlib import Path

from api.composition import Desks, desks
from domain.people import Role
from infrastructure.identity.local_issuer import CLIENT_ID as CLIENT_ID
from infrastructure.identity.local_issuer import LocalIssuer, client_secret
from tests.benchmarks.figures import Bench, Figure, measure_in_slices, ratio_at_least
from tests.benchmarks.open_route import AUDIENCE
from tests.benchmarks.servers import HERE, run_server, scratch_log
from tests.benchmarks.supply import supplied

CLIENTS = 32
SLICES = 4
ROUNDS = 8
"""In half the time each, and more of them: what disturbs a shared machine for a while disturbs all."""
AT_ONCE = 10
RENEW_SECONDS = 300.0
"""An access token is good for 15 minutes; a benchmark may take longer."""
CLIENT = str(HERE / "http_client.py")
KEY = "authorizing, a key"
ACCESS_TOKEN = "authorizing, an access token"
NEW = "authorizing, a new access token each time"
TARGETS = {
    KEY: ratio_at_least(0.9, "the open route"),
    ACCESS_TOKEN: ratio_at_least(0.9, "the open route"),
}


def run(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dsn = stack.enter_context(scratch_log(bench.dsn))
        with desks(dsn) as working:
            working.ensure_policy()
            working.people.add("ana", [Role.HANDLER], working.clock())
            keys = [working.people.issue_token("ana", working.clock()) for _ in range(CLIENTS)]
        address = stack.enter_context(
            run_server(dsn, ["-m", "tests.benchmarks.open_route", str(folder)])
        )
        with desks(dsn) as working:
            sign = _signing(working, folder, f"http://{address}/demo-issuer")
        requests = {
            "open": _in_turn("/open/me", repeat([""] * CLIENTS)),
            KEY: _in_turn("/v1/me", repeat(keys)),
            ACCESS_TOKEN: _in_turn("/v1/me", _renewed(sign)),
            NEW: (_line([_request("/v1/me", sign())]) for _ in count()),
        }
        seconds = bench.seconds / SLICES
        pieces: dict[str, Callable[[int], float]] = {}
        for name, lines in requests.items():
            per_second = stack.enter_context(
                supplied(lambda file: [CLIENT, address, file, str(CLIENTS)], lines)
            )
            pieces[name] = partial(_sliced, per_second, seconds)
        rounds = measure_in_slices(bench, pieces, SLICES, ROUNDS)
    return [
        Figure(
            name=name,
            value=rounds.value(name),
            unit="requests/s",
            ratio=rounds.ratio(name, "open"),
            against=rounds.against("the same route, open to all", "open", "requests/s"),
        )
        for name in (KEY, ACCESS_TOKEN, NEW)
    ]


def _sliced(per_second: Callable[[float], float], seconds: float, _: int) -> float:
    return per_second(seconds)


def _signing(working: Desks, home: Path, issuer: str) -> Callable[[], str]:
    working.principals_desk.link("ana", issuer, "ana", working.clock())
    local = LocalIssuer(home, issuer, AUDIENCE, ["ana"])
    parameters = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": client_secret(home),
        "subject": "ana",
    }
    return lambda: str(local.token(parameters, working.clock())["access_token"])


def _renewed(sign: Callable[[], str]) -> Iterator[list[str]]:
    """One access token for each client, signed again before they expire."""
    while True:
        tokens = [sign() for _ in range(CLIENTS)]
        signed_at = time.monotonic()
        while time.monotonic() - signed_at < RENEW_SECONDS:
            yield tokens


def _in_turn(path: str, tokens_of_all: Iterator[list[str]]) -> Iterator[bytes]:
    """Several requests with the token of one client, then as many with that of the next client."""
    for tokens in tokens_of_all:
        for token in tokens:
            yield _line([_request(path, token)] * AT_ONCE)


def _line(requests: list[str]) -> bytes:
    return json.dumps(requests).encode()


def _request(path: str, token: str) -> str:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\n"
