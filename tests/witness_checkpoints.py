"""Checkpoints outside the database, in a folder of the test's own."""

from datetime import datetime
from pathlib import Path

from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import open_signer
from tests.tampering import without_triggers


def open_checkpoints(folder: Path) -> Checkpoints:
    return Checkpoints(open_signer(str(folder / "key")), OutsideCheckpoints(folder / "outside"))


def make_checkpoint_at(checkpoints: Checkpoints, dsn: str, at: datetime) -> None:
    """Make a checkpoint and date it to this time."""
    with connect(dsn) as connection:
        made = checkpoints.make(connection)
        assert made is not None
        with without_triggers(connection):
            connection.execute(
                "UPDATE checkpoints SET made_at = %s WHERE size = %s", (at, made.size)
            )
