"""Verifies proofs (RFC 9162, 2.1.3.2 and 2.1.4.2) with roots alone, without trust in a server."""

from collections.abc import Sequence

from domain.merkle.hashing import HASH_BYTES, node_hash


def is_included(
    leaf: int, size: int, leaf_digest: bytes, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the leaf is number `leaf` of the tree with this size and root."""
    if not 0 <= leaf < size or not _are_hashes(leaf_digest, root, *proof):
        return False
    place, last, found = leaf, size - 1, leaf_digest
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    before: int, size: int, root_before: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree with `root_before` is the beginning of the tree with `root`.

    False for an empty tree: every tree continues it, so that would prove nothing.
    """
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
    for sibling in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == root_before and new == root


def _are_hashes(*hashes: bytes) -> bool:
    return all(len(digest) == HASH_BYTES for digest in hashes)
