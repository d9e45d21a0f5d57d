"""Receipts: proofs that an event is at a position of a signed log, in one file (c2sp.org/tlog-proof). Their
extra data is the event's envelope, whose hash is the leaf."""

import base64
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from domain.merkle.hashing import HASH_BYTES
from domain.merkle.verification import is_included
from infrastructure.verifier import notes
from infrastructure.verifier.bundle_format import MAX_COUNT, Fault
from infrastructure.verifier.cosigned import (
    Cosigned,
    Outcome,
    find_cosignatures,
    outcome_of,
    quorum_faults,
)
from infrastructure.verifier.trust_policy import TrustPolicy

FIRST_LINE: Final = b"c2sp.org/tlog-proof@v1"
FILE: Final = "receipt"
ENVELOPE: Final = "envelope"
MOST_HASHES: Final = 63
LARGEST_BYTES: Final = 16 << 20
_INDEX: Final = re.compile(rb"index (0|[1-9][0-9]{0,15})")
_EXTRA: Final = b"extra "
_TEXT: Final = re.compile(r"(?:[^\n]+\n){3,}")
PROVES: Final = "this envelope is the event at this position of the signed log"
PROVES_COSIGNED: Final = f"{PROVES}, and the quorum of witnesses has cosigned it"


class Receipt(NamedTuple):
    """A parsed receipt. `leaf_index` counts from 0; `note` is the signed checkpoint as it is."""

    leaf_index: int
    hashes: Sequence[bytes]
    note: bytes
    extra: bytes | None = None


class ReceiptVerdict(NamedTuple):
    """The result of a verification."""

    verified: bool
    faults: Sequence[Fault]
    key: str | None = None
    """The key of the log."""
    position: int | None = None
    size: int | None = None
    root: str | None = None
    leaf: str | None = None
    cosigned: Sequence[Cosigned] = ()
    """The witnesses of the policy that have cosigned it, in the policy's order."""
    unchecked: Sequence[str] = ()
    """Witnesses whose cosignatures are there and cannot be verified here; they do not count."""
    proves: str | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The verdict as both verifiers print it."""
        return {
            **self._asdict(),
            "faults": [fault._asdict() for fault in self.faults],
            "unchecked": [*self.unchecked],
            "cosigned": [one.document for one in self.cosigned],
            "outcome": self.outcome.value,
        }

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.faults)


class ReceiptBroken(Exception):
    """The receipt cannot be verified any further."""

    def __init__(self, code: str, detail: str, line: int | None = None, file: str = FILE) -> None:
        super().__init__(detail)
        self.fault = Fault(code, file, detail, line)


def is_receipt(content: bytes) -> bool:
    """Whether a file claims to be a receipt."""
    return content.startswith(FIRST_LINE + b"\n")


def encode_receipt(receipt: Receipt) -> bytes:
    """The receipt as a file."""
    extra = [_EXTRA + base64.b64encode(receipt.extra)] if receipt.extra else []
    hashes = [base64.b64encode(digest) for digest in receipt.hashes]
    lines = [FIRST_LINE, *extra, b"index %d" % receipt.leaf_index, *hashes]
    return b"\n".join(lines) + b"\n\n" + receipt.note


def parse_receipt(content: bytes) -> Receipt:
    """Parse a receipt; nothing is verified. Raises ReceiptBroken."""
    if len(content) > LARGEST_BYTES:
        raise ReceiptBroken("receipt", f"it has more than {LARGEST_BYTES} bytes")
    head, gap, note = content.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    if first != FIRST_LINE:
        raise ReceiptBroken("receipt", f"it must begin with {FIRST_LINE.decode()}", 1)
    number, extra = 2, None
    if lines and lines[0].startswith(_EXTRA):
        extra = _decode(lines.pop(0)[len(_EXTRA) :], number)
        number += 1
    found = _INDEX.fullmatch(lines[0]) if lines else None
    if found is None or int(found[1]) >= MAX_COUNT:
        raise ReceiptBroken("receipt", "the line must be `index` and a number", number)
    if len(lines) - 1 > MOST_HASHES:
        raise ReceiptBroken("receipt", f"a proof has at most {MOST_HASHES} hashes", number + 1)
    hashes = [_decode(line, number + n) for n, line in enumerate(lines[1:], 1)]
    for n, digest in enumerate(hashes, 1):
        if len(digest) != HASH_BYTES:
            raise ReceiptBroken("receipt", f"a hash has {HASH_BYTES} bytes", number + n)
    if not gap:
        raise ReceiptBroken("receipt", "an empty line and a checkpoint must follow")
    return Receipt(int(found[1]), hashes, note, extra)


def _decode(text: bytes, line: int) -> bytes:
    try:
        return notes.decode_base64(text.decode("ascii"))
    except ValueError:
        raise ReceiptBroken("receipt", "the line contains invalid base64", line) from None


def verify_receipt(
    content: bytes, policy: TrustPolicy, envelope: bytes | None = None
) -> ReceiptVerdict:
    """Verify a receipt by the logs, the witnesses and the quorum of a policy. `envelope`: the event, if
    the receipt does not contain it."""
    try:
        return _verify(parse_receipt(content), policy, envelope)
    except ReceiptBroken as broken:
        return ReceiptVerdict(False, [broken.fault])


def _verify(receipt: Receipt, policy: TrustPolicy, envelope: bytes | None) -> ReceiptVerdict:
    event = receipt.extra if envelope is None else envelope
    if event is None:
        detail = "the receipt has no envelope: give it as a file"
        raise ReceiptBroken(ENVELOPE, detail, file=ENVELOPE)
    key, signed = open_by_policy(receipt.note, policy)
    faults = list[Fault]()
    if receipt.extra not in (None, event):
        faults.append(Fault(ENVELOPE, ENVELOPE, "the file is not the envelope of the receipt"))
    found = find_cosignatures(receipt.note, policy)
    faults += quorum_faults(found, policy, FILE)
    leaf = sha256(b"\x00" + event).digest()
    if not is_included(receipt.leaf_index, signed.size, leaf, receipt.hashes, signed.root):
        detail = "the proof does not lead from the envelope to the signed root"
        faults.append(Fault("inclusion", FILE, detail))
    proves = PROVES_COSIGNED if policy.quorum is not None else PROVES
    return ReceiptVerdict(
        verified=not faults,
        faults=faults,
        key=key.text,
        position=receipt.leaf_index + 1,
        size=signed.size,
        root=signed.root.hex(),
        leaf=leaf.hex(),
        cosigned=found.cosigned,
        proves=None if faults else proves,
    )


def open_by_policy(note: bytes, policy: TrustPolicy) -> tuple[notes.Key, notes.Checkpoint]:
    """The checkpoint in a note, and the first log of the policy that has signed it. Raises ReceiptBroken:
    also if any signature of a known log is not valid."""
    try:
        text, _ = notes.split_note(note)
        if _TEXT.fullmatch(text) is None:
            raise notes.NoteBroken("a line of it is empty")
        found = notes.parse_checkpoint(text)
        if found.size > MAX_COUNT:
            raise notes.NoteBroken("its size is too large")
        keys = [log.key for log in policy.logs if log.key.name == found.origin]
        keys = [key for key in keys if notes.has_line_of(key, note)]
        for key in keys:
            notes.open_note(note, key)
    except notes.NoteBroken as error:
        detail = f"the checkpoint cannot be verified: {error}"
        raise ReceiptBroken("checkpoint", detail) from None
    if not keys:
        detail = f"no known key of the log {found.origin} has signed the checkpoint"
        raise ReceiptBroken("checkpoint", detail)
    return keys[0], found
