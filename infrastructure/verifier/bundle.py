"""Whether a bundle is what was signed: first as fast as can be, then, if it is not, where."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from domain.merkle.tree import CHUNK_LEVEL, Frontier, OutsideTree
from infrastructure.verifier.differences import located
from infrastructure.verifier.disk import faults_of_files, read
from infrastructure.verifier.files import (
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
    line_head,
    runs,
)
from infrastructure.verifier.manifest import manifest_of
from infrastructure.verifier.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Key,
    NoteBroken,
    checkpoint_of,
    cosigned_at,
    key_of,
    opened,
)
from infrastructure.verifier.population import Count
from infrastructure.verifier.scope import PROVES, OfPopulation, scope_of

GIVEN_KEY: Final = "KEY"
GIVEN_WITNESS: Final = "WITNESS"
"""As what was given is called in a fault: it is no file of the bundle."""
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
    proves: str | None = None
    """And so also what it does not prove."""

    @property
    def told(self) -> dict[str, Any]:
        """As both verifiers print it."""
        faults = [fault._asdict() for fault in self.faults[:MOST_FAULTS]]
        return {**self._asdict(), "faults": faults}


Look = Callable[[int, bytes], None]
"""Is shown each event, with its position."""


class _Differs(Exception):
    """The files are not what they should be; where, is looked for next."""


def verify(bundle: Path, *keys: str, witness: str | None = None) -> Verdict:
    """By the first of the keys that are given that has signed it, else by the one that came with it:
    which then is to be compared with what its owner says."""
    try:
        known = _known(bundle, keys)
        cosigner = _key(witness, GIVEN_WITNESS, COSIGNATURE) if witness is not None else None
    except Broken as broken:
        return Verdict(False, [broken.fault])
    key = known[0]
    try:
        note = read(bundle, MANIFEST)
        key = next((key for key in known if _opens(note, key)), key)
        return _verify(bundle, note, key, cosigner)
    except Broken as broken:
        return Verdict(False, [broken.fault], key.text)


def _known(bundle: Path, keys: Sequence[str]) -> Sequence[Key]:
    if not keys:
        try:
            return [_key(read(bundle, KEY).decode(), KEY)]
        except UnicodeDecodeError:
            raise Broken(Fault("key", KEY, "the key cannot be used: it is not UTF-8")) from None
    if len(keys) == 1:
        return [_key(keys[0], GIVEN_KEY)]
    return [_key(text, f"{GIVEN_KEY} {number}") for number, text in enumerate(keys, 1)]


def _key(text: str, where: str, kind: bytes = ED25519) -> Key:
    try:
        return key_of(text, kind)
    except NoteBroken as error:
        raise Broken(Fault("key", where, f"the key cannot be used: {error}")) from None


def _opens(note: bytes, key: Key) -> bool:
    try:
        opened(note, key)
    except NoteBroken:
        return False
    return True


def _verify(bundle: Path, note: bytes, key: Key, witness: Key | None) -> Verdict:
    manifest = manifest_of(note, key)
    faults = faults_of_files(bundle, manifest["files"])
    is_changed = {fault.file for fault in faults if fault.code == "file_changed"}
    signed = _checkpoint(bundle, CHECKPOINT, manifest["size"], key)
    cosigned = _cosigned(bundle, witness, faults)
    since = _checkpoint(bundle, SINCE, manifest["since"], key) if manifest["since"] else None
    parts = list(runs(bundle / NODES, signed.size, manifest["since"]))
    events = _events(manifest, parts, NODES in is_changed)
    question = manifest["question"]
    count = Count(question, manifest["since"]) if question["ask"] == "population" else None
    scope = OfPopulation(count) if count is not None else scope_of(question)
    told = Verdict(False, faults, key.text, question, signed.size, cosigned=cosigned)
    try:
        root = _walk(bundle, parts, since, scope.look if scope is not None else None, faults)
    except (_Differs, OutsideTree):
        found = located(bundle, parts, events, EVENTS in is_changed) or [_lost_root()]
        finer = {fault.file for fault in found}
        rest = [one for one in faults if one.code != "file_changed" or one.file not in finer]
        return told._replace(faults=[*rest, *found])
    if root != signed.root:
        faults.append(_lost_root())
    faults += scope.faults if scope is not None else ()
    faults += _faults_of_answer(manifest, parts, count)
    return told._replace(
        verified=not faults,
        root=root.hex(),
        events=events,
        answer=count.answer if count is not None else None,
        proves=PROVES[question["ask"]] if not faults else None,
    )


def _events(manifest: dict[str, Any], parts: Sequence[Run], is_changed: bool) -> int:
    """How many there must be. Raises Broken."""
    left, stated = sum(run.end - run.first for run in parts), manifest["events"]
    if left == stated:
        return left
    code, file = ("nodes", NODES) if is_changed else ("manifest", MANIFEST)
    told = f"{left} events are left over by the subtrees, not {stated}"
    raise Broken(Fault(code, file, told))


def _walk(
    bundle: Path,
    parts: Sequence[Run],
    since: Checkpoint | None,
    look: Look | None,
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
                frontier.extend(_leaves(at, most, events, leaves, look))
                at += most
        _hold(frontier, since, faults)
        if events.read(1) or leaves.read(1):
            raise _Differs
    return frontier.root()


def _leaves(
    first: int, many: int, events: BinaryIO, leaves: BinaryIO, look: Look | None
) -> list[bytes]:
    found, asked = [], list[tuple[int, bytes]]()
    for position, line in enumerate(islice(events, many), first):
        head = line_head(position)
        if not line.startswith(head) or not line.endswith(LINE_END):
            raise _Differs
        envelope = line[len(head) : -2]
        found.append(sha256(b"\x00" + envelope).digest())
        if look is not None:
            asked.append((position, envelope))
    if (
        len(found) != many
        or leaves.read(65 * many) != b"%b\n" % b"".join(found).hex("\n", 32).encode()
    ):
        raise _Differs
    for position, envelope in asked:
        assert look is not None
        look(position, envelope)
    return found


def _hold(frontier: Frontier, since: Checkpoint | None, faults: list[Fault]) -> None:
    if since is not None and frontier.size == since.size and frontier.root() != since.root:
        lost = Fault("root", SINCE, f"the first {since.size} positions have another root")
        if lost not in faults:
            faults.append(lost)


def _lost_root() -> Fault:
    return Fault("root", CHECKPOINT, "the events and subtrees do not have the root that was signed")


def _checkpoint(bundle: Path, name: str, size: int, key: Key) -> Checkpoint:
    try:
        found = checkpoint_of(read(bundle, name), key)
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
            return cosigned_at(read(bundle, CHECKPOINT), witness)
        except NoteBroken as error:
            told = f"the witness has not cosigned it: {error}"
            faults.append(Fault("witness", CHECKPOINT, told))
    return None


def _faults_of_answer(
    manifest: dict[str, Any], parts: Sequence[Run], count: Count | None
) -> list[Fault]:
    """Where nothing may be left out, each event after `since` is there."""
    since = manifest["since"]
    is_left_out = any(node.end > since for run in parts for node, _ in run.nodes)
    faults = []
    if count is None:
        if is_left_out and manifest["question"]["ask"] == "everything":
            faults.append(Fault("question", NODES, "events are left out"))
        return faults
    if is_left_out:
        faults.append(Fault("answer", NODES, f"events after position {since} are left out"))
    if count.answer != manifest["answer"]:
        stated = json.dumps(manifest["answer"], separators=(",", ":"))
        faults.append(Fault("answer", MANIFEST, f"the manifest states {stated}"))
    return faults
