"""The checkpoints in the database, each known by the number of its origin and by its size."""

from typing import NamedTuple

from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.verifier import notes

SELECT_NOTE = """
    SELECT size, note || coalesce((SELECT string_agg(line, '' ORDER BY made_at, signed_by)
        FROM checkpoint_signatures AS more WHERE more.size = checkpoints.size
        AND more.origin_number = checkpoints.origin_number), ''), origin_number
    FROM checkpoints
"""


class StoredCheckpoint(NamedTuple):
    size: int
    note: str
    """With all its signatures."""
    number: int
    """The number of its origin."""


def latest_checkpoint(connection: Connection, number: int | None = None) -> StoredCheckpoint | None:
    """The last checkpoint of an origin; None: of the last origin that has one."""
    rows = fetch_rows(
        connection,
        f"{SELECT_NOTE} WHERE coalesce(origin_number = %s, true) "
        "ORDER BY origin_number DESC, size DESC LIMIT 1",
        number,
    )
    return StoredCheckpoint(*rows[0]) if rows else None


def checkpoint_of_size(connection: Connection, size: int) -> StoredCheckpoint | None:
    """The checkpoint of that size, of the last origin that has one."""
    rows = fetch_rows(
        connection, f"{SELECT_NOTE} WHERE size = %s ORDER BY origin_number DESC LIMIT 1", size
    )
    return StoredCheckpoint(*rows[0]) if rows else None


def every_checkpoint(connection: Connection) -> list[StoredCheckpoint]:
    rows = fetch_rows(connection, f"{SELECT_NOTE} ORDER BY origin_number, size")
    return [StoredCheckpoint(*row) for row in rows]


def store_checkpoint(
    connection: Connection, number: int, made: notes.Checkpoint, note: bytes
) -> None:
    connection.execute(
        "INSERT INTO checkpoints (origin_number, size, root, note) VALUES (%s, %s, %s, %s)",
        (number, made.size, made.root, note.decode()),
    )


def store_signature(
    connection: Connection, stored: StoredCheckpoint, key: notes.Key, line: str
) -> str:
    """Add a signature to a stored checkpoint; return the note with all signatures."""
    connection.execute(
        "INSERT INTO checkpoint_signatures (origin_number, size, signed_by, line) "
        "VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (stored.number, stored.size, key.text, line),
    )
    rows = fetch_rows(
        connection,
        f"{SELECT_NOTE} WHERE origin_number = %s AND size = %s",
        *(stored.number, stored.size),
    )
    return str(rows[0][1])
