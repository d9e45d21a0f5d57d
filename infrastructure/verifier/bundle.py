"""Verifies a bundle: first fast, as a whole; if that fails, slowly, to locate the differences."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from domain.merkle.tree import CHUNK_LEVEL, Frontier, OutsideTree
from infrastructure.verifier import notes
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
from infrastructure.verifier.cosigned import (
    Cosigned,
    Outcome,
    find_cosignatures,
    outcome_of,
    quorum_faults,
)
from infrastructure.verifier.differences import locate_faults
from infrastructure.verifier.losses import LossCheck, StatedLoss, stated_losses
from infrastructure.verifier.manifest import read_manifest
from infrastructure.verifier.population import PopulationCount, check_answer
from infrastructure.verifier.scope import PROVES, PopulationScope, scope_of
from infrastructure.verifier.trust_policy import TrustPolicy

GIVEN_KEY: Final = "KEY"
GIVEN_WITNESS: Final = "WITNESS"
"""Names of the given keys in a fault, where others have a file of the bundle."""
MOST_FAULTS = 100
_CHUNK = 1 << CHUNK_LEVEL
_ROOT_FAULT: Final = Fault(
    "root", CHECKPOINT_FILE, "the events and subtrees do not have the root that was signed"
)


class Verdict(NamedTuple):
    """The result of a verification. `root` is computed from the events, never read from a file."""

    verified: bool
    faults: Sequence[Fault]
    key: str | None = None
    question: Any = None
    size: int | None = None
    root: str | None = None
    events: int = 0
    answer: Any = None
    cosigned: int | None = None
    """POSIX time of the witness's cosignature, if a witness was given."""
    proves: str | None = None
    """What the bundle proves, and by that also what it does not."""
    witnesses: Sequence[Cosigned] | None = None
    """The witnesses of the given policy that have cosigned it; None without a policy."""
    unchecked: Sequence[str] = ()
    """Witnesses whose cosignatures are there and cannot be verified here; they do not count."""
    losses: Sequence[StatedLoss] = ()
    """The losses that were accepted before the checkpoint, as it states them."""

    @property
    def document(self) -> dict[str, Any]:
        """The verdict as both verifiers print it."""
        faults = [fault._asdict() for fault in self.faults[:MOST_FAULTS]]
        cosigned = self.witnesses
        return {
            **self._asdict(),
            "faults": faults,
            "witnesses": [one.document for one in cosigned] if cosigned is not None else None,
            "unchecked": [*self.unchecked],
            "losses": [loss._asdict() for loss in self.losses],
            "outcome": self.outcome.value,
        }

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.faults)


EventCallback = Callable[[int, bytes], None]
"""Gets position and envelope of each event."""


class _Mismatch(Exception):
    """The files differ from what was signed. The differences are located next."""


def verify(
    bundle: Path, *keys: str, witness: str | None = None, policy: TrustPolicy | None = None
) -> Verdict:
    """Verify a bundle with the first given key, or log of the policy, that has signed it. Without any, with
    the bundle's own key: compare that with the key that its owner publishes. The quorum of the policy must
    have cosigned it."""
    if policy is not None:
        keys = (*keys, *(log.key.text for log in policy.logs))
    try:
        known = _usable_keys(bundle, keys)
        cosigner = (
            _parse_key(witness, GIVEN_WITNESS, *notes.WITNESS_KINDS)
            if witness is not None
            else None
        )
    except BundleBroken as broken:
        return Verdict(False, [broken.fault])
    key = known[0]
    try:
        note = read_file(bundle, MANIFEST_FILE)
        key = next((key for key in known if notes.has_signed(key, note)), key)
        return _verify(bundle, note, key, cosigner, policy)
    except BundleBroken as broken:
        return Verdict(False, [broken.fault], key.text)


def _usable_keys(bundle: Path, keys: Sequence[str]) -> Sequence[notes.Key]:
    if not keys:
        try:
            return [_parse_key(read_file(bundle, KEY_FILE).decode(), KEY_FILE)]
        except UnicodeDecodeError:
            detail = "the key cannot be used: it is not UTF-8"
            raise BundleBroken(Fault("key", KEY_FILE, detail)) from None
    if len(keys) == 1:
        return [_parse_key(keys[0], GIVEN_KEY)]
    return [_parse_key(text, f"{GIVEN_KEY} {number}") for number, text in enumerate(keys, 1)]


def _parse_key(text: str, where: str, *kinds: bytes) -> notes.Key:
    try:
        return notes.parse_key(text, *kinds)
    except notes.NoteBroken as error:
        raise BundleBroken(Fault("key", where, f"the key cannot be used: {error}")) from None


