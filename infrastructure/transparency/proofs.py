"""Inclusion and consistency proofs of the log, up to the last checkpoint."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from domain.errors import NotWitnessedYet
from domain.merkle.tree import Node, consistency_proof, inclusion_proof, root_at
from infrastructure.postgres.datastore import Datastore, retry_lost_connection
from infrastructure.postgres.rows import Connection
from infrastructure.transparency.nodes import read_nodes
from infrastructure.transparency.stored_checkpoints import latest_checkpoint
from infrastructure.verifier.notes import parse_checkpoint, split_note

NO_CHECKPOINT_YET: Final = "there is no checkpoint yet; a worker makes one every few seconds"


class SignedCheckpoint(Struct, frozen=True):
    """A checkpoint. `note` is the signed note as C2SP specifies it; it contains size and root."""

    size: int
    root: str
    note: str


class InclusionProof(Struct, frozen=True):
    """Proof that the event at a position is in the tree of `size` leaves with this root (RFC 9162,
    2.1.3). `leaf` is SHA-256(0x00 ‖ envelope), leaf number position - 1; `hashes` lead to the root."""

    position: int
    size: int
    leaf: str
    root: str
    hashes: Sequence[str]


class ConsistencyProof(Struct, frozen=True):
    """Proof that the tree of `size` leaves extends the tree of `before` leaves (RFC 9162, 2.1.4)."""

    before: int
    size: int
    root_before: str
    root: str
    hashes: Sequence[str]


class Proofs:
    """Makes checkpoints and proofs. All methods raise NotWitnessedYet beyond the last checkpoint."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    @retry_lost_connection
    def checkpoint(self) -> SignedCheckpoint:
        with self._datastore.get_connection() as connection:
            size, note = require_checkpoint(connection)
            root = parse_checkpoint(split_note(note.encode())[0]).root
            return SignedCheckpoint(size, root.hex(), note)

    @retry_lost_connection
    def inclusion(self, position: int, size: int | None) -> InclusionProof:
        with self._datastore.get_connection() as connection:
            tree = witnessed_size(connection, size)
            if not 0 < position <= tree:
                raise NotWitnessedYet(f"position {position} is not among the first {tree}")
            read = partial(read_nodes, connection)
            hashes = inclusion_proof(position - 1, tree, read)
            leaf, root = read([Node(0, position - 1)])[0], root_at(tree, read)
        return InclusionProof(position, tree, leaf.hex(), root.hex(), [h.hex() for h in hashes])

    @retry_lost_connection
    def consistency(self, before: int, size: int | None) -> ConsistencyProof:
        with self._datastore.get_connection() as connection:
            tree = witnessed_size(connection, size)
            if not 0 < before <= tree:
                raise NotWitnessedYet(f"`before` is {before}: it must be from 1 to {tree}")
            read = partial(read_nodes, connection)
            hashes = consistency_proof(before, tree, read)
            root_before, root = root_at(before, read), root_at(tree, read)
        return ConsistencyProof(
            before, tree, root_before.hex(), root.hex(), [h.hex() for h in hashes]
        )


def witnessed_size(connection: Connection, size: int | None) -> int:
    """`size`, or that of the last checkpoint. Raises NotWitnessedYet beyond the last checkpoint."""
    witnessed, _ = require_checkpoint(connection)
    if size is not None and size > witnessed:
        raise NotWitnessedYet(f"the last checkpoint has {witnessed} positions, fewer than {size}")
    return witnessed if size is None else size


def require_checkpoint(connection: Connection) -> tuple[int, str]:
    """Size and note of the last checkpoint. Raises NotWitnessedYet."""
    found = latest_checkpoint(connection)
    if found is None:
        raise NotWitnessedYet(NO_CHECKPOINT_YET)
    return found.size, found.note
