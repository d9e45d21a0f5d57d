"""The keys of orders, as a process uses them: read from the key store in bundles and cached."""

import hmac
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar
from uuid import UUID

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.event_loops import run_blocking
from infrastructure.personal import key_store
from infrastructure.personal.aes import AesKey
from infrastructure.personal.kept_keys import KeptKeys
from infrastructure.postgres.datastore import Datastore, retry_lost_connection
from infrastructure.postgres.rows import Connection, Rows, fetch_rows

KEYS_PER_BUNDLE: Final = 1_024
REFILL_BELOW: Final = 256
"""The next bundle is made when this many keys are left."""
CACHE_SECONDS: Final = 5.0
"""How long a process may still decrypt with a key that another process has destroyed."""
SEAL_CACHE_SECONDS: Final = 30.0
"""How long a process encrypts new data of an order with the same key. If another process destroys the key
meanwhile, that data is unreadable as well."""
MOST_ORDERS: Final = 50_000
MOST_BUNDLES: Final = 500
_logger = logging.getLogger("casetrail.privacy")
_LOCK: Final = 0x0CA5E7A5
HELD_AFTER_ERASURE: Final = (
    "SELECT DISTINCT order_id FROM order_keys AS erased WHERE destroyed_at IS NOT NULL "
    "AND EXISTS (SELECT FROM order_keys AS held WHERE held.order_id = erased.order_id "
    "AND held.destroyed_at IS NULL) ORDER BY order_id"
)
"""The orders with a key that is newer than an erasure of the order."""
K = TypeVar("K")
V = TypeVar("V")


