"""Checkpoints: signed sizes and roots of the log, and the check that the log still extends the last."""

from collections.abc import Callable
from functools import partial

from application.log.recorder import leaf_digest
from domain.losses import origin_name, origin_number
from domain.merkle.tree import root_at
from infrastructure.postgres.rows import Connection
from infrastructure.postgres.standbys import StandbyGate
from infrastructure.transparency import nodes
from infrastructure.transparency.acknowledged import AcknowledgedHeads, AcknowledgedMissing
from infrastructure.transparency.former_keys import read_former_keys
from infrastructure.transparency.halts import halt_log, lift_halt
from infrastructure.transparency.origins import LogNotAsWitnessed as LogNotAsWitnessed
from infrastructure.transparency.origins import Origins, read_origins
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import KeyUnusable, Signer
from infrastructure.transparency.stored_checkpoints import (
    StoredCheckpoint,
    latest_checkpoint,
    store_checkpoint,
    store_signature,
)
from infrastructure.verifier import notes

LOCK = 0x0CA5E7A4
"""Advisory lock, held while a checkpoint is made and while the key is rotated."""
STANDBY_SECONDS = 1.0
"""How long one attempt to sign waits for the standbys."""
ACCEPTED_FILE = "accepted.{number}"
"""The event with which an origin begins, as it is stored."""


