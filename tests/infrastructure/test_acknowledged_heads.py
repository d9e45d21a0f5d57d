"""Each process writes a mark of the last event that it acknowledged. If the log lacks that event, no
process on the machine appends to it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append, leaf_digest
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, LogHalted
from infrastructure.transparency.acknowledged import (
    MOST_ABANDONED,
    AcknowledgedHead,
    AcknowledgedHeads,
)
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import open_signer
from tests.tampering import without_triggers
from tests.witness_checkpoints import open_checkpoints

ROOT = Path(__file__).parents[2]
APPEND = """
import sys
from pathlib import Path
from uuid import uuid4
from eventsourcing.persistence import StoredEvent
from application.log.recorder import Append
from infrastructure.postgres.datastore import Datastore
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.acknowledged import AcknowledgedHeads

recorder = PostgresLogRecorder(Datastore(sys.argv[1]), Continuity(AcknowledgedHeads(Path(sys.argv[2]))))
print(recorder.append(Append([StoredEvent(uuid4(), 1, "t", b"theirs")])), flush=True)
sys.stdin.read()
"""


class Process:
    """The part of a process that appends."""

    def __init__(self, dsn, heads=None, checkpoints=None):
        self.continuity = Continuity(
            AcknowledgedHeads(heads) if heads else None,
            (lambda: checkpoints) if checkpoints else None,
        )
        self._recorder = PostgresLogRecorder(Datastore(dsn), self.continuity)
        self.close = self._recorder.close

    def append(self, many=1):
        events = [StoredEvent(uuid4(), 1, "t", f"event {n}".encode()) for n in range(many)]
        return self._recorder.append(Append(events))


@pytest.fixture
def process(dsn, tmp_path):
    started = []

    def start(*args):
        started.append(Process(dsn, *args))
        return started[-1]

    yield start
    for one in started:
        one.close()


def lose(connection, position):
    """Cut the log back to a position and end all connections, like a restore."""
    with without_triggers(connection):
        connection.execute("DELETE FROM stored_events WHERE notification_id > %s", (position,))
    connection.execute("UPDATE log_head SET position = %s", (position,))
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def head(connection):
    return connection.execute("SELECT position, count(*) FROM log_head, stored_events GROUP BY 1")


def test_a_process_does_not_append_if_its_acknowledged_events_are_missing(
    process, connection, caplog
):
    one = process()
    one.append(5)
    lose(connection, 3)
    for _ in range(2):
        with pytest.raises(LogHalted, match="not as it was acknowledged"):
            one.append()
    assert "5 positions were acknowledged, the log has 3: 2 are missing (4 to 5)" in caplog.text
    assert head(connection).fetchone() == (3, 3)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("SELECT append_events()")


def test_a_process_does_not_append_if_events_of_another_process_are_missing(
    process, connection, tmp_path
):
    """Both processes read the marks of both."""
    first, second = process(tmp_path / "heads"), process(tmp_path / "heads")
    first.append(3)
    second.append(2)
    lose(connection, 4)
    with pytest.raises(LogHalted):
        first.append()
    assert head(connection).fetchone() == (4, 4)


def test_another_event_at_an_acknowledged_position_is_found(process, connection, tmp_path):
    one = process(tmp_path / "heads")
    one.append(5)
    lose(connection, 4)
    connection.execute("UPDATE log_head SET position = 5")
    connection.execute(
        "INSERT INTO stored_events SELECT gen_random_uuid(), 1, 't', 'other', 5, sha256('other')"
    )
    with pytest.raises(LogHalted):
        process(tmp_path / "heads").append()


def test_a_process_does_not_append_if_checkpointed_events_are_missing(
    process, connection, tmp_path
):
    """A process on another machine has no marks, but it reads the checkpoints."""
    checkpoints = open_checkpoints(tmp_path)
    first = process()
    first.append(9)
    checkpoints.make(connection)
    with without_triggers(connection):
        connection.execute("DELETE FROM log_nodes")
    lose(connection, 7)
    with pytest.raises(LogHalted):
        process(None, checkpoints).append()
    assert head(connection).fetchone() == (7, 7)


def test_a_lost_connection_alone_does_not_stop_appends(process, connection, tmp_path):
    checkpoints = open_checkpoints(tmp_path)
    one = process(tmp_path / "heads", checkpoints)
    for n in range(4):
        assert one.append(3) == 3 * n + 1
        checkpoints.make(connection)
        lose(connection, 3 * n + 3)
    assert one.append() == 13


def test_a_start_checks_what_a_killed_process_has_acknowledged(dsn, connection, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", APPEND, dsn, str(tmp_path / "heads")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "1\n"
        other.send_signal(signal.SIGKILL)
    heads = AcknowledgedHeads(tmp_path / "heads")
    assert heads.known() == [AcknowledgedHead(1, leaf_digest(b"theirs"))]
    checkpoints = Checkpoints(
        open_signer(str(tmp_path / "key")), OutsideCheckpoints(tmp_path / "outside"), heads=heads
    )
    checkpoints.require_continuation(connection)
    lose(connection, 0)
    with pytest.raises(LogNotAsWitnessed, match=r"1 are missing \(1 to 1\)"):
        checkpoints.require_continuation(connection)


def test_the_highest_mark_of_dead_processes_and_a_few_near_it_are_kept(tmp_path):
    near = [99_000 - n for n in range(MOST_ABANDONED + 2)]
    for n in (3, *near, 60):
        dead = AcknowledgedHeads(tmp_path)
        dead.acknowledged(AcknowledgedHead(n, bytes(32)))
        dead.close()
    (tmp_path / "torn").write_bytes(b"half of a mark")
    (tmp_path / "another-log").mkdir()  # a log that has a DATABASE_URL of its own
    living, newest = AcknowledgedHeads(tmp_path), AcknowledgedHeads(tmp_path)
    living.acknowledged(AcknowledgedHead(7, bytes(32)))
    newest.acknowledged(AcknowledgedHead(8, bytes(32)))
    kept = sorted(near[:MOST_ABANDONED])
    assert sorted(head.position for head in living.known()) == [7, 8, *kept]
    living.acknowledged(AcknowledgedHead(100_000, bytes(32)))
    assert max(newest.known()).position == 100_000
    living.close()
    newest.close()


def test_nothing_is_appended_if_the_mark_cannot_be_written(process, tmp_path, caplog):
    heads = tmp_path / "heads"
    heads.write_bytes(b"a file where the directory should be")
    one = process(heads)
    with pytest.raises(LogHalted, match="cannot be written"):
        one.append()
    assert str(heads) in caplog.text
    heads.unlink()
    assert one.append() == 1
    assert [head.position for head in AcknowledgedHeads(heads).known()] == [1]
