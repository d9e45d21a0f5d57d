"""Finds the evidence files to erase with a customer's data: those that no other case uses."""

from collections.abc import Collection
from uuid import UUID

from domain.orders.signal_body import split_order_key
from infrastructure.evidence_store import EvidenceStore
from infrastructure.postgres.datastore import Datastore, retry_lost_connection
from infrastructure.postgres.rows import fetch_rows
from projections.attachments import ATTACHMENTS


class CaseEvidenceFiles:
    """The application's `Files`, over the attachments report and the evidence store."""

    def __init__(self, datastore: Datastore, store: EvidenceStore) -> None:
        self._datastore = datastore
        self._store = store

    @retry_lost_connection
    def cases_of(self, orders: Collection[str]) -> Collection[UUID]:
        with self._datastore.get_connection() as connection:
            # Before the first run of a worker there are no reports.
            if fetch_rows(connection, "SELECT to_regclass('views.cases') IS NULL") == [(True,)]:
                return ()
            query = (
                "SELECT case_id FROM views.cases WHERE (order_id, shop) IN "
                "(SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY case_id"
            )
            # Two shops may have an order with the same id.
            named = [split_order_key(order) for order in orders]
            ids, shops = [id for id, _ in named], [shop for _, shop in named]
            return [case for (case,) in fetch_rows(connection, query, ids, shops)]

    @retry_lost_connection
    def deliveries_of(self, orders: Collection[str]) -> Collection[UUID]:
        with self._datastore.get_connection() as connection:
            if fetch_rows(connection, "SELECT to_regclass('views.deliveries') IS NULL") == [
                (True,)
            ]:
                return ()
            query = (
                "SELECT delivery FROM views.deliveries WHERE orders ?| %s "
                "ORDER BY received_at, delivery"
            )
            return [one for (one,) in fetch_rows(connection, query, [*orders])]

    @retry_lost_connection
    def attached_elsewhere(
        self, refs: Collection[str], cases: Collection[UUID]
    ) -> Collection[str] | None:
        if not refs:
            return ()
        with self._datastore.get_connection() as connection, connection.transaction():
            behind = fetch_rows(
                connection,
                "SELECT log_head.position > projections.position FROM log_head, projections "
                "WHERE name = %s AND live",
                ATTACHMENTS.name,
            )
            if behind != [(False,)]:
                return None
            rows = fetch_rows(
                connection,
                "SELECT DISTINCT ref FROM views.attachments WHERE ref = ANY(%s) "
                "AND NOT case_id = ANY(%s)",
                *([*refs], [*cases]),
            )
            return {ref for (ref,) in rows}

    def not_erased(self, refs: Collection[str]) -> tuple[str, ...]:
        return tuple(ref for ref in refs if not self._store.is_erased(ref))

    def erase(self, refs: Collection[str]) -> int:
        return sum(self._store.erase(ref) for ref in refs)
