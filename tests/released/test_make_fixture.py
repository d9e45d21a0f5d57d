"""The script that writes the fixture of a release works and writes every event."""

from pathlib import Path

from infrastructure.postgres.datastore import connect
from infrastructure.transparency.full_check import find_faults
from tests.conftest import Databases
from tests.released.homes import settings_of
from tests.released.make_fixture import checkpoints_of, write
from tests.released.test_logs_of_released_versions_are_read import TAGS

OF_A_LOSS = ("event log.loss_accepted", "event log.lost_event_attached")
"""The log of a release has lost nothing, and its checkpoints would not fit a loss that is only told."""


def test_a_fixture_of_this_version_has_every_event_and_signal(
    databases: Databases, tmp_path: Path
) -> None:
    """A new event or signal needs a place in `story.py`."""
    with databases.new() as name:
        dsn = databases.dsn(name)
        release = write(tmp_path / "vN", "N", "", dsn, tmp_path / "home")
        with connect(dsn) as connection:
            checkpoints = checkpoints_of(settings_of(dsn, tmp_path / "home"))
            assert [*find_faults(connection, checkpoints)] == []
    assert release.tags == [tag for tag in TAGS.read_text().splitlines() if tag not in OF_A_LOSS]
    assert sorted(file.name for file in (tmp_path / "vN").iterdir()) == [
        "home.tar.gz",
        "recorded.json",
    ]
