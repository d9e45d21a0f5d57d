"""Checks that the key store has the keys that the log's personal data is sealed with."""

from typing import Final

from psycopg.rows import tuple_row

from domain.orders.order_names import describe_order
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.doctor.findings import Finding, ok, unsafe
from infrastructure.event_store.rights import Connection
from infrastructure.personal.key_store import (
    PEPPER_NAME,
    KeyStore,
    open_key_store,
    read_bundle,
    store_fingerprint,
)
from infrastructure.settings import Settings

MOST_NAMED: Final = 3
_WHAT: Final = "keys of personal data"
_IN_USE: Final = (
    "SELECT split_part(key, '.', 1), array_agg(key), array_agg(order_id) FROM order_keys "
    "WHERE key NOT IN (SELECT key FROM order_keys WHERE destroyed_at IS NOT NULL) GROUP BY 1"
)
"""A key may seal what names several orders, as a delivery: the erasure of one of them destroys it for all."""


def check_keys(connection: Connection, settings: Settings) -> Finding:
    """Whether every key is there. Each bundle of keys is read once."""
    store = open_key_store(settings.key_place)
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT id FROM key_store").fetchone()
    try:
        secret = store.read(PEPPER_NAME)
        if row is None:
            return ok(_WHAT, "nothing personal is stored yet")
        if secret is None or store_fingerprint(secret) != row[0]:
            to_do = "set CASETRAIL_KEYS to the directory that holds them."
            return unsafe(
                _WHAT, f"the keys of this database are not in {settings.key_place}", to_do
            )
        missing, orders = _find_missing(connection, store)
    except KeyStoreUnavailable as error:
        return unsafe(
            _WHAT, str(error), "repair that: until then, no personal data can be read or stored."
        )
    if missing:
        named = ", ".join(describe_order(order) for order in sorted(orders)[:MOST_NAMED])
        more = f" and {len(orders) - MOST_NAMED} more" if len(orders) > MOST_NAMED else ""
        return unsafe(
            _WHAT,
            f"{missing} keys are not in {settings.key_place}: personal data of {named}{more} "
            "cannot be read",
            "restore the key store from its backup, beside the keys that it has now.",
        )
    return ok(_WHAT, f"in {settings.key_place}")


def _find_missing(connection: Connection, store: KeyStore) -> tuple[int, set[str]]:
    """How many keys in use are not in the store, and their orders."""
    missing = 0
    orders: set[str] = set()
    with connection.cursor(row_factory=tuple_row) as cursor:
        for bundle, keys, their_orders in cursor.stream(_IN_USE):
            kept = read_bundle(store, bundle) if store.stamp(bundle) is not None else {}
            lost = [order for key, order in zip(keys, their_orders, strict=True) if key not in kept]
            missing += len(lost)
            orders.update(lost)
    return missing, orders
