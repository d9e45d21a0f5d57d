"""Encryption with one key: AES-256-GCM (NIST SP 800-38D) with a nonce derived from the plaintext.

The nonce is a keyed BLAKE2b (RFC 7693) of the content and its associated data, under a second secret. A
nonce repeats only for the same content in the same envelope, whose ciphertext is then the same (as in
RFC 5297, 1.3). So writers need not agree on nonces, and a repeated write gives the same text.
"""

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.log.sealing import SealBroken

SECRET_BYTES = 64
_NONCE_BYTES = 12


class AesKey:
    __slots__ = ("_aes", "_nonces", "ref")

    def __init__(self, ref: str, secret: bytes) -> None:
        self.ref = ref
        self._aes = AESGCM(secret[:32])
        self._nonces = secret[32:SECRET_BYTES]

    def seal(self, content: bytes, about: bytes) -> str:
        message = len(about).to_bytes(8) + about + content
        # Not an HMAC: OpenSSL's releases the interpreter lock also for short texts, and waits for it.
        nonce = hashlib.blake2b(message, key=self._nonces, digest_size=_NONCE_BYTES).digest()
        return base64.b64encode(nonce + self._aes.encrypt(nonce, content, about)).decode()

    def open(self, text: str, about: bytes) -> bytes:
        try:
            sealed = base64.b64decode(text, validate=True)
            return self._aes.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError, binascii.Error):
            raise SealBroken(
                f"data sealed with key {self.ref} cannot be decrypted: it, its envelope or the key was changed"
            ) from None


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)
