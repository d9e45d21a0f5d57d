"""gated: what the wait for standbys costs an append, on a server with a real synchronous standby.

The same number of callers append to two logs of that server in turn. One log has the gate, the leaves and
the marks of acknowledged positions, and a checkpoint every three seconds; the other has none of them.
PostgreSQL waits for the standby at each commit of both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg

from infrastructure.event_store import group_commit
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.standbys import StandbyGate, parse_standbys
from infrastructure.transparency.acknowledged import AcknowledgedHeads
from infrastructure.transparency.continuity import Continuity
from tests.benchmarks import witnessed
from tests.benchmarks.figures import Bench, Figure, measure_in_slices, per_second, ratio_at_least
from tests.benchmarks.servers import client_process, scratch_log
from tests.survival.programs import home_on_disk
from tests.survival.replica import Replica

ROUNDS = 8
STANDBYS = "1 (s1)"
TARGETS = {"gated": ratio_at_least(0.9, "without")}


def run(bench: Bench) -> Iterator[Figure]:
    bench.say("starting a server with a standby")
    with _replicated_server() as server, tempfile.TemporaryDirectory() as folder:
        yield _appending(bench, server, Path(folder))


@contextmanager
def _replicated_server() -> Iterator[str]:
    with home_on_disk() as home:
        server = EmbeddedPostgres(home).start()
        replica = Replica(server, "s1")
        replica.start()
        try:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (s1)'")
                connection.execute("SELECT pg_reload_conf()")
            yield server.dsn()
        finally:
            replica.stop()
            server.stop()


def _appending(bench: Bench, server: str, folder: Path) -> Figure:
    made = 0
    own = str(Path(witnessed.__file__))
    with (
        scratch_log(server) as gated,
        scratch_log(server) as bare,
        client_process([own, gated, str(folder)]) as make_checkpoint,
        ThreadPoolExecutor(1) as beside,
    ):
        gate = StandbyGate(gated, parse_standbys(STANDBYS))
        checkpoints = witnessed.checkpoints_in(folder)
        heads = AcknowledgedHeads(folder / "heads")
        continuity = Continuity(heads, lambda: checkpoints, gate)
        with (
            witnessed.appending_log(gated, continuity) as append,
            witnessed.appending_log(bare, None) as append_barely,
        ):

            def with_gate(number: int) -> float:
                nonlocal made
                answer = beside.submit(make_checkpoint, 1) if number == 0 else None
                found = per_second(append, witnessed.CALLERS, witnessed.SLICE_SECONDS)
                made += answer.result()["made"] if answer is not None else 0
                return found

            def without(_: int) -> float:
                with patch.object(group_commit, "leaf_digest", lambda state: b""):
                    return per_second(append_barely, witnessed.CALLERS, witnessed.SLICE_SECONDS)

            rounds = measure_in_slices(
                bench, {"with": with_gate, "without": without}, witnessed.SLICES, ROUNDS
            )
    return Figure(
        name="gated",
        value=rounds.value("with"),
        unit=f"appends/s, {made} checkpoints made meanwhile",
        ratio=rounds.ratio("with", "without"),
        against=rounds.against(
            "no gate, empty leaves, no mark, no checkpoints", "without", "appends/s"
        ),
    )
