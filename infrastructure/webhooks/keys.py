"""The keys of the secrets that are valid now, and signatures by them."""

import binascii
import hmac
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from domain.sources.signature_schemes import SignatureScheme, StandardWebhooks, signing_key


class Key(Struct, frozen=True):
    index: int
    """Of its secret."""
    value: bytes
    is_public: bool = False
    """Of Ed25519: everybody may know it, so it never is a key of an HMAC."""


def usable_keys(scheme: SignatureScheme, secrets: Sequence[str]) -> list[Key]:
    """The keys of all secrets that can be one of the scheme."""
    found = []
    for index, secret in enumerate(secrets):
        try:
            value = signing_key(scheme, secret)
        except ValueError:
            continue
        is_public = isinstance(scheme, StandardWebhooks) and secret.startswith("whpk_")
        found.append(Key(index, value, is_public))
    return found


def hmac_of(key: bytes, message: Iterable[bytes], algorithm: str = "sha256") -> bytes:
    """The HMAC of the parts, one after the other."""
    code = hmac.new(key, digestmod=algorithm)
    for part in message:
        code.update(part)
    return code.digest()


def ed25519_fits(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def from_base64(text: str) -> bytes | None:
    """The bytes; None unless this is the one way in which base64 writes them."""
    try:
        value = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    return value if binascii.b2a_base64(value, newline=False) == text.encode("latin-1") else None


def same(given: str, expected: bytes) -> bool:
    """Whether the header's bytes are the expected ones, in constant time."""
    return hmac.compare_digest(wire_bytes(given), expected)


def wire_bytes(value: str) -> bytes:
    """The bytes of a header that were read as Latin-1."""
    return value.encode("latin-1", "backslashreplace")