class Checkpoints:
    """Checkpoints of one database, signed by one key, kept in one place outside the database."""

    def __init__(
        self,
        signer: Signer,
        outside: OutsideCheckpoints,
        again: Callable[[], Signer] | None = None,
        heads: AcknowledgedHeads | None = None,
        standbys: StandbyGate | None = None,
    ) -> None:
        """`again` rereads the key, which another process may have rotated; `heads` are the positions
        acknowledged since the last checkpoint; `standbys` must flush a size before it is signed."""
        self.standbys = standbys
        self._signer = signer
        self.outside = outside
        self.heads = heads
        self._again = again

    @property
    def signer(self) -> Signer:
        """The key in force, reread because others may rotate it. Raises KeyUnusable."""
        if self._again is not None:
            self._signer = self._again()
        return self._signer

    def signer_of(self, number: int) -> Signer:
        """The key in force under the name of an origin. Raises KeyUnusable."""
        signer = self.signer
        return signer.named(origin_name(signer.key.name, number))

    def number_of(self, made: notes.Checkpoint) -> int:
        """The number of a checkpoint's origin; 1 for one of a key that was given up."""
        return origin_number(self._signer.key.name, made.origin) or 1

    def outside_of(self, connection: Connection) -> OutsideCheckpoints:
        """Those of the origin in force. Raises LogNotAsWitnessed."""
        return self.outside.of_origin(read_origins(connection).number)

    def make(self, connection: Connection) -> notes.Checkpoint | None:
        """Make a checkpoint of the log if it has grown. Raises KeyUnusable. Halts the log and raises
        LogNotAsWitnessed or PositionsMissing if it is not the witnessed one."""
        try:
            return self._make(connection)
        except (LogNotAsWitnessed, nodes.PositionsMissing):
            halt_log(connection)
            raise

    def _make(self, connection: Connection) -> notes.Checkpoint | None:
        # The size is read first: later appends have no nodes yet and are not signed.
        size = nodes.read_head(connection)
        nodes.fill_all_nodes(connection)
        if self.standbys is not None:
            with self.standbys as gate:
                if not gate.wait(STANDBY_SECONDS):
                    return None  # the next call looks again
        with connection.transaction():
            if not nodes.try_lock(connection, LOCK):
                return None
            self._require_key_in_force()
            self.require_as_witnessed(connection)
            origins = read_origins(connection)
            last = latest_checkpoint(connection, origins.number)
            if last is not None and last.size >= size:
                made, size, note = None, last.size, self._verify_stored_note(connection, last)
            elif not size:
                return None
            else:
                signer = self.signer_of(origins.number)
                root = root_at(size, partial(nodes.read_nodes, connection))
                made = notes.Checkpoint(signer.key.name, size, root, origins.extension)
                note = signer.signed(made.text)
                store_checkpoint(connection, origins.number, made, note)
        # Only a stored checkpoint is kept outside; after a crash in between, the next call keeps it.
        outside = self.outside.of_origin(origins.number)
        if outside.note(size) is None:
            outside.keep(size, note)
            outside.thin_out()
        return made

    def _verify_stored_note(self, connection: Connection, stored: StoredCheckpoint) -> bytes:
        """The database's last note, signed by the key in force; the signature is added if it is missing.
        Other roles can add such rows, so the root is checked first. Raises LogNotAsWitnessed."""
        size, note, number = stored
        key = self.signer_of(number).key
        try:
            text, _ = notes.split_note(note.encode())
            stated = notes.parse_checkpoint(text)
        except notes.NoteBroken as error:
            raise LogNotAsWitnessed(
                f"The last checkpoint in the database is not ours: {error}"
            ) from None
        if stated.size != size or not has_root_of(connection, stated):
            raise LogNotAsWitnessed(
                f"The checkpoint of {size} positions in the database does not have this log's root."
            )
        try:
            notes.open_note(note.encode(), key)
        except notes.NoteBroken:
            note = store_signature(connection, stored, key, self.signer_of(number).signature(text))
        return note.encode()

    def _require_key_in_force(self) -> None:
        key = self.signer.key
        if any(former.key.public == key.public for former in read_former_keys(self.outside)):
            raise KeyUnusable(
                f"the checkpoint key {key.text} was rotated: give this process its successor"
            )

    def require_continuation(self, connection: Connection) -> None:
        """Require that the log extends the last checkpoint outside, and lift a halt. If it does not,
        halts the log and raises LogNotAsWitnessed or PositionsMissing."""
        try:
            outside = self.outside_of(connection)
            if (why := outside.disputed()) is not None:
                raise LogNotAsWitnessed(
                    f"{why} To accept the log anyway, remove {outside.place}/{outside.disputed_file}."
                )
            if self._last_signed(connection) is not None:
                nodes.fill_all_nodes(connection)
            self.require_as_witnessed(connection)
        except (LogNotAsWitnessed, nodes.PositionsMissing):
            halt_log(connection)
            raise
        lift_halt(connection)

    def compare(self, connection: Connection) -> None:
        """The same check without a halt. Raises LogNotAsWitnessed, PositionsMissing or KeyUnusable."""
        self.require_as_witnessed(connection)

    def last_external(self) -> notes.Checkpoint | None:
        """The last checkpoint outside the database, of the last origin that has one there. Raises
        LogNotAsWitnessed if no key of this log has signed it, and KeyUnusable if our key was rotated."""
        number = max(self.outside.numbers(), default=1)
        note = self.outside.of_origin(number).latest()
        try:
            found = self.opened(note) if note is not None else None
            if found is not None and self.number_of(found) != number:
                raise notes.NoteBroken(f"it is of {found.origin}, not of origin {number}")
            return found
        except notes.NoteBroken as error:
            self._require_key_in_force()  # a rotated key of ours is not a fault of the log
            raise LogNotAsWitnessed(
                f"The last checkpoint in {self.outside.place}: {error}. Set CASETRAIL_CHECKPOINT_KEY to the key "
                "that signed it."
            ) from None

    def _last_signed(self, connection: Connection) -> notes.Checkpoint | None:
        """The largest checkpoint that a key of this log has signed, outside or in the database. Raises
        LogNotAsWitnessed or KeyUnusable like `last_external`."""
        outside, stored = self.last_external(), latest_checkpoint(connection)
        try:
            inside = self.opened(stored.note.encode()) if stored is not None else None
        except notes.NoteBroken:  # anybody who may write to the table can add such a row
            inside = None
        found = [one for one in (outside, inside) if one is not None]
        return max(found, key=lambda one: (self.number_of(one), one.size), default=None)

    def opened(self, note: bytes) -> notes.Checkpoint:
        """The checkpoint in a note, verified with the key in force or a former one. Raises NoteBroken."""
        try:
            made = notes.parse_checkpoint(notes.split_note(note)[0])
            return notes.open_checkpoint(note, self.signer_of(self.number_of(made)).key)
        except notes.NoteBroken:
            for former in read_former_keys(self.outside):
                if former.has_signed(note):
                    return notes.open_checkpoint(note, former.key)
            raise

    def require_as_witnessed(self, connection: Connection) -> None:
        """Require that the log has the root of the last checkpoint, as far as nodes are filled in, and
        the acknowledged positions. Raises LogNotAsWitnessed or KeyUnusable."""
        witnessed, origins = self._last_signed(connection), read_origins(connection)
        self._require_signed_origin(witnessed, origins)
        if witnessed is not None:
            self._require_continuation(connection, witnessed)
        if self.heads is not None:
            try:
                self.heads.require_stored(connection, origins)
            except AcknowledgedMissing as error:
                raise LogNotAsWitnessed(str(error)) from None

    def _require_signed_origin(self, witnessed: notes.Checkpoint | None, origins: Origins) -> None:
        """An event alone, which every writer could append, accepts no loss: our key must have signed
        its origin. Raises LogNotAsWitnessed."""
        signed = self.number_of(witnessed) if witnessed is not None else 1
        if origins.number > signed:
            position, event, _ = origins.losses[-1]
            raise LogNotAsWitnessed(
                f"Position {position} accepts the loss of positions {event.kept + 1} to {event.last}, but no "
                f"signed checkpoint of {event.origin} is in the database or in {self.outside.place}. "
                "Put the checkpoints back that were there, or restore a backup from before."
            )

    def _require_continuation(self, connection: Connection, witnessed: notes.Checkpoint) -> None:
        stored = nodes.read_head(connection)
        if stored >= witnessed.size and has_root_of(connection, witnessed):
            return
        number = self.number_of(witnessed)
        heads = self.heads.known(number) if self.heads is not None else []
        known = max([witnessed.size, *(head.position for head in heads)])
        counts = f"{witnessed.size} positions were witnessed"
        counts += f" and {known} acknowledged" if known > witnessed.size else ""
        counts += f", the log has {stored}"
        if known > stored:
            counts += f": {known - stored} are missing ({stored + 1} to {known})"
        difference = self._describe_difference(connection, min(stored, witnessed.size), witnessed)
        began = self.outside.place.read(ACCEPTED_FILE.format(number=number))
        if began is not None and stored + 1 == witnessed.size and number > 1:
            difference += (
                "; two people have accepted a loss: `casetrail log accept-loss` finishes that"
            )
        raise LogNotAsWitnessed(
            f"{counts}{difference}. Restore a later backup, or see `casetrail log loss`. The checkpoints are "
            f"in {self.outside.place}; another database needs its own CASETRAIL_CHECKPOINTS."
        )

    def _describe_difference(
        self, connection: Connection, stored: int, last: notes.Checkpoint
    ) -> str:
        """Where the log first differs: between two witnessed sizes, or at an altered position."""
        good, bad = 0, last.size if last.size <= stored else None
        outside = self.outside.of_origin(self.number_of(last))
        sizes = [size for size in outside.sizes() if size <= stored]
        low, high = 0, len(sizes)
        while low < high:
            middle = (low + high) // 2
            note = outside.note(sizes[middle])
            try:
                holds = note is not None and has_root_of(connection, self.opened(note))
            except notes.NoteBroken:
                holds = False
            if holds:
                good, low = sizes[middle], middle + 1
            else:
                bad, high = sizes[middle], middle
        if bad is None:
            return f"; the first {good} are as they were witnessed" if good else ""
        altered = find_first_altered(connection, good, bad)
        if altered is not None:
            return f"; position {altered} is the first that differs"
        return f"; of positions {good + 1} to {bad} at least one differs, none before them"


def find_first_altered(connection: Connection, after: int, upto: int) -> int | None:
    """The first position whose envelope does not have the stored leaf."""
    return next(
        (
            position
            for position, state, leaf in nodes.read_envelopes(connection, after + 1, upto)
            if leaf_digest(state) != leaf
        ),
        None,
    )


def has_root_of(connection: Connection, witnessed: notes.Checkpoint) -> bool:
    """Whether the log begins with the root of a checkpoint, as far as nodes are filled in."""
    try:
        return root_at(witnessed.size, partial(nodes.read_nodes, connection)) == witnessed.root
    except nodes.PositionsMissing:
        return False
