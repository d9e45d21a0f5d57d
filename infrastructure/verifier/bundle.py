"""Whether a bundle is what was signed: first as fast as can be, then, if it is not, where."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from domain.merkle.tree import CHUNK_LEVEL, Frontier, OutsideTree
from infrastructure.verifier.bundle_files import check_files, read_file
from infrastructure.verifier.bundle_format import (
    CHECKPOINT_FILE,
    EVENTS_FILE,
    KEY_FILE,
    LEAVES_FILE,
    LINE_END,
    MANIFEST_FILE,
    NODES_FILE,
    SINCE_FILE,
    BundleBroken,
    EventRun,
    Fault,
    event_line_prefix,
    read_runs,
)
from infrastructure.verifier.differences import locate_faults
from infrastructure.verifier.manifest import read_manifest
from infrastructure.verifier.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Key,
    NoteBroken,
    cosignature_time,
    open_checkpoint,
    open_note,
    parse_key,
)
from infrastructure.verifier.population import PopulationCount
from infrastructure.verifier.scope import PROVES, PopulationScope, scope_of

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


EventCallback = Callable[[int, bytes], None]
"""Is shown each event, with its position."""


class _Mismatch(Exception):
    """The files are not what they should be; where, is looked for next."""


def verify(bundle: Path, *keys: str, witness: str | None = None) -> Verdict:
    """By the first of the keys that are given that has signed it, else by the one that came with it:
    which then is to be compared with what its owner says."""
    try:
        known = _usable_keys(bundle, keys)
        cosigner = _parse_key(witness, GIVEN_WITNESS, COSIGNATURE) if witness is not None else None
    except BundleBroken as broken:
        return Verdict(False, [broken.fault])
    key = known[0]
    try:
        note = read_file(bundle, MANIFEST_FILE)
        key = next((key for key in known if _can_open(note, key)), key)
        return _verify(bundle, note, key, cosigner)
    except BundleBroken as broken:
        return Verdict(False, [broken.fault], key.text)


def _usable_keys(bundle: Path, keys: Sequence[str]) -> Sequence[Key]:
    if not keys:
        try:
            return [_parse_key(read_file(bundle, KEY_FILE).decode(), KEY_FILE)]
        except UnicodeDecodeError:
            raise BundleBroken(
                Fault("key", KEY_FILE, "the key cannot be used: it is not UTF-8")
            ) from None
    if len(keys) == 1:
        return [_parse_key(keys[0], GIVEN_KEY)]
    return [_parse_key(text, f"{GIVEN_KEY} {number}") for number, text in enumerate(keys, 1)]


def _parse_key(text: str, where: str, kind: bytes = ED25519) -> Key:
    try:
        return parse_key(text, kind)
    except NoteBroken as error:
        raise BundleBroken(Fault("key", where, f"the key cannot be used: {error}")) from None


def _can_open(note: bytes, key: Key) -> bool:
    try:
        open_note(note, key)
    except NoteBroken:
        return False
    return True


def _verify(bundle: Path, note: bytes, key: Key, witness: Key | None) -> Verdict:
    manifest = read_manifest(note, key)
    faults = check_files(bundle, manifest["files"])
    is_changed = {fault.file for fault in faults if fault.code == "file_changed"}
    signed = _read_checkpoint(bundle, CHECKPOINT_FILE, manifest["size"], key)
    cosigned = _check_cosignature(bundle, witness, faults)
    since = (
        _read_checkpoint(bundle, SINCE_FILE, manifest["since"], key) if manifest["since"] else None
    )
    parts = list(read_runs(bundle / NODES_FILE, signed.size, manifest["since"]))
    events = _count_events(manifest, parts, NODES_FILE in is_changed)
    question = manifest["question"]
    count = (
        PopulationCount(question, manifest["since"]) if question["ask"] == "population" else None
    )
    scope = PopulationScope(count) if count is not None else scope_of(question)
    told = Verdict(False, faults, key.text, question, signed.size, cosigned=cosigned)
    try:
        root = _compute_root(
            bundle, parts, since, scope.look if scope is not None else None, faults
        )
    except (_Mismatch, OutsideTree):
        found = locate_faults(bundle, parts, events, EVENTS_FILE in is_changed) or [_root_fault()]
        finer = {fault.file for fault in found}
        rest = [one for one in faults if one.code != "file_changed" or one.file not in finer]
        return told._replace(faults=[*rest, *found])
    if root != signed.root:
        faults.append(_root_fault())
    faults += scope.faults if scope is not None else ()
    faults += _check_answer(manifest, parts, count)
    return told._replace(
        verified=not faults,
        root=root.hex(),
        events=events,
        answer=count.answer if count is not None else None,
        proves=PROVES[question["ask"]] if not faults else None,
    )


def _count_events(manifest: dict[str, Any], parts: Sequence[EventRun], is_changed: bool) -> int:
    """How many there must be. Raises Broken."""
    left, stated = sum(run.end - run.first for run in parts), manifest["events"]
    if left == stated:
        return left
    code, file = ("nodes", NODES_FILE) if is_changed else ("manifest", MANIFEST_FILE)
    told = f"{left} events are left over by the subtrees, not {stated}"
    raise BundleBroken(Fault(code, file, told))


def _compute_root(
    bundle: Path,
    parts: Sequence[EventRun],
    since: Checkpoint | None,
    look: EventCallback | None,
    faults: list[Fault],
) -> bytes:
    """The root over all of it. Raises _Differs."""
    frontier = Frontier()
    with open(bundle / EVENTS_FILE, "rb") as events, open(bundle / LEAVES_FILE, "rb") as leaves:
        for run in parts:
            for node, digest in run.nodes:
                _check_earlier_root(frontier, since, faults)
                frontier.push(node.level, digest)
            _check_earlier_root(frontier, since, faults)
            at = run.first
            while at < run.end:
                # Up to where a chunk of the tree ends, so that it is hashed as one.
                most = min(run.end - at, _CHUNK - (at - 1) % _CHUNK)
                frontier.extend(_read_leaves(at, most, events, leaves, look))
                at += most
        _check_earlier_root(frontier, since, faults)
        if events.read(1) or leaves.read(1):
            raise _Mismatch
    return frontier.root()


def _read_leaves(
    first: int, many: int, events: BinaryIO, leaves: BinaryIO, look: EventCallback | None
) -> list[bytes]:
    found, asked = [], list[tuple[int, bytes]]()
    for position, line in enumerate(islice(events, many), first):
        head = event_line_prefix(position)
        if not line.startswith(head) or not line.endswith(LINE_END):
            raise _Mismatch
        envelope = line[len(head) : -2]
        found.append(sha256(b"\x00" + envelope).digest())
        if look is not None:
            asked.append((position, envelope))
    if (
        len(found) != many
        or leaves.read(65 * many) != b"%b\n" % b"".join(found).hex("\n", 32).encode()
    ):
        raise _Mismatch
    for position, envelope in asked:
        assert look is not None
        look(position, envelope)
    return found


def _check_earlier_root(frontier: Frontier, since: Checkpoint | None, faults: list[Fault]) -> None:
    if since is not None and frontier.size == since.size and frontier.root() != since.root:
        lost = Fault("root", SINCE_FILE, f"the first {since.size} positions have another root")
        if lost not in faults:
            faults.append(lost)


def _root_fault() -> Fault:
    return Fault(
        "root", CHECKPOINT_FILE, "the events and subtrees do not have the root that was signed"
    )


def _read_checkpoint(bundle: Path, name: str, size: int, key: Key) -> Checkpoint:
    try:
        found = open_checkpoint(read_file(bundle, name), key)
    except NoteBroken as error:
        raise BundleBroken(
            Fault("checkpoint", name, f"the checkpoint is not as signed: {error}")
        ) from None
    if found.size != size:
        raise BundleBroken(
            Fault("checkpoint", name, f"it is of {found.size} positions, not of {size}")
        )
    return found


def _check_cosignature(bundle: Path, witness: Key | None, faults: list[Fault]) -> int | None:
    if witness is not None:
        try:
            return cosignature_time(read_file(bundle, CHECKPOINT_FILE), witness)
        except NoteBroken as error:
            told = f"the witness has not cosigned it: {error}"
            faults.append(Fault("witness", CHECKPOINT_FILE, told))
    return None


def _check_answer(
    manifest: dict[str, Any], parts: Sequence[EventRun], count: PopulationCount | None
) -> list[Fault]:
    """Where nothing may be left out, each event after `since` is there."""
    since = manifest["since"]
    is_left_out = any(node.end > since for run in parts for node, _ in run.nodes)
    faults = []
    if count is None:
        if is_left_out and manifest["question"]["ask"] == "everything":
            faults.append(Fault("question", NODES_FILE, "events are left out"))
        return faults
    if is_left_out:
        faults.append(Fault("answer", NODES_FILE, f"events after position {since} are left out"))
    if count.answer != manifest["answer"]:
        stated = json.dumps(manifest["answer"], separators=(",", ":"))
        faults.append(Fault("answer", MANIFEST_FILE, f"the manifest states {stated}"))
    return faults
