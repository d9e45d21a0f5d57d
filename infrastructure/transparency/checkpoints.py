"""Checkpoints: signed sizes and roots of the log, and the check that the log still extends the last."""

from collections.abc import Callable
from functools import partial

from psycopg.errors import InsufficientPrivilege

from application.log.recorder import leaf_digest
from domain.merkle.tree import root_at
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency import nodes
from infrastructure.transparency.acknowledged import AcknowledgedHeads, AcknowledgedMissing
from infrastructure.transparency.former_keys import read_former_keys
from infrastructure.transparency.outside_checkpoints import DISPUTED_FILE, OutsideCheckpoints
from infrastructure.transparency.signing_keys import KeyUnusable, Signer
from infrastructure.verifier import notes

LOCK = 0x0CA5E7A4
"""Advisory lock, held while a checkpoint is made and while the key is rotated."""
_SELECT_NOTE = """
    SELECT size, note || coalesce((SELECT string_agg(line, '' ORDER BY made_at, signed_by)
        FROM checkpoint_signatures WHERE checkpoint_signatures.size = checkpoints.size), '')
    FROM checkpoints
"""


class LogNotAsWitnessed(Exception):
    """The log is not the one that was witnessed outside the database; writes are halted."""


class Checkpoints:
    """Checkpoints of one database, signed by one key, kept in one place outside the database."""

    def __init__(
        self,
        signer: Signer,
        outside: OutsideCheckpoints,
        again: Callable[[], Signer] | None = None,
        heads: AcknowledgedHeads | None = None,
    ) -> None:
        """`again` rereads the key, which another process may have rotated; `heads` are the positions
        acknowledged since the last checkpoint."""
        self._signer = signer
        self.outside = outside
        self._heads = heads
        self._again = again

    @property
    def signer(self) -> Signer:
        """The key in force, reread because others may rotate it. Raises KeyUnusable."""
        if self._again is not None:
            self._signer = self._again()
        return self._signer

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
        with connection.transaction():
            if not nodes.try_lock(connection, LOCK):
                return None
            self._require_key_in_force()
            self.require_as_witnessed(connection)
            last = latest_checkpoint(connection)
            if last is not None and last[0] >= size:
                made, size, note = None, last[0], self._verify_stored_note(connection, *last)
            elif not size:
                return None
            else:
                root = root_at(size, partial(nodes.read_nodes, connection))
                made = notes.Checkpoint(self.signer.key.name, size, root)
                note = self.signer.signed(made.text)
                connection.execute(
                    "INSERT INTO checkpoints (size, root, note) VALUES (%s, %s, %s)",
                    (size, root, note.decode()),
                )
        # Only a stored checkpoint is kept outside; after a crash in between, the next call keeps it.
        if self.outside.note(size) is None:
            self.outside.keep(size, note)
            self.outside.thin_out()
        return made

    def _verify_stored_note(self, connection: Connection, size: int, note: str) -> bytes:
        """The database's last note, signed by the key in force; the signature is added if it is missing.
        Other roles can add such rows, so the root is checked first. Raises LogNotAsWitnessed."""
        try:
            text, _ = notes.split_note(note.encode())
            stated = notes.parse_checkpoint(text)
        except notes.NoteBroken as error:
            raise LogNotAsWitnessed(
                f"The last checkpoint in the database is not ours: {error}"
            ) from None
        if stated.size != size or not _has_root_of(connection, stated):
            raise LogNotAsWitnessed(
                f"The checkpoint of {size} positions in the database does not have this log's root."
            )
        try:
            notes.open_note(note.encode(), self.signer.key)
        except notes.NoteBroken:
            note = store_signature(connection, size, self.signer.key, self.signer.signature(text))
        return note.encode()

    def _require_key_in_force(self) -> None:
        key = self.signer.key
        if any(former.key == key for former in read_former_keys(self.outside)):
            raise KeyUnusable(
                f"the checkpoint key {key.text} was rotated: give this process its successor"
            )

    def require_continuation(self, connection: Connection) -> None:
        """Require that the log extends the last checkpoint outside, and lift a halt. If it does not,
        halts the log and raises LogNotAsWitnessed or PositionsMissing."""
        try:
            if (why := self.outside.disputed()) is not None:
                raise LogNotAsWitnessed(
                    f"{why} To accept the log anyway, remove {self.outside.place}/{DISPUTED_FILE}."
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
        """The last checkpoint outside the database. Raises LogNotAsWitnessed if no key of this log has
        signed it, and KeyUnusable if our key was rotated."""
        note = self.outside.latest()
        try:
            return self.opened(note) if note is not None else None
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
            inside = self.opened(stored[1].encode()) if stored is not None else None
        except notes.NoteBroken:  # anybody who may write to the table can add such a row
            inside = None
        if inside is None or (outside is not None and outside.size >= inside.size):
            return outside
        return inside

    def opened(self, note: bytes) -> notes.Checkpoint:
        """The checkpoint in a note, verified with the key in force or a former one. Raises NoteBroken."""
        try:
            return notes.open_checkpoint(note, self.signer.key)
        except notes.NoteBroken:
            for former in read_former_keys(self.outside):
                if former.has_signed(note):
                    return notes.open_checkpoint(note, former.key)
            raise

    def require_as_witnessed(self, connection: Connection) -> None:
        """Require that the log has the root of the last checkpoint, as far as nodes are filled in, and
        the acknowledged positions. Raises LogNotAsWitnessed or KeyUnusable."""
        witnessed = self._last_signed(connection)
        if witnessed is not None:
            self._require_continuation(connection, witnessed)
        if self._heads is not None:
            try:
                self._heads.require_stored(connection)
            except AcknowledgedMissing as error:
                raise LogNotAsWitnessed(str(error)) from None

    def _require_continuation(self, connection: Connection, witnessed: notes.Checkpoint) -> None:
        stored = nodes.read_head(connection)
        if stored >= witnessed.size and _has_root_of(connection, witnessed):
            return
        heads = self._heads.known() if self._heads is not None else []
        known = max([witnessed.size, *(head.position for head in heads)])
        counts = f"{witnessed.size} positions were witnessed"
        counts += f" and {known} acknowledged" if known > witnessed.size else ""
        counts += f", the log has {stored}"
        if known > stored:
            counts += f": {known - stored} are missing ({stored + 1} to {known})"
        difference = self._describe_difference(connection, min(stored, witnessed.size), witnessed)
        raise LogNotAsWitnessed(
            f"{counts}{difference}. Restore a later backup. The checkpoints are in "
            f"{self.outside.place}; another database needs its own CASETRAIL_CHECKPOINTS."
        )

    def _describe_difference(
        self, connection: Connection, stored: int, last: notes.Checkpoint
    ) -> str:
        """Where the log first differs: between two witnessed sizes, or at an altered position."""
        good, bad = 0, last.size if last.size <= stored else None
        sizes = [size for size in self.outside.sizes() if size <= stored]
        low, high = 0, len(sizes)
        while low < high:
            middle = (low + high) // 2
            note = self.outside.note(sizes[middle])
            try:
                holds = note is not None and _has_root_of(connection, self.opened(note))
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


def halt_log(connection: Connection) -> None:
    """Halt the log: the database then refuses every append. Takes the lock that an append takes."""
    connection.execute("SELECT halt_log()")


def lift_halt(connection: Connection) -> None:
    """Lift a halt. The roles of a running service may not, since an attacker could then use them.
    Raises LogNotAsWitnessed if this connection may not either."""
    if connection.execute("SELECT FROM log_head WHERE halted").fetchone() is None:
        return
    try:
        connection.execute("SELECT lift_halt()")
    except InsufficientPrivilege:
        raise LogNotAsWitnessed(
            "The log is as witnessed again, but writes are still halted, and this role may not lift the "
            "halt: run `casetrail migrate` with the role that migrates."
        ) from None


def latest_checkpoint(connection: Connection) -> tuple[int, str] | None:
    """Size and note of the database's last checkpoint, with all its signatures."""
    rows = fetch_rows(connection, f"{_SELECT_NOTE} ORDER BY size DESC LIMIT 1")
    return (rows[0][0], rows[0][1]) if rows else None


def checkpoint_of_size(connection: Connection, size: int) -> str | None:
    """The note of the checkpoint of that size, with all its signatures."""
    rows = fetch_rows(connection, f"{_SELECT_NOTE} WHERE size = %s", size)
    return str(rows[0][1]) if rows else None


def store_signature(connection: Connection, size: int, key: notes.Key, line: str) -> str:
    """Add a signature to a stored checkpoint; return the note with all signatures."""
    connection.execute(
        "INSERT INTO checkpoint_signatures (size, signed_by, line) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (size, key.text, line),
    )
    note = checkpoint_of_size(connection, size)
    assert note is not None
    return note


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


def _has_root_of(connection: Connection, witnessed: notes.Checkpoint) -> bool:
    try:
        return root_at(witnessed.size, partial(nodes.read_nodes, connection)) == witnessed.root
    except nodes.PositionsMissing:
        return False
