"""A full disk: writes and readiness say so, and both recover when there is room again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.durable_files import try_directory
from infrastructure.evidence_store import EvidenceNotStored, EvidenceStore
from infrastructure.personal.key_store import open_key_store
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.api.running_service import RunningService, run_service
from tests.api.signals import order_id, placed, send
from tests.intact_logs import assert_log_is_intact
from tests.survival.programs import eventually
from tests.survival.small_disks import fill, small_disk

DISK_MEGABYTES = 220
MOST_SIGNALS = 400
LONG_NOTE = "x" * 2_000


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(DISK_MEGABYTES) as place:
        yield place


@pytest.fixture
def server(disk: Path) -> Iterator[RunningService]:
    postgres = EmbeddedPostgres(disk / "home", durable=False).start()
    try:
        assert postgres.cluster.is_relative_to(disk)
        with run_service(postgres.dsn(), time=True) as running:
            yield running
        assert_log_is_intact(postgres.dsn())
    finally:
        postgres.stop()


def ready(client: httpx2.Client) -> tuple[int, list[str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["problems"]


def test_a_service_whose_database_has_a_full_disk_is_not_ready(
    server: RunningService, disk: Path
) -> None:
    with server.client_as("shop") as shop:
        assert send(shop, placed(order_id())).status_code == 200
        eventually("ready", lambda: ready(shop)[0] == 200, 20)
        filled = fill(disk)
        eventually("not ready", lambda: bool(fill(disk)) and ready(shop)[0] == 503, 20)
        assert ready(shop)[1][0].startswith("the disk of the database is full: ")
        answers = {_try_signal(shop) for _ in range(MOST_SIGNALS)}
        assert answers <= {200, 503}
        filled.unlink()
        eventually("ready again", lambda: ready(shop)[0] == 200, 20)
        assert send(shop, placed(order_id())).status_code == 200


def _try_signal(shop: httpx2.Client) -> int:
    return send(shop, placed(order_id(), note=LONG_NOTE)).status_code


def test_stores_in_directories_on_a_full_disk_are_named(disk: Path) -> None:
    keys = disk / "keys"
    store = open_key_store(str(keys))
    store.create("pepper", b"secret")
    store.try_write()
    filled = fill(disk)
    with pytest.raises(KeyStoreUnavailable, match="No space left"):
        store.try_write()
    with pytest.raises(OSError, match="No space left"):
        try_directory(disk)
    evidence = EvidenceStore(str(disk / "evidence"))
    with pytest.raises(EvidenceNotStored, match="No space left"):
        evidence.put(b"a photo", "image/png")
    filled.unlink()
    stored = evidence.put(b"a photo", "image/png")
    assert evidence.about(stored.ref) == stored
    store.try_write()
    assert [one.name for one in keys.iterdir()] == ["pepper"]
