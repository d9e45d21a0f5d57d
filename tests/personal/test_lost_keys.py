"""Personal data whose key is no longer in the key store is not stored: it could never be read again."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import suppress
from uuid import uuid4

import httpx2
import msgspec
import psycopg
import pytest

from api.composition import desks
from domain.orders.order import order_stream
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.doctor.findings import Verdict
from infrastructure.personal import kept_keys
from infrastructure.personal.kept_keys import KeptKeys
from infrastructure.personal.key_store import FORMAT
from infrastructure.personal.vault import open_vault
from tests.api.adjustments import open_paid_case, post
from tests.api.running_service import RunningService, run_service
from tests.api.signals import order_id, placed, send
from tests.bucket import Bucket
from tests.intact_logs import assert_log_is_intact
from tests.personal.key_files import bundles_of, doctor_on_keys, keys_of
from tests.survival.programs import eventually

REF = "0123456789abcdef.0"
LOST = "/problems/key-store-unavailable"


@pytest.fixture
def server(dsn: str) -> Iterator[RunningService]:
    with run_service(dsn, reports=False) as running:
        yield running


@pytest.fixture
def shop(server: RunningService) -> Iterator[httpx2.Client]:
    """A client; the service has keys in memory."""
    with server.client_as("shop") as client:
        assert send(client, placed(order_id())).status_code == 200
        yield client


def test_a_signal_is_refused_while_the_directory_of_keys_is_gone(
    server: RunningService, shop: httpx2.Client
) -> None:
    keys, order = keys_of(server), order_id()
    moved = keys.rename(keys.with_name("moved"))
    head = server.service.desks.log.head()
    for name in (order, order_id()):
        refused = send(shop, placed(name))
        assert (refused.status_code, refused.json()["type"]) == (503, LOST)
    assert server.service.desks.log.head() == head
    assert not keys.exists()
    moved.rename(keys)
    assert send(shop, placed(order)).status_code == 200
    (line, *_) = server.service.desks.log.trail(order_stream(order))
    assert f"c-{order}" in repr(line.event)
    assert_log_is_intact(server.dsn)


def test_a_note_is_refused_while_its_bundle_of_keys_is_gone(
    server: RunningService, shop: httpx2.Client
) -> None:
    """The other files of the key store are there."""
    case = open_paid_case(server)
    bundles = bundles_of(server)
    contents = [bundle.read_bytes() for bundle in bundles]
    with server.client_as("ana") as ana:
        for bundle in bundles:
            bundle.unlink()
        refused = post(ana, case, "notes", {"note": "Call Eva."}, key="note-1")
        assert (refused.status_code, refused.json()["type"]) == (503, LOST)
        for bundle in bundles:
            bundle.write_bytes(b"")
        refused = post(ana, case, "notes", {"note": "Call Eva."}, key="note-1")
        assert (refused.status_code, refused.json()["type"]) == (503, LOST)
        for bundle, content in zip(bundles, contents, strict=True):
            bundle.write_bytes(content)
        done = post(ana, case, "notes", {"note": "Call Eva."}, key="note-1")
        assert done.status_code == 200, done.text


def test_a_process_that_starts_without_the_keys_makes_no_new_ones(
    server: RunningService, shop: httpx2.Client
) -> None:
    keys = keys_of(server)
    moved = keys.rename(keys.with_name("moved"))
    vault = open_vault(str(keys), str(keys.with_name("evidence")))
    with desks(server.dsn, vault=vault) as working:
        with pytest.raises(KeyStoreUnavailable, match="the key store is empty"):
            working.log.subject_of("c-1")
        assert working.key_ring is not None
        with pytest.raises(KeyStoreUnavailable, match="the key store is empty"):
            working.key_ring.of_orders(["o-1"])
    assert not keys.exists()
    moved.rename(keys)


def test_lost_keys_in_a_bucket_are_noticed_within_seconds(dsn: str, bucket: Bucket) -> None:
    place = "s3://keys/of/casetrail"
    with desks(dsn, vault=open_vault(place, "s3://keys/evidence")) as working:
        ring = working.key_ring
        assert ring is not None
        refs = [key.ref for key in ring.of_orders(["o-1"]).values()]
        ring.require_kept(refs)
        bucket.objects.clear()

        def is_noticed() -> bool:
            with suppress(KeyStoreUnavailable):
                ring.require_kept(refs)
                return False
            return True

        eventually("the loss is noticed", is_noticed, 5)


def test_appends_go_on_for_a_while_if_a_bucket_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = SlowStore()
    kept = KeptKeys(store)
    kept.require([REF])
    store.answers.clear()
    kept.require([REF])
    monkeypatch.setattr(kept_keys, "BUCKET_OUTAGE_SECONDS", 0.0)
    monkeypatch.setattr(kept_keys, "BUCKET_WAIT_SECONDS", 0.1)
    with pytest.raises(KeyStoreUnavailable, match="does not answer"):
        kept.require([REF])
    store.answers.set()

    def is_kept() -> bool:
        with suppress(KeyStoreUnavailable):
            kept.require([REF])
            return True
        return False

    eventually("the store answers again", is_kept, 5)


class SlowStore:
    """A store like a bucket that may not answer."""

    stamp_seconds = 0.001

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()

    def stamp(self, name: str) -> Hashable | None:
        time.sleep(2 * self.stamp_seconds)
        self.answers.wait()
        return name

    def read(self, name: str) -> bytes | None:
        return b'{"keys": {}}'

    def create(self, name: str, content: bytes) -> bool:
        return False

    def replace(self, name: str, content: bytes) -> None:
        raise AssertionError(name)

    def try_write(self) -> None:
        raise AssertionError


def test_the_doctor_finds_keys_of_the_log_that_are_not_in_the_store(
    server: RunningService, shop: httpx2.Client
) -> None:
    """A lost bundle, and a bundle that has lost a key, as from an old backup."""
    orders = [order_id() for _ in range(4)]
    for order in orders:
        assert send(shop, placed(order)).status_code == 200
    assert doctor_on_keys(server).verdict is Verdict.OK
    with psycopg.connect(server.dsn) as connection:
        found_refs = connection.execute(
            "SELECT key, order_id FROM order_keys WHERE order_id LIKE %s", [f"%{orders[0]}"]
        ).fetchall()
    ((ref, order_key),) = found_refs
    name, _, number = ref.partition(".")
    bundle = keys_of(server) / name
    content = bundle.read_bytes()
    keys = msgspec.json.decode(content)["keys"]
    kept = {n: key for n, key in keys.items() if n != number}
    bundle.write_bytes(msgspec.json.encode({"format": FORMAT, "keys": kept}))
    found = doctor_on_keys(server)
    assert found.verdict is Verdict.UNSAFE
    assert found.found.startswith("1 keys are not in ")
    assert f"personal data of {orders[0]} cannot be read" in found.found

    bundle.rename(bundle.with_name("moved"))
    found = doctor_on_keys(server)
    assert found.verdict is Verdict.UNSAFE
    assert found.found.startswith("5 keys are not in ")
    assert " and 2 more cannot be read" in found.found
    bundle.with_name("moved").unlink()
    bundle.write_bytes(content)
    assert doctor_on_keys(server).verdict is Verdict.OK

    ring = server.service.desks.key_ring
    assert ring is not None
    assert ring.destroy(uuid4(), [order_key]) == 1  # erased on purpose
    assert doctor_on_keys(server).verdict is Verdict.OK
