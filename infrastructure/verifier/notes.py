"""Signed notes, checkpoints and cosignatures as C2SP specifies them (c2sp.org/signed-note,
c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519: Final = b"\x01"
"""Of keys that sign what they wrote themselves."""
COSIGNATURE: Final = b"\x04"
"""Of a witness's keys: they sign the time, too."""
SIGNED_BY: Final = "\u2014 "
_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_TIME = 253_402_300_799
"""The year 9999: what comes later, not every clock can tell."""
_NAME = r"[^+\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]+"
"""Without a plus, and without what Unicode calls white space."""
_SIGNATURE = re.compile(f"{SIGNED_BY}({_NAME}) ([A-Za-z0-9+/=]+)")
_KEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/=]+)")
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteBroken(ValueError):
    """A note that is not what its key has signed."""


class Key(NamedTuple):
    """Whose signature is looked for."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        """Tells keys of one name apart."""
        told = self.name.encode() + b"\n" + self.kind + self.public
        return hashlib.sha256(told).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """As keys are written down and handed around."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.kind + self.public).decode()}"


class Checkpoint(NamedTuple):
    """How large the log was, and what it was."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_key(text: str, kind: bytes = ED25519) -> Key:
    """Raises NoteBroken."""
    found = _KEY.fullmatch(text.removesuffix("\n"))
    if found is None:
        raise NoteBroken("a key reads NAME+ID+BASE64, on one line")
    material = decode_base64(found[3])
    if material[:1] != kind or len(material) != 33:
        told = "a witness" if kind == COSIGNATURE else "Ed25519"
        raise NoteBroken(f"the key is none of {told}")
    key = Key(found[1], material[1:], kind)
    if key.id.hex() != found[2]:
        raise NoteBroken("the key is not the one that its ID names")
    return key


def open_note(note: bytes, key: Key) -> str:
    """The text that the key has signed; what others signed as well is theirs to check.
    Raises NoteBroken."""
    text, signature = _find_signature(note, key)
    _require_valid_signature(key, signature, text.encode())
    return text


def cosignature_time(note: bytes, witness: Key) -> int:
    """When the witness has cosigned the note, in seconds of POSIX. Raises NoteBroken."""
    text, signature = _find_signature(note, witness)
    at = int.from_bytes(signature[:_TIME_BYTES])
    if at > _MAX_TIME:
        raise NoteBroken("the witness tells no time")
    _require_valid_signature(witness, signature[_TIME_BYTES:], cosignature_text(text, at))
    return at


def cosignature_text(text: str, at: int) -> bytes:
    """What a witness signs of a checkpoint's text."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def split_note(note: bytes) -> tuple[str, Sequence[tuple[str, str, bytes]]]:
    """The text, and the lines of its signatures, each with its name and what it decodes to: below the
    text is nothing else. Raises NoteBroken."""
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
        raise NoteBroken("a line of its signatures is none")
    return f"{line}\n", found[1], signature


def _find_signature(note: bytes, key: Key) -> tuple[str, bytes]:
    """The text, and what stands behind the key's ID."""
    text, signatures = split_note(note)
    for _, name, signature in signatures:
        if name == key.name and signature[:_ID_BYTES] == key.id:
            return text, signature[_ID_BYTES:]
    raise NoteBroken(f"{key.name}+{key.id.hex()} has not signed it")


def _require_valid_signature(key: Key, signature: bytes, told: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, told)
    except InvalidSignature:
        raise NoteBroken("the signature is not that of its text") from None


def open_checkpoint(note: bytes, key: Key) -> Checkpoint:
    """Raises NoteBroken."""
    return parse_checkpoint(open_note(note, key))


def parse_checkpoint(text: str) -> Checkpoint:
    """What a text says that somebody has signed. Raises NoteBroken."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise NoteBroken("it is no checkpoint")
    if _SIZE.fullmatch(lines[1]) is None:
        raise NoteBroken("its size is not written as sizes are")
    root = decode_base64(lines[2])
    if len(root) != 32:
        raise NoteBroken("its root is no hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def decode_base64(text: str) -> bytes:
    """Base64, in its one canonical spelling. Raises NoteBroken."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or base64.b64encode(found).decode() != text:
        raise NoteBroken("what should be base64 is none")
    return found
