"""The key that signs checkpoints, and that of a witness. They lie outside the database: who can write
there cannot sign."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infrastructure.verifier.notes import (
    COSIGNATURE,
    ED25519,
    SIGNED_BY,
    Key,
    NoteBroken,
    cosigned_text,
    decoded,
)

_PREFIX = "PRIVATE+KEY+"


class KeyUnusable(Exception):
    """The key for checkpoints, or that of a witness, cannot be used."""


class KeyMissing(KeyUnusable):
    """The key for checkpoints is not there."""


class Signer:
    def __init__(self, name: str, private: Ed25519PrivateKey, kind: bytes = ED25519) -> None:
        self._private = private
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = Key(name, public, kind)

    def signed(self, text: str) -> bytes:
        """The text, which ends with a line, as a note."""
        return f"{text}\n{self.signature(text)}".encode()

    def signature(self, text: str) -> str:
        """The line that it signs a text with."""
        return self._line(self._private.sign(text.encode()))

    def cosignature(self, text: str, at: int) -> str:
        """The line that a witness signs a checkpoint with."""
        assert self.key.kind == COSIGNATURE
        return self._line(at.to_bytes(8) + self._private.sign(cosigned_text(text, at)))

    def _line(self, signature: bytes) -> str:
        told = base64.b64encode(self.key.id + signature).decode()
        return f"{SIGNED_BY}{self.key.name} {told}\n"

    @property
    def secret(self) -> str:
        seed = base64.b64encode(self.key.kind + self._private.private_bytes_raw()).decode()
        return f"{_PREFIX}{self.key.name}+{self.key.id.hex()}+{seed}"


def signer(text_or_file: str) -> Signer:
    """The key itself (`PRIVATE+KEY+…`), or the file that it lies in, where one is made if there is
    none. Raises KeyUnusable."""
    if text_or_file.startswith(_PREFIX):
        return _signer_of(text_or_file, ED25519)
    return _signer_in(Path(text_or_file), f"casetrail/{secrets.token_hex(4)}", ED25519)


def known_signer(text_or_file: str) -> Signer:
    """The same, and none is made. Raises KeyMissing, KeyUnusable."""
    if not text_or_file.startswith(_PREFIX) and not Path(text_or_file).exists():
        raise KeyMissing(f"there is no key in {text_or_file}")
    return signer(text_or_file)


def looking_signer(text_or_file: str) -> Signer:
    """The same for whoever only looks: where there is none, one that has signed nothing, and is kept
    nowhere. Raises KeyUnusable."""
    try:
        return known_signer(text_or_file)
    except KeyMissing:
        return Signer("casetrail/none", Ed25519PrivateKey.generate())


def cosigner(file: Path) -> Signer:
    """A witness's, made if there is none. Raises KeyUnusable."""
    return _signer_in(file, f"witness/{secrets.token_hex(4)}", COSIGNATURE)


def successor(file: Path, name: str) -> Signer:
    """A key of the same name, made if there is none. Raises KeyUnusable."""
    return _signer_in(file, name, ED25519)


def _signer_in(file: Path, name: str, kind: bytes) -> Signer:
    try:
        if not file.exists():
            _make(file, Signer(name, Ed25519PrivateKey.generate(), kind))
        return _signer_of(file.read_text(encoding="ascii"), kind)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{file}: {error}") from None


def _signer_of(text: str, kind: bytes) -> Signer:
    parts = text.strip().removeprefix(_PREFIX).split("+", 2)
    try:
        name, number, seed = parts[0], parts[1], decoded(parts[2])
        found = Signer(name, Ed25519PrivateKey.from_private_bytes(seed[1:]), kind)
    except (IndexError, NoteBroken, ValueError):
        raise KeyUnusable(f"it does not read {_PREFIX}NAME+ID+BASE64") from None
    if seed[:1] != kind or found.key.id.hex() != number:
        raise KeyUnusable("it is not the key that its ID names")
    return found


def _make(file: Path, made: Signer) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{made.secret}\n")
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(beside, file)  # never over one that another process made meanwhile
    except FileExistsError:
        pass
    finally:
        beside.unlink()
