"""Small bundles as the owner of a log could forge them: all correctly signed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.merkle.hashing import leaf_hash
from domain.merkle.tree import Frontier, covering_subtrees
from infrastructure.transparency.signing_keys import Signer
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.bundle_format import FORMAT, BundleBroken, event_line
from infrastructure.verifier.notes import Checkpoint
from tests.infrastructure.bundles import NODE, ROOT

Files = dict[str, bytes]
Change = Callable[[Files], None]
SIGNER = Signer("log/1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
CASE, OTHER = UUID(int=7), UUID(int=8)
EXECUTED = {"ask": "population", "type": "case.adjustment_executed", "over": "5"}
PERIOD = {"ask": "period", "from": "2026-10-04T00:00:00.000000Z", "to": "2026-10-09T00:00:00Z"}


def envelope(stream: UUID, version: int, day: int, **event: object) -> bytes:
    told = {
        "stream": str(stream),
        "version": version,
        "recorded_at": f"2026-10-{day:02d}T10:00:00.5Z",
        "actor": {"person": "ana"},
        "event": event,
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def _log() -> list[bytes]:
    """Twenty-one events of two cases, one a day; the second case has adjustments."""
    told = []
    for n in range(12):
        stream, version = (CASE, n // 2 + 1) if n % 2 else (OTHER, n // 2 + 1)
        told.append(envelope(stream, version, n + 1, type="case.note_added", note=f"«{n}»"))
    for n, amount in enumerate(("7", "4.00", "12.50", "-3.25")):
        named = {"adjustment": str(UUID(int=n)), "kind": "refund"}
        for type in ("case.adjustment_proposed", "case.adjustment_executed"):
            at = len(told) + 1
            said = {**named, "amount": money(amount)} if type.endswith("proposed") else named
            told.append(envelope(OTHER, at - 6, at, type=type, **said))
    told.append(envelope(OTHER, 15, 21, type="case.note_added", note="the last"))
    return told


LOG = _log()
CASE_POSITIONS = [n for n, state in enumerate(LOG, 1) if str(CASE).encode() in state]


def bundle(
    question: dict[str, Any],
    positions: Sequence[int] | None = None,
    since: int = 0,
    answer: object = None,
    log: Sequence[bytes] = LOG,
) -> Files:
    """A bundle of these positions, by default of all."""
    wanted = set(positions if positions is not None else range(since + 1, len(log) + 1))
    leaves = [leaf_hash(state) for state in log]
    here = sorted(wanted)
    files = {
        "key": f"{SIGNER.key.text}\n".encode(),
        "checkpoint": checkpoint(leaves),
        "events.ndjson": b"".join(event_line(one, log[one - 1]) for one in here),
        "leaves.txt": b"".join(leaves[one - 1].hex().encode() + b"\n" for one in here),
        "nodes.txt": b"".join(_nodes(leaves, wanted, since)),
    }
    if since:
        files["since"] = checkpoint(leaves[:since])
    manifest = {
        "format": FORMAT,
        "question": question,
        "size": len(log),
        "since": since,
        "events": len(wanted),
        "answer": answer,
        "files": {},
    }
    files["manifest.note"] = signed(json.dumps(manifest, ensure_ascii=False, separators=(",", ":")))
    return sign_again(files)


def checkpoint(leaves: Sequence[bytes]) -> bytes:
    return SIGNER.signed(Checkpoint(SIGNER.key.name, len(leaves), _root(leaves)).text)


def _root(leaves: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def _nodes(leaves: Sequence[bytes], here: set[int], since: int) -> Iterator[bytes]:
    at = 0
    for end in [*sorted({one - 1 for one in here} | {since}), len(leaves)]:
        for node in covering_subtrees(at, end) if at < end else ():
            root = _root(leaves[node.first : node.end])
            yield f"{node.level} {node.place} {root.hex()}\n".encode()
        at = end + (end + 1 in here)


def signed(text: str) -> bytes:
    """Sign any text as a note with the owner's key."""
    return SIGNER.signed(f"{text}\n")


def manifest_in(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files["manifest.note"].partition(b"\n")[0])
    return found


def sign_again(files: Files, edit: Callable[[dict[str, Any]], None] | None = None) -> Files:
    """Update the manifest for the current files and sign it."""
    manifest = manifest_in(files)
    names = [name for name in files if name != "manifest.note"]
    manifest["files"] = {name: hashlib.sha256(files[name]).hexdigest() for name in names}
    if edit is not None:
        edit(manifest)
    text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
    return {**files, "manifest.note": signed(text)}


def reword_manifest(files: Files, change: Callable[[str], str]) -> Files:
    """Change the text of the manifest and sign it."""
    text = files["manifest.note"].partition(b"\n")[0].decode()
    return {**files, "manifest.note": signed(change(text))}


def write_files(place: Path, files: Files) -> Path:
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def verify_with_both(node: Callable[..., Any] | None, place: Path, *given: str) -> dict[str, Any]:
    """The result of the Python verifier; Node's is the same, except for the reasons of bad
    signatures and keys."""
    witness = given[1] if len(given) > 1 else None
    try:
        told: dict[str, Any] = json.loads(
            json.dumps(verify(place, *given[:1], witness=witness).document)
        )
    except BundleBroken as broken:
        raise AssertionError(broken.fault) from None
    if node is not None:
        assert _without_why(node(place, *given)) == _without_why(told), place
    return told


def _without_why(told: dict[str, Any]) -> dict[str, Any]:
    why = ("key", "manifest", "checkpoint", "witness")
    faults = [
        {**fault, "detail": ""} if fault["code"] in why else fault for fault in told["faults"]
    ]
    return {**told, "faults": faults}


_NODE_LOOP = """
import { createInterface } from "node:readline";
const lines = [];
console.log = (line) => lines.push(line);
let n = 0;
for await (const asked of createInterface({ input: process.stdin })) {
  process.argv = [process.argv[0], "verify.mjs", ...JSON.parse(asked)];
  try { await import(`${process.env.VERIFIER}?${n++}`); }
  catch (error) { lines.push(JSON.stringify({ crashed: String(error), faults: [] })); }
  process.stdout.write(lines.splice(0).join("") + "\\n");
}
process.exitCode = 0;
"""


@contextmanager
def persistent_node_verifier() -> Iterator[Callable[..., Any] | None]:
    """The Node verifier in one process, reloaded for each bundle; None without Node."""
    if NODE is None:
        yield None
        return
    with subprocess.Popen(
        [NODE, "--input-type=module", "-e", _NODE_LOOP],
        env={"VERIFIER": (ROOT / "verifiers" / "verify.mjs").as_uri()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def ask(place: Path, *given: str) -> Any:
            asked.write(json.dumps([str(place), *given]) + "\n")
            asked.flush()
            return json.loads(answers.readline())

        try:
            yield ask
        finally:
            asked.close()
