"""Another key for checkpoints: the last one is signed by both, and the former is kept to open those
that it has signed."""

from __future__ import annotations

from pathlib import Path

from infrastructure.postgres.account import sync
from infrastructure.transparency.checkpoints import LOCK, Checkpoints, keep_signature, latest
from infrastructure.transparency.former_keys import retire
from infrastructure.transparency.nodes import Connection
from infrastructure.transparency.signing_keys import Signer, signer, successor
from infrastructure.verifier.notes import opened


def rotate(connection: Connection, checkpoints: Checkpoints, file: Path) -> Signer:
    """The key that signs from now on, with the name of the one before: the log's origin stays. What is
    cut off is made up for by doing it again. Raises KeyUnusable or LogNotAsWitnessed."""
    checkpoints.make(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        before = signer(str(file))
        beside = file.with_name(f"{file.name}.next")
        after = successor(beside, before.key.name)
        last = latest(connection)
        if last is not None:
            size, note = last
            line = after.signature(opened(note.encode(), before.key))
            whole = keep_signature(connection, size, after.key, line)
            checkpoints.outside.keep(size, whole.encode())
        retire(checkpoints.outside, before.key, last[0] if last is not None else 0)
        beside.replace(file)
        sync(file.parent)
    return after
