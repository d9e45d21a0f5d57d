"""Roots and proofs from the hashes of full subtrees, and a root that grows with the log."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from domain.merkle.hashing import EMPTY_ROOT, leaf_hash, node_hash, parent_hashes

CHUNK_LEVEL = 10


class Node(NamedTuple):
    """A full subtree of 2^level leaves, with `place` subtrees of that size to its left."""

    level: int
    place: int

    @property
    def first(self) -> int:
        return self.place << self.level

    @property
    def end(self) -> int:
        return (self.place + 1) << self.level


HashReader = Callable[[Sequence[Node]], Sequence[bytes]]
"""Returns the hashes of full subtrees, in the order of the request."""


class OutsideTree(ValueError):
    """The tree has no such leaf or size."""


def covering_subtrees(start: int, end: int) -> list[Node]:
    """The fewest full subtrees that cover the leaves from `start` up to and without `end`."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        found.append(Node(level, start >> level))
        start += 1 << level
    return found


def combine_hashes(hashes: Sequence[bytes]) -> bytes:
    """The root over the subtrees of `covering_subtrees`, where `start` is aligned to all of them."""
    root = EMPTY_ROOT
    for n, subtree in enumerate(reversed(hashes)):
        root = node_hash(subtree, root) if n else subtree
    return root


def root_at(size: int, read: HashReader) -> bytes:
    return combine_hashes(read(covering_subtrees(0, size)))


def inclusion_proof(leaf: int, size: int, read: HashReader) -> list[bytes]:
    """PATH(leaf, D[size]), lowest first (RFC 9162, 2.1.3.1). Raises OutsideTree."""
    if not 0 <= leaf < size:
        raise OutsideTree(f"leaf {leaf} is not in a tree of {size} leaves")
    spans: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if leaf < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return _span_hashes(spans[::-1], read)


def consistency_proof(before: int, size: int, read: HashReader) -> list[bytes]:
    """PROOF(before, D[size]) (RFC 9162, 2.1.4.1). Raises OutsideTree."""
    if not 0 < before <= size:
        raise OutsideTree(
            f"a tree of {before} leaves cannot be the beginning of a tree of {size} leaves"
        )
    spans: list[tuple[int, int]] = []
    start, end, begins_old_tree = 0, size, True
    while before != end:
        middle = start + _largest_power_below(end - start)
        if before <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start, begins_old_tree = middle, False
    if not begins_old_tree:
        spans.append((start, end))
    return _span_hashes(spans[::-1], read)


def _span_hashes(spans: Sequence[tuple[int, int]], read: HashReader) -> list[bytes]:
    """The hash of each span, in one read. Only the right edge of the tree needs several subtrees."""
    covers = [covering_subtrees(start, end) for start, end in spans]
    hashes = iter(read([node for cover in covers for node in cover]))
    return [combine_hashes([next(hashes) for _ in cover]) for cover in covers]


def _largest_power_below(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


class Frontier:
    """The full subtrees that cover a growing tree: all that is needed to add leaves and get its root."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """`hashes` are those of `covering_subtrees(0, size)`."""
        self.size = size
        self._peaks = [
            (node.level, subtree)
            for node, subtree in zip(covering_subtrees(0, size), hashes, strict=True)
        ]

    def add(self, entry: bytes) -> None:
        self.push(0, leaf_hash(entry))

    def push(self, level: int, subtree: bytes) -> None:
        """Append a full subtree. Raises OutsideTree if none of that level can begin here."""
        if self.size & ((1 << level) - 1):
            raise OutsideTree(f"no subtree of level {level} begins at leaf {self.size}")
        self.size += 1 << level
        while self._peaks and self._peaks[-1][0] == level:
            subtree = node_hash(self._peaks.pop()[1], subtree)
            level += 1
        self._peaks.append((level, subtree))

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Append leaf hashes; whole chunks are hashed level by level, which is faster."""
        at, chunk = 0, 1 << CHUNK_LEVEL
        while at < len(leaves):
            if self.size % chunk or len(leaves) - at < chunk:
                self.push(0, leaves[at])
                at += 1
                continue
            hashes = leaves[at : at + chunk]
            for _ in range(CHUNK_LEVEL):
                hashes = parent_hashes(hashes)
            self.push(CHUNK_LEVEL, hashes[0])
            at += chunk

    def root(self) -> bytes:
        return combine_hashes([subtree for _, subtree in self._peaks])
