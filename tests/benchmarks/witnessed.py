"""witnessed: what leaves and checkpoints cost an append, and what a proof among a million events reads.

The same number of callers append to two logs in turn. One log has everything: hashed leaves, the mark of
the acknowledged head, and every three seconds a checkpoint by another process, which three witnesses
cosign. The other log has empty leaves, no mark and no checkpoint. The turns take half a second, so that other
work on the machine affects both.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

from application.log.event_log import EventLog
from domain.merkle.tree import Node, inclusion_proof
from domain.merkle.verification import is_included
from infrastructure.event_store import group_commit
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.transparency.acknowledged import AcknowledgedHeads
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.nodes import LOWEST_LEVEL, read_nodes
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import open_signer
from tests.benchmarks.figures import (
    Bench,
    Figure,
    less_than,
    measure_in_slices,
    per_second,
    ratio_at_least,
)
from tests.benchmarks.real_events import one_signal
from tests.benchmarks.servers import client_process, scratch_log
from tests.benchmarks.witnesses import three_witnesses

CALLERS = 64
SLICE_SECONDS = 0.5
SLICES = 6
"""Of each in a round, in the first of which a checkpoint is made: one every three seconds."""
APPEND_ROUNDS = 16
MANY = 1_000_000
PROOFS = 300
_FILL = """
    INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id, leaf)
    SELECT gen_random_uuid(), 1, 't', state, n, sha256('\\x00'::bytea || state)
    FROM generate_series(1, %s) AS n, LATERAL convert_to('event ' || n, 'UTF8') AS state
"""

TARGETS = {
    "witnessed": ratio_at_least(0.9, "without"),
    "witnessed, rows of a proof": less_than(100, "rows"),
}


def run(bench: Bench) -> Iterator[Figure]:
    yield _appending(bench)
    yield from _proving(bench)


def _appending(bench: Bench) -> Figure:
    made = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_log(bench.dsn) as witnessed,
        scratch_log(bench.dsn) as bare,
        client_process([str(Path(__file__)), witnessed, folder]) as make_checkpoint,
        ThreadPoolExecutor(1) as beside,
    ):
        checkpoints = checkpoints_in(Path(folder))
        continuity = Continuity(AcknowledgedHeads(Path(folder) / "heads"), lambda: checkpoints)
        with (
            appending_log(witnessed, continuity) as append,
            appending_log(bare, None) as append_barely,
        ):

            def with_all(number: int) -> float:
                nonlocal made
                answer = beside.submit(make_checkpoint, 1) if number == 0 else None
                found = per_second(append, CALLERS, SLICE_SECONDS)
                made += answer.result()["made"] if answer is not None else 0
                return found

            def without(_: int) -> float:
                with patch.object(group_commit, "leaf_digest", lambda state: b""):
                    return per_second(append_barely, CALLERS, SLICE_SECONDS)

            rounds = measure_in_slices(
                bench, {"with": with_all, "without": without}, SLICES, APPEND_ROUNDS
            )
    return Figure(
        name="witnessed",
        value=rounds.value("with"),
        unit=f"appends/s, {made} checkpoints made and cosigned meanwhile",
        ratio=rounds.ratio("with", "without"),
        against=rounds.against("empty leaves, no mark, no checkpoints", "without", "appends/s"),
    )


def _proving(bench: Bench) -> list[Figure]:
    chance, reads, seconds = random.Random(11), list[int](), list[float]()
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_log(bench.dsn) as dsn,
        connect(dsn) as connection,
    ):
        bench.say(f"writing a log of {MANY:,} events")
        connection.execute(_FILL, (MANY,))
        connection.execute("UPDATE log_head SET position = %s", (MANY,))
        connection.execute("ANALYZE stored_events")
        bench.say("filling in its tree")
        checkpoint = checkpoints_in(Path(folder)).make(connection)
        assert checkpoint is not None
        bench.say("proving")
        for leaf in [0, MANY - 1, *(chance.randrange(MANY) for _ in range(PROOFS))]:
            reads.append(0)

            def counted(nodes: Sequence[Node]) -> Sequence[bytes]:
                rows = [1 if node.level >= LOWEST_LEVEL else 1 << node.level for node in nodes]
                reads[-1] += sum(rows)
                return read_nodes(connection, nodes)

            start = time.perf_counter()
            proof = inclusion_proof(leaf, MANY, counted)
            seconds.append(time.perf_counter() - start)
            (digest,) = read_nodes(connection, [Node(0, leaf)])
            assert is_included(leaf, MANY, digest, proof, checkpoint.root)
    return [
        Figure(
            name="witnessed, rows of a proof",
            value=max(reads),
            unit="rows, most that an inclusion proof reads",
            ratio=max(reads) / MANY.bit_length(),
            against=f"the height of a tree of {MANY:,}, {MANY.bit_length()}",
        ),
        Figure(
            name="witnessed, time of a proof",
            value=median(seconds) * 1e3,
            unit="ms for a proof, the median",
            ratio=median(seconds) / max(seconds),
            against=f"the slowest of {len(seconds)}: {max(seconds) * 1e3:.3g} ms",
        ),
    ]


@contextmanager
def appending_log(dsn: str, continuity: Continuity | None) -> Iterator[Callable[[], None]]:
    recorder = PostgresLogRecorder(Datastore(dsn), continuity)
    log = EventLog(recorder)
    try:
        yield partial(_append, log)
    finally:
        recorder.close()


def _append(log: EventLog) -> None:
    log.append([one_signal()])


def checkpoints_in(folder: Path) -> Checkpoints:
    return Checkpoints(open_signer(str(folder / "key")), OutsideCheckpoints(folder / "outside"))


def main(dsn: str, folder: Path) -> None:
    """Make a checkpoint for each line, if the log has grown, and have it cosigned by a quorum of three
    witnesses; print how many were made."""
    checkpoints = checkpoints_in(folder)
    with three_witnesses(checkpoints, folder) as clients:
        for _ in sys.stdin:
            with connect(dsn) as connection:
                made = checkpoints.make(connection) is not None
                clients.cosign_latest(connection)
            print(json.dumps({"made": int(made)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
