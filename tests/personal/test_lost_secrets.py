"""A secret of a source that is not in the key store: its sender is not told that it is wrong, and none is put aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.doctor.source_secrets import check_source_secrets
from infrastructure.postgres.datastore import connect
from infrastructure.settings import load_settings
from infrastructure.source_secrets import SourceSecrets
from tests.api.running_service import RunningService, outside_settings, run_service
from tests.sources.senders import MAPPING, SCHEME, SECRET, add, order_number, placed, send

LOST = "/problems/key-store-unavailable"
OTHER = "the-second-secret-of-it"


@pytest.fixture
def server(dsn: str) -> Iterator[RunningService]:
    with run_service(dsn, reports=False) as running:
        yield running


@pytest.fixture
def olga(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("olga") as client:
        add(client, "little")
        yield client


def keys_of(server: RunningService) -> Path:
    return Path(outside_settings(server.dsn).place)


def secrets_of(server: RunningService) -> list[Path]:
    return sorted(keys_of(server).glob("source-*"), key=lambda one: one.stat().st_mtime_ns)


def doctor(server: RunningService, hours: float = 0) -> Finding:
    settings = load_settings({"CASETRAIL_KEYS": str(keys_of(server))})
    with connect(server.dsn) as connection:
        now = datetime.now(UTC) + timedelta(hours=hours)
        return check_source_secrets(connection, settings, now)


@contextmanager
def as_after_a_start(server: RunningService) -> Iterator[httpx2.Client]:
    """A sender at a process that has no secret in memory."""
    secrets = server.service.desks.deliveries._secrets
    assert isinstance(secrets, SourceSecrets)
    secrets._known.clear()
    with server.client_as(None) as client:
        yield client


def deliver(client: httpx2.Client, secret: str) -> int:
    return send(client, "little", placed(order_number()), "order", secret=secret).status_code


def test_a_sender_whose_secret_was_lost_is_asked_to_wait(
    server: RunningService, olga: httpx2.Client
) -> None:
    (first,) = secrets_of(server)
    rotated = olga.post("/v1/sources/little/rotate", json={"secret": OTHER, "overlap_hours": 1})
    assert rotated.status_code == 200
    assert doctor(server).verdict is Verdict.OK
    away = first.rename(first.with_name("away"))
    with as_after_a_start(server) as client:
        head = server.service.desks.log.head()
        answer = send(client, "little", placed(order_number()), "order", secret=SECRET)
        assert (answer.status_code, answer.json()["type"]) == (503, LOST)
        assert "a secret of the source is not in the key store" in answer.json()["detail"]
        assert server.service.desks.log.head() == head
        assert deliver(client, OTHER) == 200, "the other secret is there"
        found = doctor(server)
        assert (found.verdict, "a secret of little" in found.found) == (Verdict.WARNING, True)
        assert doctor(server, hours=2).verdict is Verdict.OK, "it has ended by then"
        away.rename(first)
        assert deliver(client, SECRET) == 200
        assert deliver(client, "a-secret-of-nobody") == 401


def test_a_lost_secret_can_be_replaced(server: RunningService, olga: httpx2.Client) -> None:
    (first,) = secrets_of(server)
    first.unlink()
    with as_after_a_start(server) as client:
        assert deliver(client, SECRET) == 503
        body = {"secret": OTHER, "overlap_hours": 0}
        assert olga.post("/v1/sources/little/rotate", json=body).status_code == 200
        assert (deliver(client, OTHER), deliver(client, SECRET)) == (200, 401)
    assert doctor(server).verdict is Verdict.OK


def test_no_secret_is_put_into_a_store_that_was_lost(
    server: RunningService, olga: httpx2.Client
) -> None:
    """The directory would be made again, and the secret be gone once the store is restored."""
    with server.client_as(None) as client:
        assert deliver(client, SECRET) == 200
    keys, before = keys_of(server), server.service.desks.log.head()
    away = keys.rename(keys.with_name("away"))
    added = {"name": "new", "owner": "order_desk", "document": MAPPING, "scheme": SCHEME}
    for answer in (
        olga.post("/v1/sources/little/rotate", json={"secret": OTHER}),
        olga.post("/v1/sources", json={**added, "secret": OTHER}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (503, LOST)
    assert not keys.exists()
    assert server.service.desks.log.head() == before
    away.rename(keys)
    assert olga.post("/v1/sources/little/rotate", json={"secret": OTHER}).status_code == 200


def test_the_first_secret_of_a_database_is_kept_in_its_own_store(
    server: RunningService, olga: httpx2.Client
) -> None:
    """Nothing was sealed yet; from here on, a process never makes another store."""
    keys = keys_of(server)
    away = keys.rename(keys.with_name("away"))
    assert olga.post("/v1/sources/little/rotate", json={"secret": OTHER}).status_code == 503
    assert not keys.exists()
    away.rename(keys)
