"""Rotation of the checkpoint key: both keys sign the last checkpoint, and the former key is kept to
verify the checkpoints that it signed."""

from pathlib import Path

from domain.losses import origin_name, origin_number
from infrastructure.durable_files import fsync_directory
from infrastructure.postgres.rows import Connection
from infrastructure.transparency.checkpoints import LOCK, Checkpoints
from infrastructure.transparency.former_keys import FormerKey, add_former_key, read_former_keys
from infrastructure.transparency.outside_checkpoints import size_of_note
from infrastructure.transparency.signing_keys import Signer, make_successor, open_signer
from infrastructure.transparency.stored_checkpoints import (
    StoredCheckpoint,
    latest_checkpoint,
    store_signature,
)
from infrastructure.verifier.losses import stated_losses
from infrastructure.verifier.notes import has_signed, open_note


def key_lines(checkpoints: Checkpoints) -> list[str]:
    """The keys that have signed, a line each, the one in force last: FIRST UNTIL KEY, where UNTIL is `-` for
    that one. After an accepted loss a key has a name, and a line, for each origin.

    Raises KeyUnusable or LogNotAsWitnessed.
    """
    last = checkpoints.last_external()
    former = read_former_keys(checkpoints.outside)
    losses = stated_losses(last) if last is not None else []
    found, first = list[FormerKey](), 0
    for loss in losses:
        found += [one for one in former if one.key.name == loss.origin]
        key = checkpoints.signer.named(loss.origin).key
        number = origin_number(checkpoints.signer.key.name, loss.origin) or 1
        if has_signed(key, checkpoints.outside.of_origin(number).latest() or b""):
            since = found[-1].until if found and found[-1].key.name == loss.origin else first
            found.append(FormerKey(key, since, loss.size))
        first = loss.first - 1
    number = checkpoints.number_of(last) if last is not None else 1
    key = checkpoints.signer_of(number).key
    found += [one for one in former if one.key.name == key.name]
    since = found[-1].until if found and found[-1].key.name == key.name else first
    return [*(one.line.rstrip("\n") for one in found), f"{since} - {key.text}"]


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
            name = origin_name(before.key.name, last.number)
            former, next_ = before.named(name), after.named(name)
            line = next_.signature(open_note(last.note.encode(), former.key))
            signed_note = store_signature(connection, last, next_.key, line)
            checkpoints.outside.of_origin(last.number).keep(last.size, signed_note.encode())
            _add_former_keys(checkpoints, before, last)
        else:
            add_former_key(checkpoints.outside, before.key, 0)
        beside.replace(file)
        fsync_directory(file.parent)
    return after


def _add_former_keys(checkpoints: Checkpoints, before: Signer, last: StoredCheckpoint) -> None:
    """List the key under the name of each origin whose last checkpoint it has signed."""
    for number in range(1, last.number + 1):
        key = before.named(origin_name(before.key.name, number)).key
        note = checkpoints.outside.of_origin(number).latest() or b""
        if number == last.number or has_signed(key, note):
            until = last.size if number == last.number else size_of_note(note)
            add_former_key(checkpoints.outside, key, until)
