"""The keys of checkpoints and of witnesses. They are kept outside the database, so that write access to
it does not allow signing."""

import base64
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infrastructure.durable_files import create_file
from infrastructure.verifier import notes

_PREFIX = "PRIVATE+KEY+"


class KeyUnusable(Exception):
    """The key of checkpoints or of the witness cannot be used."""


class KeyMissing(KeyUnusable):
    """There is no key of checkpoints."""


class Signer:
    """A private key and its name. `key` is the public part."""

    def __init__(self, name: str, private: Ed25519PrivateKey, kind: bytes = notes.ED25519) -> None:
        self._private = private
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = notes.Key(name, public, kind)

    def signed(self, text: str) -> bytes:
        """The text, which must end with a newline, as a signed note."""
        return f"{text}\n{self.signature(text)}".encode()

    def signature(self, text: str) -> str:
        """The signature line for a text."""
        return self._line(self._private.sign(text.encode()))

    def cosignature(self, text: str, at: int) -> str:
        """A witness's signature line for a checkpoint, at POSIX time `at`."""
        assert self.key.kind == notes.COSIGNATURE
        return self._line(at.to_bytes(8) + self._private.sign(notes.cosignature_text(text, at)))

    def _line(self, signature: bytes) -> str:
        return f"{notes.SIGNED_BY}{self.key.name} {base64.b64encode(self.key.id + signature).decode()}\n"

    @property
    def secret(self) -> str:
        seed = base64.b64encode(self.key.kind + self._private.private_bytes_raw()).decode()
        return f"{_PREFIX}{self.key.name}+{self.key.id.hex()}+{seed}"


def open_signer(text_or_file: str) -> Signer:
    """Open a key given as text (`PRIVATE+KEY+…`) or as a file, which is made if it is missing. Raises
    KeyUnusable."""
    if text_or_file.startswith(_PREFIX):
        return _parse_signer(text_or_file, notes.ED25519)
    return _read_signer(Path(text_or_file), f"casetrail/{secrets.token_hex(4)}", notes.ED25519)


def open_existing_signer(text_or_file: str) -> Signer:
    """Open a key like `open_signer`, but make none. Raises KeyMissing or KeyUnusable."""
    if not text_or_file.startswith(_PREFIX) and not Path(text_or_file).exists():
        raise KeyMissing(f"there is no key file {text_or_file}")
    return open_signer(text_or_file)


def read_only_signer(text_or_file: str) -> Signer:
    """Open a key for a process that only reads. If it is missing, a new key that is not stored and has
    signed nothing. Raises KeyUnusable."""
    try:
        return open_existing_signer(text_or_file)
    except KeyMissing:
        return Signer("casetrail/none", Ed25519PrivateKey.generate())


def open_cosigner(file: Path) -> Signer:
    """Open a witness's key, made if it is missing. Raises KeyUnusable."""
    return _read_signer(file, f"witness/{secrets.token_hex(4)}", notes.COSIGNATURE)


def make_successor(file: Path, name: str) -> Signer:
    """Open the key that will succeed one of this name, made if it is missing. Raises KeyUnusable."""
    return _read_signer(file, name, notes.ED25519)


def _read_signer(file: Path, name: str, kind: bytes) -> Signer:
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            made = Signer(name, Ed25519PrivateKey.generate(), kind)
            create_file(file, f"{made.secret}\n".encode())
        return _parse_signer(file.read_text(encoding="ascii"), kind)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{file}: {error}") from None


def _parse_signer(text: str, kind: bytes) -> Signer:
    parts = text.strip().removeprefix(_PREFIX).split("+", 2)
    try:
        name, number, seed = parts[0], parts[1], notes.decode_base64(parts[2])
        found = Signer(name, Ed25519PrivateKey.from_private_bytes(seed[1:]), kind)
    except (IndexError, notes.NoteBroken, ValueError):
        raise KeyUnusable(f"it must have the form {_PREFIX}NAME+ID+BASE64") from None
    if seed[:1] != kind or found.key.id.hex() != number:
        raise KeyUnusable("its ID is not that of the key")
    return found
