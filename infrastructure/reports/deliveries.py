"""Reads the report of deliveries: a page of those of a source, and how much each source sent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from domain.sources.deliveries import DeliveryState
from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.pages import Ordering, read_page
from projections.deliveries import DeliveryRow

RECENT: Final = timedelta(hours=24)
NEWEST_FIRST: Final[Ordering] = (("received_at", True), ("delivery", True))
MOST_AGAIN: Final = 1_000
"""Deliveries of one request to read again."""


class SourceTraffic(Struct, frozen=True):
    """What a source sent: ever, and within the last 24 hours."""

    source: str = ""
    last_received_at: datetime | None = None
    deliveries: int = 0
    deliveries_24h: int = 0
    signals_24h: int = 0
    not_understood: int = 0
    """Deliveries that are not understood now and that nobody set aside, of any age."""


def columns_of(state: DeliveryState) -> dict[str, object]:
    """The columns of the deliveries in this state, and their values."""
    if state is DeliveryState.UNDERSTOOD:
        return {"understood": True}
    return {"understood": False, "settled": state is DeliveryState.SETTLED}


class DeliveryReports:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def page(
        self, where: Mapping[str, object], after: Sequence[object] | None, limit: int
    ) -> list[DeliveryRow]:
        """The newest first."""
        return read_page(
            self._datastore, "deliveries", DeliveryRow, where, NEWEST_FIRST, after, limit
        )

    def traffic(self, sources: Collection[str], now: datetime) -> dict[str, SourceTraffic]:
        """By source."""
        rows = self._datastore.rows(
            "SELECT source, max(received_at), count(*), count(*) FILTER (WHERE received_at > %s), "
            "coalesce(sum(signals) FILTER (WHERE received_at > %s), 0)::bigint, "
            "count(*) FILTER (WHERE NOT understood AND NOT settled) FROM views.deliveries WHERE source = ANY(%s) "
            "GROUP BY source",
            *(now - RECENT, now - RECENT, [*sources]),
        )
        sent = {row[0]: SourceTraffic(*row) for row in rows}
        return {name: sent.get(name) or SourceTraffic(name) for name in sources}

    def find_not_understood(self, source: str, ids: Collection[str]) -> set[str]:
        """Which of these ids of the sender came before and are not understood."""
        rows = self._datastore.rows(
            "SELECT DISTINCT sender_id FROM views.deliveries WHERE source = %s AND NOT understood "
            "AND sender_id = ANY(%s)",
            *(source, [*ids]),
        )
        return {sender_id for (sender_id,) in rows}

    def not_understood(self, source: str, after: UUID | None) -> list[UUID]:
        """The next deliveries of a source to read again, by id; not those that were set aside."""
        rows = self._datastore.rows(
            "SELECT delivery FROM views.deliveries WHERE source = %s AND NOT understood AND NOT settled "
            "AND (%s::uuid IS NULL OR delivery > %s) ORDER BY delivery LIMIT %s",
            *(source, after, after, MOST_AGAIN),
        )
        return [delivery for (delivery,) in rows]
