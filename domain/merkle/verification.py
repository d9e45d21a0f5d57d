"""Whether a proof holds (RFC 9162, 2.1.3.2 and 2.1.4.2): for whoever has roots and trusts no server."""

from __future__ import annotations

from collections.abc import Sequence

from domain.merkle.hashing import HASH_BYTES, node_hash


def is_included(
    leaf: int, size: int, leaf_digest: bytes, proof: Sequence[bytes], root: bytes
) -> bool:
    """The leaf stands at that place of the tree with this root."""
    if not 0 <= leaf < size or not _are_hashes(leaf_digest, root, *proof):
        return False
    place, last, found = leaf, size - 1, leaf_digest
    for one in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(one, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, one)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    before: int, size: int, root_before: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """The tree with the first root is the beginning of that with the second. An empty tree, of which
    every tree is a continuation, proves nothing and is refused."""
    if not 0 < before <= size:
        return False
    if before == size:
        return not proof and root_before == root
    if not _are_hashes(root_before, root, *proof):
        return False
    steps = list(proof)
    if not before & (before - 1):
        steps.insert(0, root_before)
    if not steps:
        return False
    place, last = before - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = steps[0]
    for one in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(one, old), node_hash(one, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, one)
        place, last = place >> 1, last >> 1
    return last == 0 and old == root_before and new == root


def _are_hashes(*hashes: bytes) -> bool:
    return all(len(one) == HASH_BYTES for one in hashes)
