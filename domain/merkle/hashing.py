"""Leaf and node hashes (RFC 9162, 2.1.1). Different prefixes ensure that a leaf is never a node."""

import hashlib
from collections.abc import Sequence
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


def parent_hashes(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes of the level above; `hashes` is an even number, and begins with a left child."""
    return [
        _sha256(b"\x01" + left + right).digest()
        for left, right in zip(hashes[::2], hashes[1::2], strict=True)
    ]
