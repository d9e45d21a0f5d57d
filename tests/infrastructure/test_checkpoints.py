"""Checkpoints are made as the log grows and kept outside the database. A log that differs is halted."""

import os
import stat
import threading
import time
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append
from domain.merkle.hashing import leaf_hash
from domain.merkle.tree import Frontier, consistency_proof, inclusion_proof
from domain.merkle.verification import is_consistent, is_included
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.transparency import nodes
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import KeyUnusable, open_signer
from infrastructure.transparency.stored_checkpoints import latest_checkpoint
from infrastructure.verifier.notes import NoteBroken, open_checkpoint, parse_key
from tests.infrastructure.log_growth import append_events
from tests.tampering import without_triggers
from tests.witness_checkpoints import open_checkpoints


def states(connection):
    rows = connection.execute("SELECT state FROM stored_events ORDER BY notification_id")
    return [bytes(state) for (state,) in rows.fetchall()]


@pytest.fixture
def checkpoints(tmp_path):
    return open_checkpoints(tmp_path)


def test_a_key_is_created_once_and_readable_by_its_owner_only(tmp_path):
    file = tmp_path / "home" / "key"
    made = open_signer(str(file))
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert os.listdir(file.parent) == ["key"]
    assert (
        open_signer(str(file)).key
        == made.key
        == open_signer(made.secret).key
        == parse_key(made.key.text)
    )
    for broken in ("PRIVATE+KEY+a", made.secret[:-4] + "AAA=", made.secret.replace("/", "-")):
        with pytest.raises(KeyUnusable):
            open_signer(broken)


def test_a_checkpoint_verifies_with_its_key_only_and_with_no_byte_changed(tmp_path):
    ours, theirs = open_signer(str(tmp_path / "a")), open_signer(str(tmp_path / "b"))
    note = ours.signed(f"{ours.key.name}\n7\n{'A' * 43}=\n")
    assert open_checkpoint(note, ours.key).size == 7
    with pytest.raises(NoteBroken):
        open_checkpoint(note, theirs.key)
    for n in range(len(note)):
        with pytest.raises(NoteBroken):
            open_checkpoint(note[:n] + bytes([note[n] ^ 1]) + note[n + 1 :], ours.key)
    cosigned = note + theirs.signed("x\n").split(b"\n\n")[1]
    assert open_checkpoint(cosigned, ours.key).size == 7