class KeyRing:
    """The application's `DataKeys`, over a key store and the database's table of keys by order."""

    def __init__(self, datastore: Datastore, store: key_store.KeyStore) -> None:
        self._datastore = datastore
        self._store = store
        self._lock = threading.Lock()
        self._unused: list[AesKey] = []
        self._of_order: OrderedDict[str, tuple[float, AesKey]] = OrderedDict()
        self._bundles: OrderedDict[str, tuple[float, Mapping[str, bytes]]] = OrderedDict()
        self._kept = KeptKeys(store)
        self._pepper: bytes | None = None
        self._is_ours = False

    def of_orders(self, orders: Collection[str]) -> Mapping[str, AesKey]:
        """A key for each order, the same while it is cached. An order may have many keys; the append that
        uses one also stores that it is the order's."""
        if not self._is_ours:
            self._prepare()
        now = time.monotonic()
        with self._lock:
            known: dict[str, AesKey] = {}
            for order in orders:
                kept = self._of_order.get(order)
                if kept is None or kept[0] < now:
                    kept = (now + SEAL_CACHE_SECONDS, self._new())
                    _put_bounded(self._of_order, order, kept, MOST_ORDERS)
                known[order] = kept[1]
        return known

    def require_kept(self, refs: Collection[str]) -> None:
        """Require that the key store still has these keys, apart from destroyed ones. Raises
        KeyStoreUnavailable."""
        self._kept.require(refs)

    def try_store(self) -> None:
        """Require the keys that this process uses and the secret of this database in the store, and try a
        write there. Raises KeyStoreUnavailable."""
        known = self._datastore.rows("SELECT id FROM key_store")
        if known:
            found = self._store.read(key_store.PEPPER_NAME)
            if found is None or key_store.store_fingerprint(found) != known[0][0]:
                raise KeyStoreUnavailable("the key store has no keys of this database: restore it")
            with self._lock:
                in_use = [
                    *self._unused[-1:],
                    *(key for _, key in [*self._of_order.values()][-100:]),
                ]
            self._kept.require({key.ref for key in in_use})
        self._store.try_write()

    @retry_lost_connection
    def require_store(self) -> None:
        """Require that the store is this database's, before something else is put there: one that was lost would
        be made again. Raises KeyStoreUnavailable."""
        with self._datastore.get_connection() as connection:
            self._require_own_store(connection)
        self.try_store()

    def find(self, refs: Iterable[str]) -> Mapping[str, AesKey]:
        found: dict[str, AesKey] = {}
        for ref in refs:
            secret = self._bundle(ref.partition(".")[0]).get(ref)
            if secret is not None:
                found[ref] = AesKey(ref, secret)
        return found

    def subject_of(self, customer: str) -> UUID:
        """The ID of a customer here: an HMAC of the shop's customer ID."""
        return UUID(bytes=hmac.digest(self._secret(), customer.encode(), "sha256")[:16], version=5)

    def find_subject_of(self, customer: str) -> UUID | None:
        is_new = self._pepper is None and not self._datastore.rows("SELECT id FROM key_store")
        if is_new and run_blocking(lambda: self._store.read(key_store.PEPPER_NAME)) is None:
            return None
        return self.subject_of(customer)

    @retry_lost_connection
    def orders_of(self, subject: UUID) -> list[str]:
        with self._datastore.get_connection() as connection:
            self._require_own_store(connection)
            query = "SELECT order_id FROM order_subjects WHERE subject = %s ORDER BY order_id"
            return [order for (order,) in fetch_rows(connection, query, subject)]

    def subject_of_order(self, order: str) -> UUID | None:
        rows = self._datastore.rows("SELECT subject FROM order_subjects WHERE order_id = %s", order)
        return rows[0][0] if rows else None

    def subjects_of(self, orders: Collection[str]) -> set[UUID]:
        query = "SELECT DISTINCT subject FROM order_subjects WHERE order_id = ANY(%s)"
        return {subject for (subject,) in self._datastore.rows(query, [*orders])}

    def held_after_erasure(
        self, orders: Collection[str] | None, after: str, limit: int
    ) -> list[str]:
        wanted = [*orders] if orders is not None else None
        rows = self._datastore.rows(
            f"SELECT order_id FROM ({HELD_AFTER_ERASURE}) AS found "
            "WHERE (%s::text[] IS NULL OR order_id = ANY(%s)) AND order_id > %s "
            "ORDER BY order_id LIMIT %s",
            *(wanted, wanted, after, limit),
        )
        return [order for (order,) in rows]

    def has_keys(self, order: str) -> bool:
        query = "SELECT 1 FROM order_keys WHERE order_id = %s AND destroyed_at IS NULL LIMIT 1"
        return bool(self._datastore.rows(query, order))

    def renew(self, order: str) -> None:
        with self._lock:
            self._of_order.pop(order, None)

    def destroy(self, erasure: UUID, orders: Collection[str], spared: Collection[str] = ()) -> int:
        """Destroy the keys of these orders that are not spared, and the customers' links to them; return
        how many keys this erasure has destroyed. Repeat the call if it was interrupted: the number is the
        same. This process then no longer uses the keys, and other processes stop after `CACHE_SECONDS`."""
        with self._destruction_lock() as connection:
            query = "SELECT key FROM order_keys WHERE order_id = ANY(%s)"
            refs = {key for (key,) in fetch_rows(connection, query, [*orders])} - {*spared}
            key_store.destroy_keys(self._store, refs)
            connection.execute(
                "UPDATE order_keys SET destroyed_at = clock_timestamp(), destroyed_by = %s "
                "WHERE order_id = ANY(%s) AND key = ANY(%s) AND destroyed_at IS NULL",
                (erasure, [*orders], [*refs]),
            )
            connection.execute("DELETE FROM order_subjects WHERE order_id = ANY(%s)", ([*orders],))
            query = "SELECT count(*) FROM order_keys WHERE order_id = ANY(%s) AND destroyed_by = %s"
            ((destroyed,),) = fetch_rows(connection, query, [*orders], erasure)
        for order in orders:
            self.renew(order)
        self._forget_bundles(refs)
        return int(destroyed)

    def destroy_restored(self) -> int:
        """Destroy keys again that a restored backup of the key store has brought back; return how many."""
        with self._destruction_lock() as connection:
            self._require_own_store(connection)
            query = "SELECT key FROM order_keys WHERE destroyed_at IS NOT NULL"
            refs = {key for (key,) in fetch_rows(connection, query)}
            found = key_store.destroy_keys(self._store, refs)
        if found:
            self._forget_bundles(refs)
        return found

    @contextmanager
    def _destruction_lock(self) -> Iterator[Connection]:
        """A lock for one destruction at a time in all processes."""
        with self._datastore.get_connection() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            try:
                yield connection
            finally:
                connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))

    def _forget_bundles(self, refs: Collection[str]) -> None:
        with self._lock:
            for ref in refs:
                self._bundles.pop(ref.partition(".")[0], None)

    @retry_lost_connection
    def _prepare(self) -> None:
        with self._datastore.get_connection() as connection:
            self._require_own_store(connection)
        with self._lock:
            if len(self._unused) < REFILL_BELOW:
                self._unused = self._make_keys() + self._unused

    def _secret(self) -> bytes:
        if self._pepper is None:
            self._pepper = self._read_pepper(self._datastore.rows("SELECT id FROM key_store"))
        return self._pepper

    def _read_pepper(self, known: Rows) -> bytes:
        """The secret for customer IDs, made on first use. Without it, a database that has used a key store
        must not get a new one. Raises KeyStoreUnavailable."""
        if not known:
            return run_blocking(lambda: key_store.read_or_make_pepper(self._store))
        found = run_blocking(lambda: self._store.read(key_store.PEPPER_NAME))
        if found is None:
            raise KeyStoreUnavailable(
                "the key store is empty, but this database has used one: restore it, or set CASETRAIL_KEYS "
                "to this database's own"
            )
        return found

    def _require_own_store(self, connection: Connection) -> None:
        """Require the key store that this database has used from the start. Raises KeyStoreUnavailable."""
        if self._is_ours:
            return
        if self._pepper is None:
            self._pepper = self._read_pepper(fetch_rows(connection, "SELECT id FROM key_store"))
        ours = key_store.store_fingerprint(self._pepper)
        connection.execute("INSERT INTO key_store (id) VALUES (%s) ON CONFLICT DO NOTHING", (ours,))
        if fetch_rows(connection, "SELECT id FROM key_store")[:1] != [(ours,)]:
            raise KeyStoreUnavailable(
                "the key store belongs to another database: set CASETRAIL_KEYS to this database's own"
            )
        self._is_ours = True

    def _new(self) -> AesKey:
        """A new key. Call it with the lock held. The next bundle is made before the last key is used."""
        if not self._unused:
            self._unused = self._make_keys()
        if len(self._unused) == REFILL_BELOW:
            threading.Thread(target=self._refill_ahead, name="keys", daemon=True).start()
        return self._unused.pop()

    def _make_keys(self) -> list[AesKey]:
        # Without this, a lost directory would be made again, with new keys beside none of the old ones.
        self.require_kept(())
        return [AesKey(*named) for named in key_store.make_bundle(self._store, KEYS_PER_BUNDLE)]

    def _refill_ahead(self) -> None:
        try:
            made = self._make_keys()
        except KeyStoreUnavailable as error:
            _logger.warning("the next keys could not be made: %s", error)
            return
        with self._lock:
            self._unused = made + self._unused

    def _bundle(self, name: str) -> Mapping[str, bytes]:
        with self._lock:
            kept = self._bundles.get(name)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        found = run_blocking(lambda: key_store.read_bundle(self._store, name))
        with self._lock:
            _put_bounded(
                self._bundles, name, (time.monotonic() + CACHE_SECONDS, found), MOST_BUNDLES
            )
        return found


def _put_bounded(cache: OrderedDict[K, V], name: K, value: V, most: int) -> None:
    cache[name] = value
    cache.move_to_end(name)
    if len(cache) > most:
        cache.popitem(last=False)
