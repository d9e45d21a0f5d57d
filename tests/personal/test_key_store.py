"""The key store in a directory or a bucket: keys are made in bundles, assigned to orders, and destroyed."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import psycopg
import pytest
from msgspec import structs

from api.commands.worker import run_key_destruction
from api.composition import desks
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.sealing import SealBroken, Seals
from domain.orders.events import SignalRecorded
from domain.orders.order import order_stream
from domain.orders.purchase_signals import Customer
from domain.orders.signals import Signal
from domain.people import Actor
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.personal.aes import AesKey
from infrastructure.personal.key_ring import KEYS_PER_BUNDLE, REFILL_BELOW, KeyRing
from infrastructure.personal.key_store import (
    KeyStore,
    destroy_keys,
    make_bundle,
    open_key_store,
    read_bundle,
    read_or_make_pepper,
)
from infrastructure.personal.vault import open_vault
from infrastructure.postgres.datastore import Datastore
from tests.bucket import Bucket
from tests.domain.signals import after, placed
from tests.survival.programs import eventually


@pytest.fixture(params=["a directory", "a bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    if request.param == "a directory":
        return open_key_store(str(tmp_path / "keys"))
    request.getfixturevalue("bucket")
    return open_key_store("s3://keys/of/casetrail")


def test_only_the_destroyed_key_is_gone(store: KeyStore) -> None:
    made = dict(make_bundle(store, 3))
    first, second, third = made
    bundle = first.partition(".")[0]
    assert read_bundle(store, bundle) == made
    assert destroy_keys(store, [second]) == 1
    assert read_bundle(store, bundle) == {first: made[first], third: made[third]}
    assert destroy_keys(store, [second]) == 0
    assert destroy_keys(store, made) == 2
    assert read_bundle(store, bundle) == {}


def test_a_killed_process_leaves_no_copy_of_a_key(tmp_path: Path) -> None:
    store = open_key_store(str(tmp_path))
    (first, _), (second, _) = make_bundle(store, 2)
    bundle = first.partition(".")[0]
    with patch.object(Path, "replace", side_effect=KeyboardInterrupt), suppress(KeyboardInterrupt):
        destroy_keys(store, [first])
    assert len([*tmp_path.glob(f".{bundle}.*")]) == 1  # the file with the second key
    assert destroy_keys(store, [first, second]) == 2
    assert {*tmp_path.iterdir()} == {tmp_path / bundle, tmp_path / ".lock"}


def test_a_wrong_key_store_is_not_mistaken_for_an_erasure(store: KeyStore) -> None:
    with pytest.raises(
        KeyStoreUnavailable, match="set CASETRAIL_KEYS to this database's key store"
    ):
        read_bundle(store, "0" * 16)
    with pytest.raises(KeyStoreUnavailable):
        read_bundle(store, "../../etc/passwd")


def test_an_unreadable_bundle_is_reported(store: KeyStore) -> None:
    ((ref, _),) = make_bundle(store, 1)
    bundle = ref.partition(".")[0]
    store.replace(bundle, b"{")
    with pytest.raises(KeyStoreUnavailable, match="cannot be read"):
        read_bundle(store, bundle)


def test_concurrent_processes_create_one_pepper(store: KeyStore) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(read_or_make_pepper(store))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8


def test_bucket_requests_are_signed_and_refusals_are_reported(bucket: Bucket) -> None:
    store = open_key_store("s3://keys/of/casetrail")
    make_bundle(store, 1)
    assert bucket.unsigned == 0
    assert [name for name in bucket.objects if name.startswith("/keys/of/casetrail/")]
    bucket.is_down = True
    with pytest.raises(KeyStoreUnavailable, match="the key store"):
        make_bundle(store, 1)


def test_only_the_owner_can_read_the_key_directory(tmp_path: Path) -> None:
    make_bundle(open_key_store(str(tmp_path / "keys")), 1)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_bytes_of_a_destroyed_key_are_overwritten_in_place(tmp_path: Path) -> None:
    store = open_key_store(str(tmp_path / "keys"))
    ((ref, secret),) = make_bundle(store, 1)
    (file,) = (tmp_path / "keys").iterdir()
    with file.open("rb") as before:
        assert b"keys" in before.read()
        destroy_keys(store, [ref])
        before.seek(0)
        assert set(before.read()) == {0}
    assert secret not in b"".join(one.read_bytes() for one in (tmp_path / "keys").iterdir())


def test_an_unavailable_store_is_reported(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    with pytest.raises(KeyStoreUnavailable, match="the key store"):
        make_bundle(open_key_store(str(tmp_path / "keys")), 1)


class CountingStore:
    """A key store that counts its writes."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self.created = 0

    def read(self, name: str) -> bytes | None:
        return self._store.read(name)

    def create(self, name: str, content: bytes) -> bool:
        made = self._store.create(name, content)
        self.created += made
        return made

    def replace(self, name: str, content: bytes) -> None:
        self._store.replace(name, content)

    def stamp(self, name: str) -> Hashable | None:
        return self._store.stamp(name)

    def try_write(self) -> None:
        self._store.try_write()

    @property
    def stamp_seconds(self) -> float:
        return self._store.stamp_seconds


def told(dsn: str, ring: KeyRing, *signals: Signal) -> None:
    """Store signals, sealed with the ring's keys."""
    recorder = PostgresLogRecorder(Datastore(dsn))
    try:
        log = EventLog(recorder, Seals(ring))
        for signal in signals:
            events = [(Actor("key:shop", "shop"), SignalRecorded(signal=signal))]
            write = Write(
                stream=order_stream(signal.order),
                kind="order",
                expected=0,
                events=events,
                recorded_at=after(1),
                order=signal.order,
            )
            log.append([write])
    finally:
        recorder.close()


