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
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

ED25519: Final = b"\x01"
"""The kind of keys that sign notes (c2sp.org/signed-note)."""
COSIGNATURE: Final = b"\x04"
"""The kind of a witness's Ed25519 keys. They also sign the time (c2sp.org/tlog-cosignature)."""
ML_DSA_44: Final = b"\x06"
"""The kind of a witness's ML-DSA-44 keys (FIPS 204). They also sign the time and the witness's name."""
WITNESS_KINDS: Final = (COSIGNATURE, ML_DSA_44)
SIGNED_BY: Final = "\u2014 "
_PUBLIC_BYTES: Final = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
_KIND_NAMES: Final = {
    ED25519: "an Ed25519 key",
    COSIGNATURE: "a key of a witness (Ed25519)",
    ML_DSA_44: "a key of a witness (ML-DSA-44)",
}
_SUBTREE_LABEL: Final = b"subtree/v1\n\x00"
_MOST_NAME_BYTES = 255
_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_TIME = 253_402_300_799
"""The end of the year 9999: many clocks cannot represent later times."""
_NAME = r"[^+\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]+"
"""No plus sign and no Unicode white space."""
_SIGNATURE = re.compile(f"{SIGNED_BY}({_NAME}) ([A-Za-z0-9+/=]+)")
_KEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/=]+)")
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_NUMBER = re.compile("/([2-9]|[1-9][0-9]{1,3})$")
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
    extension: str = ""
    """Further lines: each accepted loss."""

    @property
    def text(self) -> str:
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n{self.extension}"


def parse_witness_key(text: str) -> Key:
    """Parse the text of a witness's key, of either kind. Raises NoteBroken."""
    return parse_key(text, *WITNESS_KINDS)


def parse_key(text: str, *kinds: bytes) -> Key:
    """Parse the text of a key of one of these kinds, else of an Ed25519 key. Raises NoteBroken."""
    found = _KEY.fullmatch(text.removesuffix("\n"))
    if found is None:
        raise NoteBroken("a key must have the form NAME+ID+BASE64, on one line")
    material = decode_base64(found[3])
    kind, public = material[:1], material[1:]
    wanted = kinds or (ED25519,)
    if kind not in wanted or len(public) != _PUBLIC_BYTES[kind]:
        raise NoteBroken(f"it is not {' or '.join(_KIND_NAMES[one] for one in wanted)}")
    key = Key(found[1], public, kind)
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
    _require_valid_signature(witness, signature[_TIME_BYTES:], cosigned_message(witness, text, at))
    return at


def has_line_of(key: Key, note: bytes) -> bool:
    """Whether the note has a signature line with the key's name and ID; nothing is verified. Raises
    NoteBroken."""
    return any(
        name == key.name and signature[:_ID_BYTES] == key.id
        for _, name, signature in split_note(note)[1]
    )


def cosigned_message(witness: Key, text: str, at: int) -> bytes:
    """The message that a witness signs for a checkpoint's text at POSIX time `at`. Raises NoteBroken for
    names that the message of an ML-DSA-44 key cannot hold."""
    if witness.kind == COSIGNATURE:
        return f"cosignature/v1\ntime {at}\n{text}".encode()
    checkpoint = parse_checkpoint(text)
    name, origin = witness.name.encode(), checkpoint.origin.encode()
    if max(len(name), len(origin)) > _MOST_NAME_BYTES:
        raise NoteBroken(f"a name has more than {_MOST_NAME_BYTES} bytes")
    return b"".join(
        [
            _SUBTREE_LABEL,
            len(name).to_bytes(1) + name,
            at.to_bytes(8),
            len(origin).to_bytes(1) + origin,
            (0).to_bytes(8) + checkpoint.size.to_bytes(8),
            checkpoint.root,
        ]
    )


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
        if key.kind == ML_DSA_44:
            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        raise NoteBroken("the signature does not match the text") from None


def open_checkpoint(note: bytes, key: Key) -> Checkpoint:
    """The checkpoint in a note that the key has signed. Raises NoteBroken.

    Origins of one log (NAME, NAME/2 after an accepted loss) share the private key: a signature for one
    must not pass for the other under a changed name.
    """
    found = parse_checkpoint(open_note(note, key))
    if found.origin != key.name and base_name(found.origin) == base_name(key.name):
        raise NoteBroken(f"it is a checkpoint of {found.origin}, and the key is that of {key.name}")
    return found


def base_name(origin: str) -> str:
    """The origin without the number that accepted losses have added: NAME for NAME/2."""
    return _NUMBER.sub("", origin)


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
    return Checkpoint(lines[0], int(lines[1]), root, "\n".join(lines[3:]))


def decode_base64(text: str) -> bytes:
    """Decode base64 in its canonical spelling. Raises NoteBroken."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or base64.b64encode(found).decode() != text:
        raise NoteBroken("it contains invalid base64")
    return found
