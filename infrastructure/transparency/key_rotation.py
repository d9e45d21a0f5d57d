"""Another key for checkpoints: the last one is signed by both, and the former is kept to open those
that it has signed."""

from __future__ import annotations

from pathlib import Path

from infrastructure.postgres.account import fsync_directory
from infrastructure.transparency.checkpoints import (
    LOCK,
    Checkpoints,
    latest_checkpoint,
    store_signature,
)
from infrastructure.transparency.former_keys import add_former_key
from infrastructure.transparency.nodes import Connection
from infrastructure.transparency.signing_keys import Signer, make_successor, open_signer
from infrastructure.verifier.notes import open_note


def rotate_checkpoint_key(connection: Connection, checkpoints: Checkpoints, file: Path) -> Signer:
    """The key that signs from now on, with the name of the one before: the log's origin stays. What is
    cut off is made up for by doing it again. Raises KeyUnusable or LogNotAsWitnessed."""
    checkpoints.make(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        before = open_signer(str(file))
        beside = file.with_name(f"{file.name}.next")
        after = make_successor(beside, before.key.name)
        last = latest_checkpoint(connection)
        if last is not None:
            size, note = last
            line = after.signature(open_note(note.encode(), before.key))
            whole = store_signature(connection, size, after.key, line)
            checkpoints.outside.keep(size, whole.encode())
        add_former_key(checkpoints.outside, before.key, last[0] if last is not None else 0)
        beside.replace(file)
        fsync_directory(file.parent)
    return after
