"""Proofs about the log as it was witnessed, from a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec import Struct
from psycopg.rows import tuple_row

from domain.errors import NotWitnessedYet
from domain.merkle.tree import Node, consistency_proof, inclusion_proof, root_at
from infrastructure.postgres.datastore import Datastore, patiently
from infrastructure.transparency.checkpoints import latest
from infrastructure.transparency.nodes import Connection, read


class SignedCheckpoint(Struct, frozen=True):
    """`note` is the signed note as C2SP specifies it: size and root stand in what is signed."""

    size: int
    root: str
    note: str


class InclusionProof(Struct, frozen=True):
    """`leaf` is SHA-256(0x00 ‖ envelope) of the event at the position: leaf number position - 1 of the
    tree of `size` leaves with this root. `hashes` lead from one to the other (RFC 9162, 2.1.3)."""

    position: int
    size: int
    leaf: str
    root: str
    hashes: Sequence[str]


class ConsistencyProof(Struct, frozen=True):
    """The tree of `size` leaves is a continuation of that of `before` (RFC 9162, 2.1.4)."""

    before: int
    size: int
    root_before: str
    root: str
    hashes: Sequence[str]


class Proofs:
    """All raise NotWitnessedYet where the last checkpoint does not reach."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    @patiently
    def checkpoint(self) -> SignedCheckpoint:
        with self._datastore.get_connection() as connection:
            size, note = _last(connection)
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT root FROM checkpoints WHERE size = %s", (size,)
            )
            return SignedCheckpoint(size, next(bytes(root).hex() for (root,) in rows), note)

    @patiently
    def inclusion(self, position: int, size: int | None) -> InclusionProof:
        with self._datastore.get_connection() as connection:
            tree = _tree(connection, size)
            if not 0 < position <= tree:
                raise NotWitnessedYet(f"position {position} is not among the first {tree}")
            of = partial(read, connection)
            hashes = inclusion_proof(position - 1, tree, of)
            leaf, root = of([Node(0, position - 1)])[0], root_at(tree, of)
        return InclusionProof(position, tree, leaf.hex(), root.hex(), [h.hex() for h in hashes])

    @patiently
    def consistency(self, before: int, size: int | None) -> ConsistencyProof:
        with self._datastore.get_connection() as connection:
            tree = _tree(connection, size)
            if not 0 < before <= tree:
                raise NotWitnessedYet(f"a log of {before} is no beginning of one of {tree}")
            of = partial(read, connection)
            hashes = consistency_proof(before, tree, of)
            root_before, root = root_at(before, of), root_at(tree, of)
        return ConsistencyProof(
            before, tree, root_before.hex(), root.hex(), [one.hex() for one in hashes]
        )


def _tree(connection: Connection, size: int | None) -> int:
    witnessed, _ = _last(connection)
    if size is not None and size > witnessed:
        raise NotWitnessedYet(f"the last checkpoint is of {witnessed} positions, not of {size}")
    return witnessed if size is None else size


def _last(connection: Connection) -> tuple[int, str]:
    found = latest(connection)
    if found is None:
        raise NotWitnessedYet("no checkpoint was made yet; a worker makes one every few seconds")
    return found
