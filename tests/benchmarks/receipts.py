"""receipts: GET /v1/receipts/{position} in a log of a million events, compared with GET /v1/me.

One client requests receipts of random positions and its own name in turn, over one connection. Each receipt
is verified. The time is from the first byte sent to the last one received.
"""

from __future__ import annotations

import http.client
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

from api.composition import desks
from domain.people import Role
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import open_signer
from infrastructure.verifier.receipts import verify_receipt
from infrastructure.verifier.trust_policy import NO_WITNESS
from tests.benchmarks.figures import Bench, Figure, less_than
from tests.benchmarks.servers import CouldNotMeasure, run_server, scratch_log

MANY = 1_000_000
RECEIPTS = 3_000
WARM_UP = 100
P99 = "receipts, p99"
TARGETS = {P99: less_than(10, "ms")}
_FILL = """
    INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id, leaf)
    SELECT gen_random_uuid(), 1, 't', state, n, sha256('\\x00'::bytea || state)
    FROM generate_series(1, %s) AS n, LATERAL convert_to(repeat('event ' || n || ' ', 50), 'UTF8') AS state
"""


def run(bench: Bench) -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dsn = stack.enter_context(scratch_log(bench.dsn))
        bench.say(f"writing a log of {MANY:,} events")
        checkpoints = Checkpoints(
            open_signer(str(folder / "key")), OutsideCheckpoints(folder / "outside")
        )
        with connect(dsn) as connection:
            connection.execute(_FILL, (MANY,))
            connection.execute("UPDATE log_head SET position = %s", (MANY,))
            connection.execute("ANALYZE stored_events")
            bench.say("filling in its tree")
            checkpoints.make(connection)
        with desks(dsn) as working:
            working.ensure_policy()
            working.people.add("ana", [Role.AUDITOR], working.clock())
            token = working.people.issue_token("ana", working.clock())
        address = stack.enter_context(
            run_server(dsn, ["-m", "tests.benchmarks.open_route", str(folder)])
        )
        client = _Client(address, token)
        policy, chance = NO_WITNESS.with_logs([checkpoints.signer.key]), random.Random(7)
        receipts, names = list[float](), list[float]()
        bench.say("asking for receipts")
        for n in range(WARM_UP + RECEIPTS):
            position = chance.randint(1, MANY)
            seconds, receipt = client.get(f"/v1/receipts/{position}")
            other, _ = client.get("/v1/me")
            found = verify_receipt(receipt, policy)
            if not found.verified or found.position != position:
                raise CouldNotMeasure(f"the receipt of {position} is not valid: {found.faults}")
            if n >= WARM_UP:
                receipts.append(seconds * 1e3)
                names.append(other * 1e3)
    for name, part in ((P99, 99), ("receipts, median", 50)):
        value, against = (quantiles(all_, n=100)[part - 1] for all_ in (receipts, names))
        yield Figure(
            name=name,
            value=value,
            unit=f"ms for a receipt of {MANY:,} events",
            ratio=value / against,
            against=f"GET /v1/me: {against:.3g} ms",
        )


class _Client:
    """Sends one request after the other over one connection."""

    def __init__(self, address: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> tuple[float, bytes]:
        """The seconds that the answer took, and its body. Raises CouldNotMeasure."""
        started = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - started
        if answer.status != 200:
            raise CouldNotMeasure(f"{path}: {answer.status} {body[:300]!r}")
        return seconds, body
