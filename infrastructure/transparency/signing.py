"""The key that signs checkpoints. It lies outside the database: who can write there cannot sign."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infrastructure.verifier.notes import ED25519, SIGNED_BY, Key, NoteBroken, decoded

_PREFIX = "PRIVATE+KEY+"


class KeyUnusable(Exception):
    """The key for checkpoints cannot be used."""


class Signer:
    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = Key(name, public)

    def signed(self, text: str) -> bytes:
        """The text, which ends with a line, as a note."""
        signature = self.key.id + self._private.sign(text.encode())
        line = f"{SIGNED_BY}{self.key.name} {base64.b64encode(signature).decode()}\n"
        return f"{text}\n{line}".encode()

    @property
    def secret(self) -> str:
        seed = base64.b64encode(ED25519 + self._private.private_bytes_raw()).decode()
        return f"{_PREFIX}{self.key.name}+{self.key.id.hex()}+{seed}"


def signer(text_or_file: str) -> Signer:
    """The key itself (`PRIVATE+KEY+…`), or the file that it lies in, where one is made if there is
    none. Raises KeyUnusable."""
    if text_or_file.startswith(_PREFIX):
        return _signer_of(text_or_file)
    file = Path(text_or_file)
    try:
        if not file.exists():
            _make(file)
        return _signer_of(file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{file}: {error}") from None


def _signer_of(text: str) -> Signer:
    parts = text.strip().removeprefix(_PREFIX).split("+", 2)
    try:
        name, number, seed = parts[0], parts[1], decoded(parts[2])
        found = Signer(name, Ed25519PrivateKey.from_private_bytes(seed[1:]))
    except (IndexError, NoteBroken, ValueError):
        raise KeyUnusable(f"it does not read {_PREFIX}NAME+ID+BASE64") from None
    if seed[:1] != ED25519 or found.key.id.hex() != number:
        raise KeyUnusable("it is not the key that its ID names")
    return found


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    made = Signer(f"casetrail/{secrets.token_hex(4)}", Ed25519PrivateKey.generate())
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
