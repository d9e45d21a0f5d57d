"""Signed notes, checkpoints and cosignatures as C2SP specifies them (c2sp.org/signed-note,
c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519: Final = b"\x01"
"""The kind of keys that sign notes (c2sp.org/signed-note)."""
COSIGNATURE: Final = b"\x04"
"""The kind of a witness's keys. They also sign the time (c2sp.org/tlog-cosignature)."""
SIGNED_BY: Final = "\u2014 "
_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_TIME = 253_402_300_799
"""The end of the year 9999: many clocks cannot represent later times."""
_NAME = r"[^+\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]+"
"""No plus sign and no Unicode white space."""
_SIGNATURE = re.compile(f"{SIGNED_BY}({_NAME}) ([A-Za-z0-9+/=]+)")
_KEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/=]+)")
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteBroken(ValueError):
    """A note is malformed, or its key has not signed it."""


class Key(NamedTuple):
    """The public key of a log or a witness, with its name."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        """The key ID, which distinguishes keys of one name."""
        content = self.name.encode() + b"\n" + self.kind + self.public
        return hashlib.sha256(content).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as text: NAME+ID+BASE64."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.kind + self.public).decode()}"


class Checkpoint(NamedTuple):
    """The size of a log and the root hash of its tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_key(text: str, kind: bytes = ED25519) -> Key:
    """Parse a key's text. Raises NoteBroken."""
    found = _KEY.fullmatch(text.removesuffix("\n"))
    if found is None:
        raise NoteBroken("a key must have the form NAME+ID+BASE64, on one line")
    material = decode_base64(found[3])
    if material[:1] != kind or len(material) != 33:
        wanted = "a key of a witness" if kind == COSIGNATURE else "an Ed25519 key"
        raise NoteBroken(f"it is not {wanted}")
    key = Key(found[1], material[1:], kind)
    if key.id.hex() != found[2]:
        raise NoteBroken(f"the ID {found[2]} is not that of the key")
    return key


def open_note(note: bytes, key: Key) -> str:
    """The text that the key has signed. Signatures of other keys are not verified. Raises NoteBroken."""
    text, signature = _find_signature(note, key)
    _require_valid_signature(key, signature, text.encode())
    return text


def has_signed(key: Key, note: bytes) -> bool:
    """Whether the key has signed the note."""
    try:
        open_note(note, key)
    except NoteBroken:
        return False
    return True


def cosignature_time(note: bytes, witness: Key) -> int:
    """The POSIX time at which the witness has cosigned the note. Raises NoteBroken."""
    text, signature = _find_signature(note, witness)
    at = int.from_bytes(signature[:_TIME_BYTES])
    if at > _MAX_TIME:
        raise NoteBroken(f"the witness's time {at} is after the year 9999")
    _require_valid_signature(witness, signature[_TIME_BYTES:], cosignature_text(text, at))
    return at


def cosignature_text(text: str, at: int) -> bytes:
    """The message that a witness signs for a checkpoint's text."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def split_note(note: bytes) -> tuple[str, Sequence[tuple[str, str, bytes]]]:
    """The text, and its signature lines, each as (line, key name, decoded signature). Nothing else may
    follow the text. Raises NoteBroken."""
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise NoteBroken("it is not UTF-8") from None
    if _CONTROL.search(whole):
        raise NoteBroken("it has control characters")
    text, gap, signatures = whole.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise NoteBroken("it has no signature")
    return f"{text}\n", [_parse_signature(line) for line in signatures[:-1].split("\n")]


def _parse_signature(line: str) -> tuple[str, str, bytes]:
    found = _SIGNATURE.fullmatch(line)
    if found is None or len(signature := decode_base64(found[2])) <= _ID_BYTES:
        raise NoteBroken("a line after the text is not a signature")
    return f"{line}\n", found[1], signature


def _find_signature(note: bytes, key: Key) -> tuple[str, bytes]:
    """The text, and the key's signature without the key ID."""
    text, signatures = split_note(note)
    for _, name, signature in signatures:
        if name == key.name and signature[:_ID_BYTES] == key.id:
            return text, signature[_ID_BYTES:]
    raise NoteBroken(f"{key.name}+{key.id.hex()} has not signed it")


def _require_valid_signature(key: Key, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        raise NoteBroken("the signature does not match the text") from None


def open_checkpoint(note: bytes, key: Key) -> Checkpoint:
    """The checkpoint in a note that the key has signed. Raises NoteBroken."""
    return parse_checkpoint(open_note(note, key))


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse a checkpoint's text; no signature is verified. Raises NoteBroken."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise NoteBroken("it is not a checkpoint")
    if _SIZE.fullmatch(lines[1]) is None:
        raise NoteBroken(f"its size {lines[1]!r} is not a decimal number")
    root = decode_base64(lines[2])
    if len(root) != 32:
        raise NoteBroken("its root is not a hash of 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def decode_base64(text: str) -> bytes:
    """Decode base64 in its canonical spelling. Raises NoteBroken."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or base64.b64encode(found).decode() != text:
        raise NoteBroken("it contains invalid base64")
    return found
