"""Checkpoints outside the database, in a bucket instead of a directory."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from infrastructure.postgres.datastore import LogHalted, connect
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import open_signer
from infrastructure.transparency.storage import StorageUnavailable
from tests.bucket import Bucket
from tests.infrastructure.log_growth import append_events
from tests.tampering import without_triggers

WHERE = "s3://proof/casetrail"


def test_a_log_that_differs_from_the_bucket_is_halted(
    dsn: str, bucket: Bucket, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(open_signer(str(tmp_path / "key")), OutsideCheckpoints(WHERE))
    append_events(dsn, 4)
    with connect(dsn) as connection:
        made = checkpoints.make(connection)
        assert made is not None
        assert checkpoints.outside.sizes() == [4]
        assert {name.rpartition("/")[2] for name in bucket.objects} == {f"{4:020d}", "latest"}
        assert bucket.unsigned == 0
        checkpoints.require_continuation(connection)
        with without_triggers(connection):
            connection.execute("DELETE FROM stored_events WHERE notification_id = 4")
        connection.execute("UPDATE log_head SET position = 3")
        with pytest.raises(LogNotAsWitnessed, match=r"1 are missing \(4 to 4\).*s3://proof"):
            checkpoints.require_continuation(connection)


def test_the_latest_checkpoint_never_goes_back(bucket: Bucket) -> None:
    outside = OutsideCheckpoints(WHERE)
    notes = {size: f"log\n{size}\nroot\n".encode() for size in range(1, 25)}
    threads = [threading.Thread(target=outside.keep, args=one) for one in notes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outside.latest() == notes[24]
    assert outside.sizes() == [*notes]
    outside.dispute("It is another.")
    assert outside.disputed() == "It is another."
    outside.settle()
    assert outside.disputed() is None


def test_a_new_connection_cannot_append_while_the_bucket_is_unreachable(
    dsn: str, bucket: Bucket, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(open_signer(str(tmp_path / "key")), OutsideCheckpoints(WHERE))
    append_events(dsn)
    with connect(dsn) as connection:
        checkpoints.make(connection)
        bucket.is_down = True
        with pytest.raises(StorageUnavailable):
            checkpoints.make(connection)
        with pytest.raises(LogHalted, match="cannot be compared with its checkpoints"):
            append_events(dsn, continuity=Continuity(None, lambda: checkpoints))
        bucket.is_down = False
        append_events(dsn, continuity=Continuity(None, lambda: checkpoints))
        again = checkpoints.make(connection)
        assert again is not None
        assert again.size == 2
