"""The Merkle tree compared with its definition in RFC 9162 and with vectors of other projects."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.merkle.hashing import EMPTY_ROOT, leaf_hash
from domain.merkle.tree import (
    Frontier,
    OutsideTree,
    consistency_proof,
    covering_subtrees,
    inclusion_proof,
    root_at,
)
from domain.merkle.verification import is_consistent, is_included

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "vectors" / "merkle" / "testdata"
SIZES = st.integers(1, 300)


def naive_root(entries):
    """MTH, as RFC 9162 defines it."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\1" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


def naive_path(m, entries):
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*naive_path(m, entries[:k]), naive_root(entries[k:])]
    return [*naive_path(m - k, entries[k:]), naive_root(entries[:k])]


def naive_proof(m, entries, whole=True):
    if m == len(entries):
        return [] if whole else [naive_root(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m <= k:
        return [*naive_proof(m, entries[:k], whole), naive_root(entries[k:])]
    return [*naive_proof(m - k, entries[k:], False), naive_root(entries[:k])]


def entries_of(size):
    return [f"event {n}".encode() for n in range(size)]


def reading(entries):
    return lambda nodes: [naive_root(entries[node.first : node.end]) for node in nodes]


def flipped(hash_):
    return bytes([hash_[0] ^ 1]) + hash_[1:]


def test_an_empty_tree_has_the_root_of_the_rfc():
    assert Frontier().root() == EMPTY_ROOT == naive_root([])


@given(SIZES)
def test_roots_and_proofs_match_the_definition(size):
    entries = entries_of(size)
    read, frontier = reading(entries), Frontier()
    for entry in entries:
        frontier.add(entry)
    assert frontier.root() == root_at(size, read) == naive_root(entries)
    leaf, before = (size * 7) % size, max(1, size * 3 // 5)
    assert inclusion_proof(leaf, size, read) == naive_path(leaf, entries)
    assert consistency_proof(before, size, read) == naive_proof(before, entries)


@given(SIZES, st.data())
def test_every_proof_verifies_and_no_altered_proof_does(size, data):
    entries = entries_of(size)
    read, root = reading(entries), naive_root(entries)
    leaf = data.draw(st.integers(0, size - 1))
    digest, proof = leaf_hash(entries[leaf]), inclusion_proof(leaf, size, read)
    assert is_included(leaf, size, digest, proof, root)
    assert not is_included(leaf, size, flipped(digest), proof, root)
    assert not is_included(leaf, size, digest, [*proof, digest], root)
    for n, one in enumerate(proof):
        assert not is_included(
            leaf, size, digest, [*proof[:n], flipped(one), *proof[n + 1 :]], root
        )
        assert not is_included(leaf, size, digest, proof[:n], root)
    before = data.draw(st.integers(1, size))
    old, steps = naive_root(entries[:before]), consistency_proof(before, size, read)
    assert is_consistent(before, size, old, root, steps)
    assert not is_consistent(before, size, flipped(old), root, steps)
    for n, one in enumerate(steps):
        altered = [*steps[:n], flipped(one), *steps[n + 1 :]]
        assert not is_consistent(before, size, old, root, altered)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_a_frontier_continues_from_its_saved_state(size, more):
    leaves = [leaf_hash(entry) for entry in entries_of(size + more)]
    at_once, in_two = Frontier(), Frontier()
    at_once.extend(leaves)
    in_two.extend(leaves[:size])
    again = Frontier(size, [one for _, one in in_two._peaks])
    again.extend(leaves[size:])
    assert again.root() == at_once.root()
    assert again.size == size + more


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_covering_subtrees_have_no_gaps_and_are_few(start, more):
    nodes, at = covering_subtrees(start, start + more), start
    for node in nodes:
        assert node.first == at
        at = node.end
    assert at == start + more
    assert len(nodes) <= 2 * max(1, (start + more).bit_length())


def test_a_subtree_is_refused_where_its_height_does_not_fit():
    frontier = Frontier()
    frontier.add(b"one")
    with pytest.raises(OutsideTree):
        frontier.push(1, bytes(32))


def test_an_inclusion_proof_among_a_million_reads_a_few_nodes():
    reads = []

    def read(nodes):
        reads.append(len(nodes))
        return [bytes(32)] * len(nodes)

    for leaf in (0, 1, 524_287, 524_288, 999_998, 999_999):
        reads.clear()
        inclusion_proof(leaf, 1_000_000, read)
        assert sum(reads) < 40


@pytest.mark.skipif(not VECTORS.is_dir(), reason="../shared/data/vectors/merkle is not here")
def test_vectors_of_other_implementations_pass():
    """Test data of other implementations, if this machine has them; never copied."""
    found = {"inclusion": 0, "consistency": 0}
    for file in sorted(VECTORS.glob("inclusion/**/*.json")):
        vector = json.loads(file.read_text())
        proof = [base64.b64decode(one) for one in vector["proof"] or ()]
        holds = is_included(
            vector["leafIdx"],
            vector["treeSize"],
            base64.b64decode(vector["leafHash"] or ""),
            proof,
            base64.b64decode(vector["root"] or ""),
        )
        assert holds is not vector["wantErr"], file
        found["inclusion"] += 1
    for file in sorted(VECTORS.glob("consistency/**/*.json")):
        vector = json.loads(file.read_text())
        holds = is_consistent(
            vector["size1"],
            vector["size2"],
            base64.b64decode(vector["root1"] or ""),
            base64.b64decode(vector["root2"] or ""),
            [base64.b64decode(one) for one in vector["proof"] or ()],
        )
        assert holds is not vector["wantErr"], file
        found["consistency"] += 1
    assert all(found.values()), found
