"""Rotation of the checkpoint key: both keys sign the last checkpoint, and the former key is kept to
verify the checkpoints that it signed."""

from pathlib import Path

from infrastructure.durable_files import fsync_directory
from infrastructure.postgres.rows import Connection
from infrastructure.transparency.checkpoints import (
    LOCK,
    Checkpoints,
    latest_checkpoint,
    store_signature,
)
from infrastructure.transparency.former_keys import add_former_key
from infrastructure.transparency.signing_keys import Signer, make_successor, open_signer
from infrastructure.verifier.notes import open_note


def rotate_checkpoint_key(connection: Connection, checkpoints: Checkpoints, file: Path) -> Signer:
    """Rotate the key in `file`; return the new key, under the former's name, so that the log's origin
    stays. Run it again if it was interrupted. Raises KeyUnusable or LogNotAsWitnessed."""
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
            signed_note = store_signature(connection, size, after.key, line)
            checkpoints.outside.keep(size, signed_note.encode())
        add_former_key(checkpoints.outside, before.key, last[0] if last is not None else 0)
        beside.replace(file)
        fsync_directory(file.parent)
    return after
