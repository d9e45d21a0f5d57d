"""The checkpoint key is rotated beside a running service: all audit questions still work."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from api.configured_checkpoints import checkpoints_of
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings
from infrastructure.transparency.key_rotation import rotate_checkpoint_key
from tests.api.running_service import RunningService, run_service
from tests.infrastructure.log_growth import append_events
from tests.witness_checkpoints import open_checkpoints

ASKED = (
    "/v1/audit/questions/10",
    "/v1/audit/questions/11?type=case.detected",
    "/v1/audit/export",
    "/v1/audit/population?type=case.detected",
)


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=dsn)


@pytest.fixture
def server(dsn: str, settings: Settings) -> Iterator[RunningService]:
    with run_service(dsn, reports=False) as running:
        running.service.checkpoints = checkpoints_of(settings)
        yield running


@pytest.fixture
def carla(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("carla") as client:
        yield client


def make_checkpoint_as_worker(settings: Settings) -> None:
    """Make a checkpoint as another worker would."""
    assert settings.database_url is not None
    with connect(settings.database_url) as connection:
        assert checkpoints_of(settings).make(connection) is not None


def test_audit_questions_still_work_after_a_rotation(
    settings: Settings, carla: httpx2.Client
) -> None:
    assert settings.database_url is not None
    make_checkpoint_as_worker(settings)
    before = {address: carla.get(address) for address in ASKED}
    with connect(settings.database_url) as connection:
        first = Path(settings.signing_key).read_text()
        rotate_checkpoint_key(connection, checkpoints_of(settings), Path(settings.signing_key))
        assert Path(settings.signing_key).read_text() != first
    carla.get("/v1/audit/questions/24")
    make_checkpoint_as_worker(settings)  # signed only by the new key
    for address in ASKED:
        told = carla.get(address)
        assert (told.status_code, before[address].status_code) == (200, 200), told.text
    asked = carla.get(ASKED[0]).json()["answer"]
    assert asked["unaltered"]
    assert asked["witnessed"]["goes_on"]
    assert asked["witnessed"]["size"] > 0
    assert carla.get(ASKED[1]).json()["answer"]["verified"]


def test_a_process_with_the_former_key_reports_the_key_and_no_tampering(
    settings: Settings, server: RunningService, carla: httpx2.Client, tmp_path: Path
) -> None:
    assert settings.database_url is not None
    make_checkpoint_as_worker(settings)
    copied = tmp_path / "copied"
    copied.write_text(Path(settings.signing_key).read_text())
    with connect(settings.database_url) as connection:
        rotate_checkpoint_key(connection, checkpoints_of(settings), Path(settings.signing_key))
    carla.get("/v1/audit/questions/24")
    make_checkpoint_as_worker(settings)
    server.service.checkpoints = checkpoints_of(
        Settings(
            home=tmp_path,
            database_url=settings.database_url,
            checkpoint_key=copied.read_text(),  # type: ignore[arg-type]
        )
    )
    for address in ASKED:
        told = carla.get(address)
        assert told.status_code == 404
        assert told.json()["type"] == "/problems/not-witnessed-yet"
        assert "was rotated" in told.json()["detail"]


def test_without_a_checkpoint_no_tampering_is_reported(
    server: RunningService, carla: httpx2.Client, tmp_path: Path
) -> None:
    append_events(server.dsn)
    server.service.checkpoints = open_checkpoints(tmp_path / "empty")
    told = carla.get(ASKED[0])
    assert told.status_code == 404
    assert "there is no checkpoint yet" in told.json()["detail"]