@pytest.mark.parametrize("sizes", [(1,), (8,), (5, 6, 9), (100, 3, 900)])
def test_roots_and_proofs_from_the_tables_match_the_log(dsn, connection, checkpoints, sizes):
    roots = {}
    for many in sizes:
        append_events(dsn, many)
        while nodes.fill_nodes(connection, batch=64):
            pass
        made = checkpoints.make(connection)
        roots[made.size] = made.root
    assert checkpoints.make(connection) is None
    frontier, entries = Frontier(), states(connection)
    for size, entry in enumerate(entries, 1):
        frontier.add(entry)
        if size in roots:
            assert roots[size] == frontier.root()
    read, size = partial(nodes.read_nodes, connection), len(entries)
    for leaf in {0, size // 2, size - 1}:
        proof = inclusion_proof(leaf, size, read)
        assert is_included(leaf, size, leaf_hash(entries[leaf]), proof, roots[size])
    for before, root in roots.items():
        proof = consistency_proof(before, size, read)
        assert is_consistent(before, size, root, roots[size], proof)


def test_each_checkpoint_is_kept_outside_the_database_too(dsn, connection, checkpoints):
    append_events(dsn, 3)
    made = checkpoints.make(connection)
    note = latest_checkpoint(connection)[1].encode()
    assert note == checkpoints.outside.latest() == checkpoints.outside.note(3)
    assert open_checkpoint(note, checkpoints.signer.key) == made
    checkpoints.outside.note(3)
    (Path(str(checkpoints.outside.place)) / f"{3:020d}").unlink()
    assert checkpoints.make(connection) is None  # adds the copy that a crash has left out
    assert checkpoints.outside.note(3) == note


def test_a_lost_tail_halts_the_log_and_its_positions_are_reported(dsn, connection, checkpoints):
    append_events(dsn, 10)
    checkpoints.make(connection)
    append_events(dsn, 7)
    checkpoints.make(connection)
    connection.execute("UPDATE log_head SET position = 12")
    with without_triggers(connection):
        connection.execute("DELETE FROM stored_events WHERE notification_id > 12")
        connection.execute("DELETE FROM checkpoints WHERE size > 12")
        connection.execute("DELETE FROM log_nodes WHERE (place + 1) << level > 12")
    with pytest.raises(LogNotAsWitnessed, match=r"5 are missing \(13 to 17\); the first 10 are as"):
        checkpoints.require_continuation(connection)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("SELECT append_events()")


def test_a_restored_log_with_other_events_is_no_continuation(dsn, connection, checkpoints):
    append_events(dsn, 10)
    checkpoints.make(connection)
    append_events(dsn, 7)
    checkpoints.make(connection)
    connection.execute("UPDATE log_head SET position = 12")
    with without_triggers(connection):
        connection.execute("DELETE FROM stored_events WHERE notification_id > 12")
        connection.execute("DELETE FROM log_nodes WHERE (place + 1) << level > 12")
    append_events(dsn, 9, "something else")
    with pytest.raises(LogNotAsWitnessed, match="of positions 11 to 17 at least one differs"):
        checkpoints.make(connection)


def test_the_position_of_an_altered_event_is_reported(dsn, connection, checkpoints):
    append_events(dsn, 20)
    checkpoints.make(connection)
    with without_triggers(connection):
        connection.execute("UPDATE stored_events SET state = 'other' WHERE notification_id = 13")
        connection.execute("UPDATE log_nodes SET hash = sha256(hash) WHERE level = 3 AND place = 1")
        connection.execute("UPDATE log_nodes SET hash = sha256(hash) WHERE level = 4")
    with pytest.raises(LogNotAsWitnessed, match="position 13 is the first that differs"):
        checkpoints.require_continuation(connection)


def test_appends_continue_when_the_log_matches_its_checkpoints_again(dsn, connection, checkpoints):
    append_events(dsn, 4)
    checkpoints.make(connection)
    connection.execute("UPDATE log_head SET position = 3")
    with pytest.raises(LogNotAsWitnessed):
        checkpoints.require_continuation(connection)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("SELECT append_events()")
    connection.execute("UPDATE log_head SET position = 4")
    checkpoints.require_continuation(connection)
    append_events(dsn, 1)
    assert checkpoints.make(connection).size == 5


def test_a_checkpoint_of_a_lost_key_is_signed_again_with_the_new_key(
    dsn, connection, checkpoints, tmp_path
):
    """After the loss of a key, the only old checkpoints are those in the database."""
    append_events(dsn, 4)
    checkpoints.make(connection)
    other = Checkpoints(
        open_signer(str(tmp_path / "other")), OutsideCheckpoints(tmp_path / "elsewhere")
    )
    assert other.make(connection) is None
    assert other.opened(latest_checkpoint(connection)[1].encode()).size == 4
    other.require_continuation(connection)
    with without_triggers(connection):
        connection.execute("DELETE FROM checkpoint_signatures")
        connection.execute("UPDATE log_nodes SET hash = sha256(hash)")
        connection.execute("UPDATE stored_events SET leaf = sha256(leaf)")
    third = Checkpoints(
        open_signer(str(tmp_path / "third")), OutsideCheckpoints(tmp_path / "third-place")
    )
    with pytest.raises(LogNotAsWitnessed, match="does not have this log's root"):
        third.make(connection)


def test_checkpoints_and_starts_work_while_the_log_grows(dsn, checkpoints):
    """Tree nodes that are not filled in yet do not count as missing."""
    ending = threading.Event()
    failed = []

    def repeat(act):
        try:
            with connect(dsn) as connection:
                while not ending.is_set():
                    act(connection)
        except Exception as error:  # noqa: BLE001 - the test asserts that there is none
            failed.append(error)

    def grow():
        recorder = PostgresLogRecorder(Datastore(dsn))
        try:
            while not ending.is_set():
                events = [StoredEvent(uuid4(), 1, "t", b"event") for _ in range(5)]
                recorder.append(Append(events))
        except Exception as error:  # noqa: BLE001 - the test asserts that there is none
            failed.append(error)
        finally:
            recorder.close()

    work = [grow, grow]
    work += [partial(repeat, checkpoints.make)] * 2 + [
        partial(repeat, checkpoints.require_continuation)
    ] * 2
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    time.sleep(3)
    ending.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert checkpoints.outside.sizes()
