"""The check of `casetrail doctor --whole`, at the end of a test on the log that the test made."""

from pathlib import Path
from tempfile import TemporaryDirectory

from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.full_check import RECORDED_EARLIER, SIGNED_BY_ANOTHER, find_faults
from tests.witness_checkpoints import open_checkpoints


def assert_log_is_intact(dsn: str, checkpoints: Checkpoints | None = None) -> None:
    """Every event fits what was stored with it, and every checkpoint: without `checkpoints`, those
    inside the database."""
    if checkpoints is None:
        with TemporaryDirectory() as nowhere, connect(dsn) as connection:
            faults = [*find_faults(connection, open_checkpoints(Path(nowhere)))]
    else:
        with connect(dsn) as connection:
            faults = [*find_faults(connection, checkpoints)]
    found = [fault for fault in faults if not fault.endswith((RECORDED_EARLIER, SIGNED_BY_ANOTHER))]
    assert not found, "\n".join(found)
