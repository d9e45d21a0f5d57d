"""Checkpoints outside of a database, in a folder of the test's own."""

from datetime import datetime
from pathlib import Path

from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.outside_checkpoints import Outside
from infrastructure.transparency.signing_keys import signer
from tests.tampering import tampering


def checkpoints_in(folder: Path) -> Checkpoints:
    return Checkpoints(signer(str(folder / "key")), Outside(folder / "outside"))


def make_at(checkpoints: Checkpoints, dsn: str, at: datetime) -> None:
    """As if it had been made at that time of a story."""
    with connect(dsn) as connection:
        made = checkpoints.make(connection)
        assert made is not None
        with tampering(connection):
            connection.execute(
                "UPDATE checkpoints SET made_at = %s WHERE size = %s", (at, made.size)
            )
