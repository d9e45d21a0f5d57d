"""The keys of orders, as processes use them: taken from the key store in bundles, remembered for a while."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import tuple_row

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.event_loops import elsewhere
from infrastructure.personal.aes import AesKey
from infrastructure.personal.key_store import (
    KeyStore,
    destroy,
    keys_in,
    make_bundle,
    name_of,
    pepper,
)
from infrastructure.postgres.datastore import Datastore, patiently

BUNDLE: Final = 1_024
FEW: Final = 256
"""So many are left when the next bundle is made."""
KEEP_SECONDS: Final = 5.0
"""For how long a process may still open what was sealed with a key that another has destroyed."""
SEAL_SECONDS: Final = 30.0
"""For how long a process seals what is new of an order with the same key. If another has destroyed it
meanwhile, nobody will read that either."""
MOST_ORDERS: Final = 50_000
MOST_BUNDLES: Final = 500
_logger = logging.getLogger("casetrail.privacy")
_LOCK: Final = 0x0CA5E7A5
K = TypeVar("K")
V = TypeVar("V")


class KeyRing:
    """The application's `DataKeys` over a key store and the database's list of which key is whose."""

    def __init__(self, datastore: Datastore, store: KeyStore) -> None:
        self._datastore = datastore
        self._store = store
        self._lock = threading.Lock()
        self._unused: list[AesKey] = []
        self._of_order: OrderedDict[str, tuple[float, AesKey]] = OrderedDict()
        self._bundles: OrderedDict[str, tuple[float, Mapping[str, bytes]]] = OrderedDict()
        self._pepper: bytes | None = None
        self._is_ours = False

    # what is stored and read

    def of_orders(self, orders: Collection[str]) -> Mapping[str, AesKey]:
        """One for each order, as long as this process remembers it: that it is the order's is stored with
        what is sealed, and an order may have many."""
        if not self._is_ours:
            self._look()
        now = time.monotonic()
        with self._lock:
            known: dict[str, AesKey] = {}
            for order in orders:
                kept = self._of_order.get(order)
                if kept is None or kept[0] < now:
                    kept = (now + SEAL_SECONDS, self._new())
                    _keep(self._of_order, order, kept, MOST_ORDERS)
                known[order] = kept[1]
        return known

    def find(self, refs: Iterable[str]) -> Mapping[str, AesKey]:
        found: dict[str, AesKey] = {}
        for ref in refs:
            secret = self._bundle(ref.partition(".")[0]).get(ref)
            if secret is not None:
                found[ref] = AesKey(ref, secret)
        return found

    # whose it is

    def subject_of(self, customer: str) -> UUID:
        """The name of a customer's records here: an HMAC of the shop's id."""
        return UUID(bytes=hmac.digest(self._secret(), customer.encode(), "sha256")[:16], version=5)

    @patiently
    def orders_of(self, subject: UUID) -> list[str]:
        with self._datastore.get_connection() as connection:
            self._must_be_ours(connection.cursor(row_factory=tuple_row))
            rows = connection.cursor(row_factory=tuple_row).execute(
                "SELECT order_id FROM order_subjects WHERE subject = %s ORDER BY order_id",
                (subject,),
            )
            return [order for (order,) in rows]

    @patiently
    def subject_with(self, order: str) -> UUID | None:
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=tuple_row)
                .execute("SELECT subject FROM order_subjects WHERE order_id = %s", (order,))
                .fetchone()
            )
            return row[0] if row is not None else None

    def destroy(self, subject: UUID, orders: Collection[str]) -> int:
        """Every key of these orders, and that they are the subject's; how many there were. Again, if it was
        cut off.

        Nobody else uses them when this returns, here; elsewhere after `KEEP_SECONDS`.
        """
        with self._destroying() as cursor:
            rows = cursor.execute(
                "SELECT key FROM order_keys WHERE order_id = ANY(%s)", ([*orders],)
            ).fetchall()
            refs = {key for (key,) in rows}
            destroy(self._store, refs)
            cursor.execute(
                "UPDATE order_keys SET destroyed_at = clock_timestamp() "
                "WHERE order_id = ANY(%s) AND key = ANY(%s) AND destroyed_at IS NULL",
                ([*orders], [*refs]),
            )
            cursor.execute("DELETE FROM order_subjects WHERE subject = %s", (subject,))
        with self._lock:
            for order in orders:
                self._of_order.pop(order, None)
        self._forget_bundles(refs)
        return len(refs)

    def destroy_again(self) -> int:
        """Whatever was destroyed and is there again, as from a backup of the keys; how many there were."""
        with self._destroying() as cursor:
            self._must_be_ours(cursor)
            rows = cursor.execute(
                "SELECT key FROM order_keys WHERE destroyed_at IS NOT NULL"
            ).fetchall()
            refs = {key for (key,) in rows}
            found = destroy(self._store, refs)
        if found:
            self._forget_bundles(refs)
        return found

    @contextmanager
    def _destroying(self) -> Iterator[Cursor[Any]]:
        """One at a time, of all processes."""
        with self._datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            cursor.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            try:
                yield cursor
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))

    def _forget_bundles(self, refs: Collection[str]) -> None:
        with self._lock:
            for ref in refs:
                self._bundles.pop(ref.partition(".")[0], None)

    @patiently
    def _look(self) -> None:
        with self._datastore.get_connection() as connection:
            self._must_be_ours(connection.cursor(row_factory=tuple_row))
        with self._lock:
            if len(self._unused) < FEW:
                self._refill()

    def _secret(self) -> bytes:
        if self._pepper is None:
            self._pepper = elsewhere(lambda: pepper(self._store))
        return self._pepper

    def _must_be_ours(self, cursor: Cursor[Any]) -> None:
        """The key store is the one that this database began with. Raises KeyStoreUnavailable."""
        if self._is_ours:
            return
        ours = name_of(self._secret())
        cursor.execute("INSERT INTO key_store (id) VALUES (%s) ON CONFLICT DO NOTHING", (ours,))
        row = cursor.execute("SELECT id FROM key_store").fetchone()
        if row is None or row[0] != ours:
            raise KeyStoreUnavailable(
                "the key store is not that of this database: set CASETRAIL_KEYS to the one that is"
            )
        self._is_ours = True

    def _new(self) -> AesKey:
        """With the lock. The next bundle is made while there are some left."""
        if not self._unused:
            self._refill()
        if len(self._unused) == FEW:
            threading.Thread(target=self._refill_ahead, name="keys", daemon=True).start()
        return self._unused.pop()

    def _refill(self) -> None:
        made = make_bundle(self._store, BUNDLE)
        self._unused = [AesKey(*one) for one in made] + self._unused

    def _refill_ahead(self) -> None:
        try:
            made = make_bundle(self._store, BUNDLE)
        except KeyStoreUnavailable as error:
            _logger.warning("no keys could be made ahead: %s", error)
            return
        with self._lock:
            self._unused = [AesKey(*one) for one in made] + self._unused

    def _bundle(self, name: str) -> Mapping[str, bytes]:
        with self._lock:
            kept = self._bundles.get(name)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        found = elsewhere(lambda: keys_in(self._store, name))
        with self._lock:
            _keep(self._bundles, name, (time.monotonic() + KEEP_SECONDS, found), MOST_BUNDLES)
        return found


def _keep(kept: OrderedDict[K, V], name: K, value: V, most: int) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > most:
        kept.popitem(last=False)
