"""Signed statements of what the log is, made as it grows, and whether it still goes on from the last."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from psycopg.errors import InsufficientPrivilege
from psycopg.rows import tuple_row

from application.log.recorder import leaf_digest
from domain.merkle.tree import root_at
from infrastructure.transparency.acknowledged import AcknowledgedMissing, Heads
from infrastructure.transparency.former_keys import former_keys
from infrastructure.transparency.nodes import (
    Connection,
    PositionsMissing,
    fill_all,
    head,
    is_first,
    read,
)
from infrastructure.transparency.outside_checkpoints import DISPUTED, Outside
from infrastructure.transparency.signing_keys import KeyUnusable, Signer
from infrastructure.verifier.notes import (
    Checkpoint,
    Key,
    NoteBroken,
    checkpoint_in,
    checkpoint_of,
    opened,
    parted,
)

LOCK = 0x0CA5E7A4
"""Held by whoever makes a checkpoint, or another key the one that makes them."""
_NOTES = """
    SELECT size, note || coalesce((SELECT string_agg(line, '' ORDER BY made_at, signed_by)
        FROM checkpoint_signatures WHERE checkpoint_signatures.size = checkpoints.size), '')
    FROM checkpoints
"""


class LogNotAsWitnessed(Exception):
    """The log is not the one that was witnessed outside the database; nothing is written to it."""


class Checkpoints:
    """Of one database, signed by one key, witnessed in one directory."""

    def __init__(
        self,
        signer: Signer,
        outside: Outside,
        again: Callable[[], Signer] | None = None,
        heads: Heads | None = None,
    ) -> None:
        """`again` reads the key anew, which may have been rotated meanwhile; `heads` are what was
        acknowledged since the last one."""
        self._signer = signer
        self.outside = outside
        self._heads = heads
        self._again = again

    @property
    def signer(self) -> Signer:
        """The key in force, which others may have rotated since the last look. Raises KeyUnusable."""
        if self._again is not None:
            self._signer = self._again()
        return self._signer

    def make(self, connection: Connection) -> Checkpoint | None:
        """One of the log as it stands, if it has grown. Raises KeyUnusable, or LogNotAsWitnessed or
        PositionsMissing, and then nobody writes."""
        try:
            return self._made(connection)
        except (LogNotAsWitnessed, PositionsMissing):
            halt(connection)
            raise

    def _made(self, connection: Connection) -> Checkpoint | None:
        # The size comes first: what is appended from here on is not filled in, and not signed yet.
        size = head(connection)
        fill_all(connection)
        with connection.transaction():
            if not is_first(connection, LOCK):
                return None
            self._must_be_in_force()
            self.must_be_as_witnessed(connection)
            last = latest(connection)
            if last is not None and last[0] >= size:
                made, size, note = None, last[0], self._ours(connection, *last)
            elif not size:
                return None
            else:
                root = root_at(size, partial(read, connection))
                made = Checkpoint(self.signer.key.name, size, root)
                note = self.signer.signed(made.text)
                connection.execute(
                    "INSERT INTO checkpoints (size, root, note) VALUES (%s, %s, %s)",
                    (size, root, note.decode()),
                )
        # Only what is stored is witnessed; a crash between the two is made up for the next time.
        if self.outside.note(size) is None:
            self.outside.keep(size, note)
            self.outside.thin_out()
        return made

    def _ours(self, connection: Connection, size: int, note: str) -> bytes:
        """The note of the database, which whoever may add rows beside the log can write: true of this log,
        and signed by the key in force; if not yet, now it is. Raises LogNotAsWitnessed."""
        try:
            text, _ = parted(note.encode())
            told = checkpoint_in(text)
        except NoteBroken as error:
            raise LogNotAsWitnessed(
                f"The last checkpoint in the database is not ours: {error}"
            ) from None
        if told.size != size or not _is(connection, told):
            raise LogNotAsWitnessed(f"The checkpoint of {size} positions is not of this log.")
        try:
            opened(note.encode(), self.signer.key)
        except NoteBroken:
            note = keep_signature(connection, size, self.signer.key, self.signer.signature(text))
        return note.encode()

    def _must_be_in_force(self) -> None:
        key = self.signer.key
        if any(former.key == key for former in former_keys(self.outside)):
            raise KeyUnusable(
                f"{key.text} was rotated: give this process the key that came after it"
            )

    def must_go_on(self, connection: Connection) -> None:
        """The last checkpoint outside is of a beginning of this log: what kept others from writing is
        lifted. Raises LogNotAsWitnessed, and then nobody writes."""
        try:
            if (why := self.outside.disputed()) is not None:
                raise LogNotAsWitnessed(
                    f"{why} Whoever decides otherwise removes {self.outside.place}/{DISPUTED}."
                )
            if self.outside.latest() is not None:
                fill_all(connection)
            self.must_be_as_witnessed(connection)
        except (LogNotAsWitnessed, PositionsMissing):
            halt(connection)
            raise
        go_on(connection)

    def compare(self, connection: Connection) -> None:
        """The same, and nothing is done about it. Raises LogNotAsWitnessed, PositionsMissing or
        KeyUnusable."""
        self.must_be_as_witnessed(connection)

    def last_outside(self) -> Checkpoint | None:
        """Raises LogNotAsWitnessed for one that no key of this log has signed, and KeyUnusable where
        ours is not the key that signs any more."""
        note = self.outside.latest()
        return self._witnessed(note) if note is not None else None

    def opened(self, note: bytes) -> Checkpoint:
        """By the key in force, or by the one that was when it was signed. Raises NoteBroken."""
        try:
            return checkpoint_of(note, self.signer.key)
        except NoteBroken:
            for former in former_keys(self.outside):
                if former.has_signed(note):
                    return checkpoint_of(note, former.key)
            raise

    def must_be_as_witnessed(self, connection: Connection) -> None:
        """As far as it is filled in, and with what was acknowledged since. Raises LogNotAsWitnessed or
        KeyUnusable."""
        witnessed = self.last_outside()
        if witnessed is not None:
            self._must_go_on(connection, witnessed)
        if self._heads is not None:
            try:
                self._heads.must_be_there(connection)
            except AcknowledgedMissing as error:
                raise LogNotAsWitnessed(str(error)) from None

    def _witnessed(self, note: bytes) -> Checkpoint:
        try:
            return self.opened(note)
        except NoteBroken as error:
            self._must_be_in_force()  # else what was signed since is no fault of the log
            raise LogNotAsWitnessed(
                f"{self.outside.place}/latest: {error}. Set CASETRAIL_CHECKPOINT_KEY to the key "
                "that signed it."
            ) from None

    def _must_go_on(self, connection: Connection, witnessed: Checkpoint) -> None:
        stored = head(connection)
        if stored >= witnessed.size and _is(connection, witnessed):
            return
        heads = self._heads.known() if self._heads is not None else []
        known = max([witnessed.size, *(head.position for head in heads)])
        told = f"{witnessed.size} positions were witnessed"
        told += f" and {known} acknowledged" if known > witnessed.size else ""
        told += f", {stored} are there"
        if known > stored:
            told += f": {known - stored} are missing ({stored + 1} to {known})"
        differ = self._what_differs(connection, min(stored, witnessed.size), witnessed)
        raise LogNotAsWitnessed(
            f"{told}{differ}. Restore a later backup. What was witnessed lies in "
            f"{self.outside.place}; another database needs a CASETRAIL_CHECKPOINTS of its own."
        )

    def _what_differs(self, connection: Connection, stored: int, last: Checkpoint) -> str:
        """Between two witnessed sizes, for what lies in between was never witnessed by itself."""
        good, bad = 0, last.size if last.size <= stored else None
        sizes = [size for size in self.outside.sizes() if size <= stored]
        low, high = 0, len(sizes)
        while low < high:
            middle = (low + high) // 2
            note = self.outside.note(sizes[middle])
            try:
                holds = note is not None and _is(connection, self.opened(note))
            except NoteBroken:
                holds = False
            if holds:
                good, low = sizes[middle], middle + 1
            else:
                bad, high = sizes[middle], middle
        if bad is None:
            return f"; the first {good} are as they were witnessed" if good else ""
        altered = first_altered(connection, good, bad)
        if altered is not None:
            return f"; position {altered} is the first that differs"
        return f"; of positions {good + 1} to {bad} at least one differs, none before them"


def halt(connection: Connection) -> None:
    """Nothing is appended any more, by whomever. It takes the lock that an append takes."""
    connection.execute("SELECT halt_log()")


def go_on(connection: Connection) -> None:
    """Lift a halt. None of the roles that run may: a service that was taken over could. Raises
    LogNotAsWitnessed where this connection may not either."""
    halted = connection.execute("SELECT FROM log_head WHERE halted").fetchone()
    if halted is None:
        return
    try:
        connection.execute("SELECT lift_halt()")
    except InsufficientPrivilege:
        raise LogNotAsWitnessed(
            "It was not, and is again; writes are still halted, and this address may not lift that: "
            "run `casetrail migrate` with the one that migrates."
        ) from None


def latest(connection: Connection) -> tuple[int, str] | None:
    """Size and note of the last one in the database, with all that have signed it."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(f"{_NOTES} ORDER BY size DESC LIMIT 1".encode()).fetchone()


def note_of(connection: Connection, size: int) -> str | None:
    """The same of that size."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(f"{_NOTES} WHERE size = %s".encode(), (size,)).fetchone()
    return str(row[1]) if row is not None else None


def keep_signature(connection: Connection, size: int, key: Key, line: str) -> str:
    """Beside those that the checkpoint has; the note with all of them."""
    connection.execute(
        "INSERT INTO checkpoint_signatures (size, signed_by, line) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (size, key.text, line),
    )
    note = note_of(connection, size)
    assert note is not None
    return note


def first_altered(connection: Connection, after: int, upto: int) -> int | None:
    """The first position whose envelope is not what its leaf says."""
    with connection.transaction(), connection.cursor("altered", row_factory=tuple_row) as cursor:
        cursor.execute(
            "SELECT notification_id, state, leaf FROM stored_events WHERE notification_id > %s "
            "AND notification_id <= %s ORDER BY notification_id",
            (after, upto),
        )
        for position, state, leaf in cursor:
            if leaf_digest(bytes(state)) != bytes(leaf):
                return int(position)
    return None


def _is(connection: Connection, witnessed: Checkpoint) -> bool:
    try:
        return root_at(witnessed.size, partial(read, connection)) == witnessed.root
    except PositionsMissing:
        return False
