"""Whether a bundle is what was signed: first as fast as can be, then, if it is not, where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from domain.merkle.tree import CHUNK_LEVEL, Frontier, OutsideTree
from infrastructure.verifier.files import (
    ALWAYS,
    CHECKPOINT,
    EVENTS,
    KEY,
    LEAVES,
    LINE_END,
    MANIFEST,
    NODES,
    SINCE,
    Broken,
    Fault,
    Run,
    file_digest,
    line_head,
    manifest_of,
    runs,
)
from infrastructure.verifier.locating import located
from infrastructure.verifier.notes import (
    COSIGNATURE,
    Checkpoint,
    Key,
    NoteBroken,
    checkpoint_of,
    cosigned_at,
    key_of,
    opened,
)
from infrastructure.verifier.population import Count

MOST_FAULTS = 100
_CHUNK = 1 << CHUNK_LEVEL


class Verdict(NamedTuple):
    """What was found. `root` is worked out from the files, never read from them."""

    verified: bool
    faults: Sequence[Fault]
    key: str | None = None
    question: Any = None
    size: int | None = None
    root: str | None = None
    events: int = 0
    answer: Any = None
    cosigned: int | None = None
    """When the witness did, in seconds of POSIX, if one was asked for."""

    @property
    def told(self) -> dict[str, Any]:
        """As both verifiers print it."""
        faults = [fault._asdict() for fault in self.faults[:MOST_FAULTS]]
        return {**self._asdict(), "faults": faults}


class _Differs(Exception):
    """The files are not what they should be; where, is looked for next."""


def verify(bundle: Path, *keys: str, witness: str | None = None) -> Verdict:
    """By the first of the keys that are given that has signed it, else by the one that came with it:
    which then is to be compared with what its owner says."""
    try:
        known = [key_of(text) for text in keys or [_read(bundle / KEY).decode()]]
        cosigner = key_of(witness, COSIGNATURE) if witness is not None else None
    except (NoteBroken, UnicodeDecodeError) as error:
        return Verdict(False, [Fault("key", KEY, f"the key cannot be used: {error}")])
    except Broken as broken:
        return Verdict(False, [broken.fault])
    key = next((key for key in known if _opens(bundle / MANIFEST, key)), known[0])
    try:
        return _verify(bundle, key, cosigner)
    except Broken as broken:
        return Verdict(False, [broken.fault], key.text)


def _opens(note: Path, key: Key) -> bool:
    try:
        opened(_read(note), key)
    except NoteBroken:
        return False
    return True


def _verify(bundle: Path, key: Key, witness: Key | None) -> Verdict:
    manifest = manifest_of(_read(bundle / MANIFEST), key)
    faults = _faults_of_files(bundle, manifest["files"])
    signed = _checkpoint(bundle, CHECKPOINT, manifest["size"], key)
    cosigned = _cosigned(bundle, witness, faults)
    since = _checkpoint(bundle, SINCE, manifest["since"], key) if manifest["since"] else None
    parts = list(runs(bundle / NODES, signed.size, since.size if since is not None else 0))
    question = manifest["question"]
    count = Count(question) if question["ask"] == "population" else None
    told = Verdict(False, faults, key.text, question, signed.size, cosigned=cosigned)
    try:
        root = _walk(bundle, parts, since, count, faults)
    except (_Differs, OutsideTree):
        is_changed = {fault.file for fault in faults if fault.code == "file_changed"}
        found = located(bundle, parts, EVENTS in is_changed) or [_lost_root()]
        finer = {fault.file for fault in found}
        rest = [one for one in faults if one.code != "file_changed" or one.file not in finer]
        return told._replace(faults=[*rest, *found])
    if root != signed.root:
        faults.append(_lost_root())
    if count is not None:
        faults += _faults_of_answer(manifest, parts, count)
    return told._replace(
        verified=not faults,
        root=root.hex(),
        events=sum(run.end - run.first for run in parts),
        answer=count.answer if count is not None else None,
    )


def _walk(
    bundle: Path,
    parts: Sequence[Run],
    since: Checkpoint | None,
    count: Count | None,
    faults: list[Fault],
) -> bytes:
    """The root over all of it. Raises _Differs."""
    frontier = Frontier()
    with open(bundle / EVENTS, "rb") as events, open(bundle / LEAVES, "rb") as leaves:
        for run in parts:
            for node, digest in run.nodes:
                _hold(frontier, since, faults)
                frontier.push(node.level, digest)
            _hold(frontier, since, faults)
            at = run.first
            while at < run.end:
                # Up to where a chunk of the tree ends, so that it is hashed as one.
                most = min(run.end - at, _CHUNK - (at - 1) % _CHUNK)
                frontier.extend(_leaves(at, most, events, leaves, count))
                at += most
        _hold(frontier, since, faults)
        if events.read(1) or leaves.read(1):
            raise _Differs
    return frontier.root()


def _leaves(
    first: int, many: int, events: BinaryIO, leaves: BinaryIO, count: Count | None
) -> list[bytes]:
    found, asked = [], list[tuple[int, bytes]]()
    for position, line in enumerate(islice(events, many), first):
        head = line_head(position)
        if not line.startswith(head) or not line.endswith(LINE_END):
            raise _Differs
        envelope = line[len(head) : -2]
        found.append(sha256(b"\x00" + envelope).digest())
        if count is not None:
            asked.append((position, envelope))
    if (
        len(found) != many
        or leaves.read(65 * many) != b"%b\n" % b"".join(found).hex("\n", 32).encode()
    ):
        raise _Differs
    for position, envelope in asked:
        assert count is not None
        count.look(position, envelope)
    return found


def _hold(frontier: Frontier, since: Checkpoint | None, faults: list[Fault]) -> None:
    if since is not None and frontier.size == since.size and frontier.root() != since.root:
        lost = Fault("root", SINCE, f"the first {since.size} positions have another root")
        if lost not in faults:
            faults.append(lost)


def _lost_root() -> Fault:
    return Fault("root", CHECKPOINT, "the events and subtrees do not have the root that was signed")


def _faults_of_files(bundle: Path, digests: dict[str, str]) -> list[Fault]:
    faults = []
    for name in sorted({*ALWAYS, *digests}):
        if not (bundle / name).is_file():
            raise Broken(Fault("file_missing", name, "the file is not there"))
        if name not in digests or file_digest(bundle / name) != digests[name]:
            faults.append(
                Fault("file_changed", name, "the file is not the one that the manifest names")
            )
    for file in sorted(bundle.iterdir()):
        if file.name != MANIFEST and file.name not in digests:
            faults.append(Fault("file_added", file.name, "the manifest does not name the file"))
    return faults


def _checkpoint(bundle: Path, name: str, size: int, key: Key) -> Checkpoint:
    try:
        found = checkpoint_of(_read(bundle / name), key)
    except NoteBroken as error:
        raise Broken(
            Fault("checkpoint", name, f"the checkpoint is not as signed: {error}")
        ) from None
    if found.size != size:
        raise Broken(Fault("checkpoint", name, f"it is of {found.size} positions, not of {size}"))
    return found


def _cosigned(bundle: Path, witness: Key | None, faults: list[Fault]) -> int | None:
    if witness is not None:
        try:
            return cosigned_at(_read(bundle / CHECKPOINT), witness)
        except NoteBroken as error:
            told = f"the witness has not cosigned it: {error}"
            faults.append(Fault("witness", CHECKPOINT, told))
    return None


def _faults_of_answer(manifest: dict[str, Any], parts: Sequence[Run], count: Count) -> list[Fault]:
    """The list is complete: every event after `since` was there to be asked."""
    faults = [
        Fault(
            "answer",
            EVENTS,
            "what was proposed, and so its kind and amount, is not there",
            None,
            position,
        )
        for position in count.unknown
    ]
    since = manifest["since"]
    if any(node.end > since for run in parts for node, _ in run.nodes):
        faults.append(Fault("answer", NODES, f"events after position {since} are left out"))
    if count.answer != manifest["answer"]:
        stated = json.dumps(manifest["answer"], separators=(",", ":"))
        faults.append(Fault("answer", MANIFEST, f"the manifest states {stated}"))
    return faults


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise Broken(Fault("file_missing", file.name, "the file is not there")) from None
