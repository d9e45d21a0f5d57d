"""Makes receipts: tlog-proofs up to the last checkpoint, or the last one that a quorum has cosigned."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from application.log.recorder import leaf_digest
from domain.errors import NotWitnessedYet, ReceiptNotReady
from domain.merkle.tree import inclusion_proof
from domain.merkle.verification import is_included
from infrastructure.postgres.datastore import Datastore, retry_lost_connection
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency.export import LogAltered
from infrastructure.transparency.nodes import PositionsMissing, read_nodes
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.transparency.stored_checkpoints import checkpoint_of_size
from infrastructure.verifier import notes
from infrastructure.verifier.cosigned import find_cosignatures
from infrastructure.verifier.receipts import Receipt, encode_receipt
from infrastructure.verifier.trust_policy import TrustPolicy

CHECKPOINT_SECONDS: Final = 3.0
"""A worker makes a checkpoint this often while the log grows."""
KEEP_SECONDS: Final = 0.25
"""How long a process serves the same checkpoint before it looks for a later one."""
_PAGE = 500
_LARGEST = 2**63 - 1
_SIGNED = "SELECT size, '{}'::text[] FROM checkpoints"
_COSIGNED = "SELECT size, array_agg(signed_by) FROM checkpoint_signatures"
_LATEST_FIRST = (
    "WHERE origin_number = (SELECT max(origin_number) FROM checkpoints) AND size > %s AND size < %s "
    "GROUP BY size ORDER BY size DESC LIMIT %s"
)


class UsableCheckpoint(NamedTuple):
    size: int
    root: bytes
    note: bytes


class Receipts:
    """Makes the receipts of one log. `opened` verifies the log's own signature on a note; it raises
    NoteBroken."""

    def __init__(
        self,
        datastore: Datastore,
        policy: TrustPolicy,
        opened: Callable[[bytes], notes.Checkpoint] | None = None,
    ) -> None:
        self.policy = policy
        self._datastore = datastore
        self._opened = opened
        self._names = {witness.key.text: witness.name for witness in policy.witnesses}
        self._kept: dict[bool, tuple[float, UsableCheckpoint | None]] = {}
        self._lock = threading.Lock()

    @retry_lost_connection
    def envelope(self, position: int) -> bytes | None:
        """The envelope of the event at a position, as stored; None if there is none."""
        with self._datastore.get_connection() as connection:
            query = "SELECT state FROM stored_events WHERE notification_id = %s"
            rows = fetch_rows(connection, query, position)
        return bytes(rows[0][0]) if rows else None

    @retry_lost_connection
    def receipt(self, position: int, envelope: bytes, *, cosigned: bool = True) -> bytes:
        """The receipt of the event at a position, as a file. `envelope`: that of the event.

        Raises ReceiptNotReady until the position is signed and, if `cosigned`, the quorum of witnesses
        has cosigned it; and LogAltered if the event is not the one that was signed.
        """
        with self._datastore.get_connection() as connection:
            found = self._latest(connection, cosigned)
            if found is None or found.size < position:
                raise self._not_ready(connection, position, cosigned)
            read = partial(read_nodes, connection)
            try:
                hashes = inclusion_proof(position - 1, found.size, read)
            except PositionsMissing as error:
                raise LogAltered(str(error)) from None
        if not is_included(position - 1, found.size, leaf_digest(envelope), hashes, found.root):
            raise LogAltered(f"position {position} is not the one that was signed")
        return encode_receipt(Receipt(position - 1, hashes, found.note, envelope))

    @retry_lost_connection
    def covers(self, position: int, *, cosigned: bool = True) -> bool:
        """Whether a receipt of the position can be made."""
        with self._datastore.get_connection() as connection:
            found = self._latest(connection, cosigned)
        return found is not None and found.size >= position

    def _not_ready(self, connection: Connection, position: int, cosigned: bool) -> ReceiptNotReady:
        signed = self._latest(connection, False)
        if signed is None or signed.size < position:
            return ReceiptNotReady(
                f"position {position} is not signed yet; while a worker runs, it is within "
                f"{CHECKPOINT_SECONDS:g} seconds",
                position=position,
                retry_after=int(CHECKPOINT_SECONDS),
            )
        who = ", ".join(find_cosignatures(signed.note, self.policy).names) or "no witness"
        return ReceiptNotReady(
            f"position {position} is signed, but not cosigned by the quorum {self.policy.quorum} yet: "
            f"{who} has cosigned the last checkpoint",
            position=position,
            retry_after=int(CHECKPOINT_SECONDS),
        )

    def _latest(self, connection: Connection, cosigned: bool) -> UsableCheckpoint | None:
        """The last usable checkpoint, read at most every KEEP_SECONDS."""
        is_quorum_needed = cosigned and self.policy.quorum is not None
        with self._lock:
            until, last = self._kept.get(is_quorum_needed, (0.0, None))
            if time.monotonic() < until:
                return last
            found = self._find(connection, last, is_quorum_needed)
            self._kept[is_quorum_needed] = (time.monotonic() + KEEP_SECONDS, found)
            return found

    def _find(
        self, connection: Connection, last: UsableCheckpoint | None, is_quorum_needed: bool
    ) -> UsableCheckpoint | None:
        """The last usable checkpoint. Only those after the `last` one found are looked at, if that is
        still there."""
        stored = checkpoint_of_size(connection, last.size) if last is not None else None
        # After a loss, another checkpoint may have the size of a lost one.
        is_there = last is not None and stored is not None and last.root == _root_in(stored.note)
        after = last.size if last is not None and is_there else 0
        for size in self._sizes(connection, after, is_quorum_needed):
            if (stored := checkpoint_of_size(connection, size)) is not None:
                usable = self._usable(stored.note.encode(), size, is_quorum_needed)
                if usable is not None:
                    return usable
        return last if is_there else None

    def _sizes(self, connection: Connection, after: int, is_quorum_needed: bool) -> Iterator[int]:
        """The sizes of checkpoints that may be usable, the largest first."""
        source, before = _COSIGNED if is_quorum_needed else _SIGNED, _LARGEST
        while True:
            rows = fetch_rows(connection, f"{source} {_LATEST_FIRST}", after, before, _PAGE)
            for before, signed_by in rows:
                names = [self._names[key] for key in signed_by if key in self._names]
                if not is_quorum_needed or self.policy.is_quorum(names):
                    yield before
            if len(rows) < _PAGE:
                return

    def _usable(self, note: bytes, size: int, is_quorum_needed: bool) -> UsableCheckpoint | None:
        """The checkpoint of a stored note if its signatures are valid: other roles can add rows."""
        try:
            if self._opened is not None:
                found = self._opened(note)
            else:
                found = notes.parse_checkpoint(notes.split_note(note)[0])
            names = find_cosignatures(note, self.policy).names
        except notes.NoteBroken:
            return None
        except KeyUnusable as error:
            raise NotWitnessedYet(f"this process cannot verify checkpoints: {error}") from None
        if found.size != size or (is_quorum_needed and not self.policy.is_quorum(names)):
            return None
        return UsableCheckpoint(size, found.root, note)


def _root_in(note: str) -> bytes | None:
    try:
        return notes.parse_checkpoint(notes.split_note(note.encode())[0]).root
    except notes.NoteBroken:
        return None
