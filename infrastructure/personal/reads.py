"""The record of reads of personal data: who read which order's data. Written before it is shown."""

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct

from domain.orders.signal_body import order_key, split_order_key
from infrastructure.event_loops import run_blocking
from infrastructure.postgres.datastore import Datastore


class PersonalRead(Struct, frozen=True):
    id: int
    at: datetime
    principal: str
    person: str | None
    what: str
    """The requested address, or the command."""
    order_id: str
    shop: str


class PersonalReads:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def note(
        self, at: datetime, principal: str, person: str | None, what: str, orders: Collection[str]
    ) -> None:
        self._run(
            "INSERT INTO personal_reads (at, principal, person, what, order_id) "
            "SELECT %s, %s, %s, %s, unnest(%s::text[])",
            (at, principal, person, what, sorted(orders)),
        )

    def note_file(
        self, at: datetime, principal: str, person: str | None, what: str, ref: str
    ) -> None:
        """Record the read of a file for every order that has a case with that file."""
        rows = self._datastore.rows(
            "SELECT DISTINCT order_id, shop FROM views.attachments JOIN views.cases USING (case_id) "
            "WHERE ref = %s",
            ref,
        )
        self.note(at, principal, person, what, {order_key(order, shop) for order, shop in rows})

    def of(
        self, orders: Collection[str] | None, person: str | None, after: int, limit: int
    ) -> Sequence[PersonalRead]:
        """Reads of these orders (None: all) by this person (None: anyone), oldest first."""
        wanted = [*orders] if orders is not None else None
        rows = self._datastore.rows(
            "SELECT id, at, principal, person, what, order_id FROM personal_reads "
            "WHERE id > %s AND (%s::text[] IS NULL OR order_id = ANY(%s)) "
            "AND (%s::text IS NULL OR person = %s) ORDER BY id LIMIT %s",
            *(after, wanted, wanted, person, person, limit),
        )
        return [
            PersonalRead(number, at, principal, who, what, *split_order_key(key))
            for number, at, principal, who, what, key in rows
        ]

    def _run(self, statement: str, values: Sequence[object]) -> None:
        def execute() -> None:
            with self._datastore.get_connection() as connection:
                connection.execute(statement, values)

        run_blocking(execute)
