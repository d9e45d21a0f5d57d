"""The keys of checkpoints and of witnesses. They are kept outside the database, so that write access to
it does not allow signing."""

import base64
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from infrastructure.durable_files import create_file
from infrastructure.verifier import notes

_PREFIX = "PRIVATE+KEY+"
PrivateKey = Ed25519PrivateKey | MLDSA44PrivateKey


class KeyUnusable(Exception):
    """The key of checkpoints or of the witness cannot be used."""


class KeyMissing(KeyUnusable):
    """There is no key of checkpoints."""


class Signer:
    """A private key and its name. `key` is the public part."""

    def __init__(self, name: str, private: PrivateKey, kind: bytes = notes.ED25519) -> None:
        self._private = private
        self.key = notes.Key(name, private.public_key().public_bytes_raw(), kind)

    def named(self, name: str) -> "Signer":
        """The same private key under another name, which gives it another ID."""
        return Signer(name, self._private, self.key.kind)

    def signed(self, text: str) -> bytes:
        """The text, which must end with a newline, as a signed note."""
        return f"{text}\n{self.signature(text)}".encode()

    def signature(self, text: str) -> str:
        """The signature line for a text."""
        return self._line(self._private.sign(text.encode()))

    def cosignature(self, text: str, at: int) -> str:
        """A witness's signature line for a checkpoint, at POSIX time `at`. Raises NoteBroken."""
        assert self.key.kind in notes.WITNESS_KINDS
        message = notes.cosigned_message(self.key, text, at)
        return self._line(at.to_bytes(8) + self._private.sign(message))

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


def open_cosigner(file: Path, kind: bytes | None = None) -> Signer:
    """Open a witness's key. It must be of this kind, if one is given. It is made if it is missing: without a
    kind, an Ed25519 key. Raises KeyUnusable."""
    kinds = (kind,) if kind is not None else notes.WITNESS_KINDS
    return _read_signer(file, f"witness/{secrets.token_hex(4)}", *kinds)


def make_successor(file: Path, name: str) -> Signer:
    """Open the key that will succeed one of this name, made if it is missing. Raises KeyUnusable."""
    return _read_signer(file, name, notes.ED25519)


def _read_signer(file: Path, name: str, *kinds: bytes) -> Signer:
    """Open a key of one of these kinds, or make one of the first kind."""
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            is_ml_dsa = kinds[0] == notes.ML_DSA_44
            private = MLDSA44PrivateKey.generate() if is_ml_dsa else Ed25519PrivateKey.generate()
            made = Signer(name, private, kinds[0])
            create_file(file, f"{made.secret}\n".encode())
        return _parse_signer(file.read_text(encoding="ascii"), *kinds)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{file}: {error}") from None


def _parse_signer(text: str, *kinds: bytes) -> Signer:
    parts = text.strip().removeprefix(_PREFIX).split("+", 2)
    try:
        name, number, seed = parts[0], parts[1], notes.decode_base64(parts[2])
        kind = seed[:1]
        found = Signer(name, _private_key_of(kind, seed[1:]), kind)
    except (IndexError, notes.NoteBroken, ValueError):
        raise KeyUnusable(f"it must have the form {_PREFIX}NAME+ID+BASE64") from None
    if kind not in kinds:
        raise KeyUnusable("it is a key of another kind: name another directory or file")
    if found.key.id.hex() != number:
        raise KeyUnusable("its ID is not that of the key")
    return found


def _private_key_of(kind: bytes, seed: bytes) -> PrivateKey:
    """The key with this seed of 32 bytes. Raises ValueError."""
    if kind == notes.ML_DSA_44:
        return MLDSA44PrivateKey.from_seed_bytes(seed)
    return Ed25519PrivateKey.from_private_bytes(seed)
