"""One key: AES-256-GCM (NIST SP 800-38D), with a nonce that follows from what is encrypted.

The nonce is a keyed BLAKE2b (RFC 7693) of the content and all that is bound to it, under a second secret: one that comes
twice belongs to the same content in the same envelope, which is then the same text (as in RFC 5297, 1.3).
So two writers never need to agree on nonces, and what is written again reads the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.log.sealing import SealBroken

SECRET_BYTES = 64
_NONCE = 12


class AesKey:
    __slots__ = ("_aes", "_nonces", "ref")

    def __init__(self, ref: str, secret: bytes) -> None:
        self.ref = ref
        self._aes = AESGCM(secret[:32])
        self._nonces = secret[32:SECRET_BYTES]

    def seal(self, content: bytes, about: bytes) -> str:
        told = len(about).to_bytes(8) + about + content
        # Of a short text, OpenSSL's HMAC would hand the interpreter's lock over and wait to get it back.
        nonce = hashlib.blake2b(told, key=self._nonces, digest_size=_NONCE).digest()
        return base64.b64encode(nonce + self._aes.encrypt(nonce, content, about)).decode()

    def open(self, text: str, about: bytes) -> bytes:
        try:
            sealed = base64.b64decode(text, validate=True)
            return self._aes.decrypt(sealed[:_NONCE], sealed[_NONCE:], about)
        except (InvalidTag, ValueError, binascii.Error):
            raise SealBroken(
                f"what is sealed with key {self.ref} does not open: it, its envelope or the key was changed"
            ) from None


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)
