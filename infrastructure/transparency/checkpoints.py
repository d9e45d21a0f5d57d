"""Signed statements of what the log is, made as it grows, and whether it still goes on from the last."""

from __future__ import annotations

from functools import partial

from psycopg.rows import tuple_row

from application.log_recorder import leaf_digest
from domain.merkle.tree import root_at
from infrastructure.transparency.nodes import (
    Connection,
    PositionsMissing,
    fill_all,
    head,
    is_first,
    read,
)
from infrastructure.transparency.outside import Outside
from infrastructure.transparency.signing import Signer
from infrastructure.verifier.notes import Checkpoint, NoteBroken, checkpoint_of

_LOCK = 0x0CA5E7A4


class LogNotAsWitnessed(Exception):
    """The log is not the one that was witnessed outside the database; nothing is written to it."""


class Checkpoints:
    """Of one database, signed by one key, witnessed in one directory."""

    def __init__(self, signer: Signer, outside: Outside) -> None:
        self.signer = signer
        self.outside = outside

    def make(self, connection: Connection) -> Checkpoint | None:
        """One of the log as it stands, if it has grown. Raises LogNotAsWitnessed or PositionsMissing,
        and then nobody writes."""
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
            if not is_first(connection, _LOCK):
                return None
            self._must_go_on(connection)
            last = latest(connection)
            if last is not None and last[0] >= size:
                made, size, note = None, last[0], last[1].encode()
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

    def must_go_on(self, connection: Connection) -> None:
        """The last checkpoint outside is of a beginning of this log: what kept others from writing is
        lifted. Raises LogNotAsWitnessed, and then nobody writes."""
        try:
            if self.outside.latest() is not None:
                fill_all(connection)
                self._must_go_on(connection)
        except (LogNotAsWitnessed, PositionsMissing):
            halt(connection)
            raise
        go_on(connection)

    def compare(self, connection: Connection) -> None:
        """The same, and nothing is done about it. Raises LogNotAsWitnessed or PositionsMissing."""
        self._must_go_on(connection)

    def last_outside(self) -> Checkpoint | None:
        """Raises LogNotAsWitnessed for one that this key has not signed."""
        note = self.outside.latest()
        if note is None:
            return None
        try:
            return checkpoint_of(note, self.signer.key)
        except NoteBroken as error:
            raise LogNotAsWitnessed(
                f"{self.outside.directory}/latest: {error}. Set CASETRAIL_CHECKPOINT_KEY to the key "
                "that signed it."
            ) from None

    def _must_go_on(self, connection: Connection) -> None:
        witnessed = self.last_outside()
        if witnessed is None:
            return
        stored = head(connection)
        if stored >= witnessed.size and _is(connection, witnessed):
            return
        missing = max(0, witnessed.size - stored)
        told = f"{witnessed.size} positions were witnessed, {stored} are there"
        if missing:
            told += f": {missing} are missing ({stored + 1} to {witnessed.size})"
        differ = self._what_differs(connection, min(stored, witnessed.size), witnessed)
        raise LogNotAsWitnessed(
            f"{told}{differ}. Restore a later backup. What was witnessed lies in "
            f"{self.outside.directory}; another database needs a CASETRAIL_CHECKPOINTS of its own."
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
                holds = note is not None and _is(connection, checkpoint_of(note, self.signer.key))
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
    connection.execute(
        "CREATE OR REPLACE TRIGGER log_is_halted BEFORE UPDATE ON log_head "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_appends()"
    )


def go_on(connection: Connection) -> None:
    found = connection.execute("SELECT FROM pg_trigger WHERE tgname = 'log_is_halted'").fetchone()
    if found is not None:
        connection.execute("DROP TRIGGER IF EXISTS log_is_halted ON log_head")


def latest(connection: Connection) -> tuple[int, str] | None:
    """Size and note of the last one in the database."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(
            "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"
        ).fetchone()


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
