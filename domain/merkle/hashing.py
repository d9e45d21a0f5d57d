"""The two hashes of the tree (RFC 9162, 2.1.1). Their prefixes keep a leaf from passing for a node."""

from __future__ import annotations

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
    """The level above of an even number of neighbours, the first of which is a left child."""
    return [
        _sha256(b"\x01" + left + right).digest()
        for left, right in zip(hashes[::2], hashes[1::2], strict=True)
    ]