def order_of(order: str, customer: str) -> Signal:
    return structs.replace(placed(customer=Customer(id=customer)), order=order)


def test_each_order_has_its_own_key_stored_with_its_events(dsn: str, tmp_path: Path) -> None:
    store = CountingStore(open_key_store(str(tmp_path / "keys")))
    one, other = KeyRing(Datastore(dsn), store), KeyRing(Datastore(dsn), store)
    told(dsn, one, order_of("o-1", "c-1"), order_of("o-2", "c-1"))
    told(dsn, other, order_of("o-3", "c-2"))
    assert store.created == 3  # a bundle for each process, and the pepper
    with psycopg.connect(dsn) as connection:
        keys = dict(connection.execute("SELECT order_id, key FROM order_keys").fetchall())
        stored = repr(connection.execute("SELECT * FROM order_subjects").fetchall())
    assert keys.keys() == {"o-1", "o-2", "o-3"}
    assert len({*keys.values()}) == 3
    assert "c-1" not in stored
    # Each process reads events sealed by the other, and knows their customer.
    assert other.find(keys.values()).keys() == {*keys.values()}
    subject = one.subject_of("c-1")
    assert other.subject_of("c-1") == subject != other.subject_of("c-2")
    assert other.orders_of(subject) == ["o-1", "o-2"]
    assert other.subject_of_order("o-2") == subject


def test_a_refused_signal_leaves_no_key_behind(dsn: str, tmp_path: Path) -> None:
    ring = KeyRing(Datastore(dsn), open_key_store(str(tmp_path / "keys")))
    told(dsn, ring, order_of("o-1", "c-1"))
    with pytest.raises(VersionTaken):
        told(dsn, KeyRing(Datastore(dsn), ring._store), order_of("o-1", "c-2"))
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM order_keys").fetchone() == (1,)
    assert ring.orders_of(ring.subject_of("c-2")) == []


def test_keys_are_made_in_advance(tmp_path: Path, dsn: str) -> None:
    store = CountingStore(open_key_store(str(tmp_path / "keys")))
    ring = KeyRing(Datastore(dsn), store)
    for n in range(KEYS_PER_BUNDLE - REFILL_BELOW + 1):
        ring.of_orders([f"o-{n}"])
    eventually("the next are there", lambda: store.created == 3 or None, within=15)
    assert (
        len(ring.of_orders([f"o-{n}" for n in range(2 * KEYS_PER_BUNDLE)])) == 2 * KEYS_PER_BUNDLE
    )


def test_a_destroyed_key_is_gone_at_once_and_a_new_text_gets_a_new_key(
    dsn: str, tmp_path: Path
) -> None:
    ring = KeyRing(Datastore(dsn), open_key_store(str(tmp_path / "keys")))
    told(dsn, ring, order_of("o-1", "c-1"), order_of("o-2", "c-2"))
    keys = ring.of_orders(["o-1", "o-2"])
    subject = ring.subject_of("c-1")
    for _ in range(2):  # the second time as after a crash
        assert ring.destroy(subject, ["o-1"]) == 1
    assert [*ring.find([key.ref for key in keys.values()])] == [keys["o-2"].ref]
    assert ring.orders_of(subject) == []
    assert ring.of_orders(["o-1"])["o-1"].ref != keys["o-1"].ref
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT key, destroyed_at IS NOT NULL FROM order_keys WHERE order_id = 'o-1'"
        ).fetchall()
    assert rows == [(keys["o-1"].ref, True)]


def test_a_key_restored_from_a_backup_is_destroyed_again(dsn: str, tmp_path: Path) -> None:
    keys, backup = tmp_path / "keys", tmp_path / "backup"
    ring = KeyRing(Datastore(dsn), open_key_store(str(keys)))
    told(dsn, ring, order_of("o-1", "c-1"), order_of("o-2", "c-2"))
    made = ring.of_orders(["o-1", "o-2"])
    refs = [key.ref for key in made.values()]
    shutil.copytree(keys, backup)
    ring.destroy(ring.subject_of("c-1"), ["o-1"])
    assert ring.destroy_restored() == 0
    shutil.copytree(backup, keys, dirs_exist_ok=True)

    with desks(dsn, vault=open_vault(str(keys), str(tmp_path / "evidence"))) as working:
        assert working.key_ring is not None
        assert [*working.key_ring.find(refs)] == refs
        stop = threading.Event()
        keeper = threading.Thread(target=run_key_destruction, args=(working, stop))
        keeper.start()
        left = {made["o-2"].ref}
        eventually("it is gone", lambda: working.key_ring.find(refs).keys() == left, within=15)
        stop.set()
        keeper.join()
    assert {*KeyRing(Datastore(dsn), open_key_store(str(keys))).find(refs)} == left


def test_with_another_key_store_nothing_is_stored(dsn: str, tmp_path: Path) -> None:
    KeyRing(Datastore(dsn), open_key_store(str(tmp_path / "keys"))).of_orders(["o-1"])
    other = KeyRing(Datastore(dsn), open_key_store(str(tmp_path / "others")))
    for asked in (lambda: other.of_orders(["o-2"]), lambda: other.orders_of(UUID(int=1))):
        with pytest.raises(KeyStoreUnavailable, match="this database's own"):
            asked()


def test_another_secret_opens_nothing(tmp_path: Path) -> None:
    store = open_key_store(str(tmp_path))
    (ref, secret), (_, other) = make_bundle(store, 2)
    sealed = AesKey(ref, secret).seal(b"text", b"")
    with pytest.raises(SealBroken, match=ref):
        AesKey(ref, other).open(sealed, b"")