def _verify(
    bundle: Path, note: bytes, key: notes.Key, witness: notes.Key | None, policy: TrustPolicy | None
) -> Verdict:
    manifest = read_manifest(note, key)
    faults = check_files(bundle, manifest["files"])
    is_changed = {fault.file for fault in faults if fault.code == "file_changed"}
    signed = _read_checkpoint(bundle, CHECKPOINT_FILE, manifest["size"], key)
    cosigned = _check_cosignature(bundle, witness, faults)
    witnesses = _check_quorum(bundle, policy, faults)
    start: int = manifest["since"]
    since = _read_checkpoint(bundle, SINCE_FILE, start, key) if start else None
    parts = list(read_runs(bundle / NODES_FILE, signed.size, start))
    events = _count_events(manifest, parts, NODES_FILE in is_changed)
    question = manifest["question"]
    count = PopulationCount(question, start) if question["ask"] == "population" else None
    scope = PopulationScope(count) if count is not None else scope_of(question)
    losses = LossCheck(stated_losses(signed), parts)
    verdict = Verdict(False, faults, key.text, question, signed.size, cosigned=cosigned)
    verdict = verdict._replace(witnesses=witnesses, losses=losses.stated)
    look = scope.add if scope is not None else None
    try:
        root = _compute_root(bundle, parts, since, losses, look, faults)
    except (_Mismatch, OutsideTree):
        found = locate_faults(bundle, parts, events, EVENTS_FILE in is_changed) or [_ROOT_FAULT]
        located = {fault.file for fault in found}
        rest = [f for f in faults if f.code != "file_changed" or f.file not in located]
        return verdict._replace(faults=[*rest, *found])
    if root != signed.root:
        faults.append(_ROOT_FAULT)
    faults += scope.faults if scope is not None else ()
    faults += losses.faults
    faults += check_answer(manifest, parts, count)
    return verdict._replace(
        verified=not faults,
        root=root.hex(),
        events=events,
        answer=count.answer if count is not None else None,
        proves=PROVES[question["ask"]] if not faults else None,
    )


def _count_events(manifest: dict[str, Any], parts: Sequence[EventRun], is_changed: bool) -> int:
    """How many events the bundle must have. Raises BundleBroken."""
    left, stated = sum(run.end - run.first for run in parts), manifest["events"]
    if left == stated:
        return left
    code, file = ("nodes", NODES_FILE) if is_changed else ("manifest", MANIFEST_FILE)
    detail = f"the subtrees leave room for {left} events, the manifest states {stated}"
    raise BundleBroken(Fault(code, file, detail))


def _compute_root(
    bundle: Path,
    parts: Sequence[EventRun],
    since: notes.Checkpoint | None,
    losses: LossCheck,
    on_event: EventCallback | None,
    faults: list[Fault],
) -> bytes:
    """The root over all events and subtrees. Raises _Mismatch."""
    frontier = Frontier()
    losses.look_at(frontier)
    with open(bundle / EVENTS_FILE, "rb") as events, open(bundle / LEAVES_FILE, "rb") as leaves:
        for run in parts:
            for node, digest in run.nodes:
                _check_earlier_root(frontier, since, faults)
                frontier.push(node.level, digest)
                losses.look_at(frontier)
            _check_earlier_root(frontier, since, faults)
            at = run.first
            while at < run.end:
                # To the end of a chunk of the tree, which is hashed as a whole.
                count = min(run.end - at, _CHUNK - (at - 1) % _CHUNK)
                count = min([count, *(stop + 1 - at for stop in losses.stops if stop >= at)])
                frontier.extend(_read_leaves(at, count, events, leaves, losses, on_event))
                losses.look_at(frontier)
                at += count
        _check_earlier_root(frontier, since, faults)
        if events.read(1) or leaves.read(1):
            raise _Mismatch
    return frontier.root()


def _read_leaves(
    first: int,
    count: int,
    events: BinaryIO,
    leaves: BinaryIO,
    losses: LossCheck,
    on_event: EventCallback | None,
) -> list[bytes]:
    found, envelopes = [], []
    for position, line in enumerate(islice(events, count), first):
        head = event_line_prefix(position)
        if not line.startswith(head) or not line.endswith(LINE_END):
            raise _Mismatch
        envelope = line[len(head) : -2]
        found.append(sha256(b"\x00" + envelope).digest())
        envelopes.append(envelope)
    if (
        len(found) != count
        or leaves.read(65 * count) != b"%b\n" % b"".join(found).hex("\n", 32).encode()
    ):
        raise _Mismatch
    for position, envelope in enumerate(envelopes, first):
        losses.add(position, envelope)
        if on_event is not None:
            on_event(position, envelope)
    return found


def _check_earlier_root(
    frontier: Frontier, since: notes.Checkpoint | None, faults: list[Fault]
) -> None:
    if since is not None and frontier.size == since.size and frontier.root() != since.root:
        lost = Fault("root", SINCE_FILE, f"the first {since.size} positions have another root")
        if lost not in faults:
            faults.append(lost)


def _read_checkpoint(bundle: Path, name: str, size: int, key: notes.Key) -> notes.Checkpoint:
    try:
        found = notes.open_checkpoint(read_file(bundle, name), key)
    except notes.NoteBroken as error:
        detail = f"the checkpoint cannot be verified: {error}"
        raise BundleBroken(Fault("checkpoint", name, detail)) from None
    if found.size != size:
        detail = f"it has {found.size} positions, the manifest states {size}"
        raise BundleBroken(Fault("checkpoint", name, detail))
    return found


def _check_cosignature(bundle: Path, witness: notes.Key | None, faults: list[Fault]) -> int | None:
    if witness is not None:
        try:
            return notes.cosignature_time(read_file(bundle, CHECKPOINT_FILE), witness)
        except notes.NoteBroken as error:
            detail = f"the witness has not cosigned it: {error}"
            faults.append(Fault("witness", CHECKPOINT_FILE, detail))
    return None


def _check_quorum(
    bundle: Path, policy: TrustPolicy | None, faults: list[Fault]
) -> Sequence[Cosigned] | None:
    if policy is None:
        return None
    found = find_cosignatures(read_file(bundle, CHECKPOINT_FILE), policy)
    faults += quorum_faults(found, policy, CHECKPOINT_FILE)
    return found.cosigned
