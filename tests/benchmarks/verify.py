"""verify: a bundle of a million events, verified offline.

Compared with the time of hashing the same bytes once with hashlib. It also counts the nodes that an
inclusion proof reads among as many events.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from application.log.event_codec import to_stored
from domain.merkle.tree import Frontier, Node, inclusion_proof
from infrastructure.transparency.nodes import LOWEST_LEVEL
from infrastructure.transparency.signing_keys import open_signer
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.bundle_files import file_digest
from infrastructure.verifier.bundle_format import (
    EVENTS_FILE,
    FORMAT,
    LEAVES_FILE,
    MANIFEST_FILE,
    event_line,
)
from infrastructure.verifier.notes import Checkpoint
from tests.benchmarks.figures import Bench, Figure, less_than, measure_in_turn, ratio_at_most
from tests.benchmarks.real_events import as_lines, one_signal

MANY = 1_000_000
DIFFERENT = 1_000
ROUNDS = 3

TARGETS = {
    "verify": ratio_at_most(12, "hashing"),
    "verify, nodes of a proof": less_than(100, "nodes"),
}


def run(bench: Bench) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        bench.say(f"writing a bundle of {MANY:,} events")
        bundle = Path(folder) / "bundle"
        _write(bundle)

        def verified() -> float:
            start = time.perf_counter()
            found = verify(bundle)
            assert found.verified, found.faults
            return time.perf_counter() - start

        def hashed() -> float:
            start = time.perf_counter()
            file_digest(bundle / EVENTS_FILE)
            return time.perf_counter() - start

        rounds = measure_in_turn(bench, {"verify": verified, "hash": hashed}, ROUNDS)
    return [
        Figure(
            name="verify",
            value=rounds.value("verify"),
            unit="s",
            ratio=rounds.ratio("verify", "hash"),
            against=rounds.against("hashing the same bytes once with hashlib", "hash", "s"),
        ),
        Figure(
            name="verify, nodes of a proof",
            value=_most_reads(),
            unit="nodes, most that an inclusion proof reads",
            ratio=_most_reads() / MANY.bit_length(),
            against=f"the height of the tree, {MANY.bit_length()}",
        ),
    ]


def _write(bundle: Path) -> None:
    """Write a bundle like an export, but without a database."""
    bundle.mkdir()
    states = [to_stored(line).state for _ in range(DIFFERENT) for line in as_lines(one_signal())]
    frontier, leaves = Frontier(), list[bytes]()
    with open(bundle / EVENTS_FILE, "wb") as events, open(bundle / LEAVES_FILE, "wb") as digests:
        for position in range(1, MANY + 1):
            state = states[position % len(states)]
            events.write(event_line(position, state))
            leaves.append(hashlib.sha256(b"\x00" + state).digest())
            digests.write(leaves[-1].hex().encode() + b"\n")
    frontier.extend(leaves)
    signing = open_signer(str(bundle.parent / "key"))
    checkpoint = Checkpoint(signing.key.name, MANY, frontier.root())
    (bundle / "checkpoint").write_bytes(signing.signed(checkpoint.text))
    (bundle / "key").write_text(f"{signing.key.text}\n")
    (bundle / "nodes.txt").touch()
    digests_of = {file.name: file_digest(file) for file in bundle.iterdir()}
    manifest = {
        "format": FORMAT,
        "question": {"ask": "everything"},
        "size": MANY,
        "since": 0,
        "events": MANY,
        "answer": None,
        "files": digests_of,
    }
    text = json.dumps(manifest, separators=(",", ":"))
    (bundle / MANIFEST_FILE).write_bytes(signing.signed(f"{text}\n"))


def _most_reads() -> int:
    """The most reads of a proof: one for each stored node, and one for each leaf of a smaller subtree."""
    reads: list[int] = []

    def read(nodes: Sequence[Node]) -> list[bytes]:
        reads.append(sum(1 if node.level >= LOWEST_LEVEL else 1 << node.level for node in nodes))
        return [bytes(32)] * len(nodes)

    for leaf in range(0, MANY, 997):
        inclusion_proof(leaf, MANY, read)
    return max(reads)
