"""Counts what sources sent within a window, and within the same one of each week before. What a pull fetched was not
sent."""

from collections.abc import Collection
from datetime import datetime

from application.sources.source_watch import MeasuredSources
from domain.policy.source_parts import Silence
from domain.sources.silence import SourceFigures, WindowCount, window_starts
from infrastructure.postgres.datastore import Datastore

# One statement is one snapshot, so counts and position belong together. Only the windows themselves are read, by
# the index of source and time.
_COUNTS = """
SELECT p.position, s.source, c.earlier, c.recent, l.delivery, l.received_at
FROM projections p
LEFT JOIN unnest(%s::text[]) AS s (source) ON true
LEFT JOIN LATERAL (
    SELECT array_agg(w.earlier ORDER BY w.begin DESC) AS earlier, array_agg(w.recent ORDER BY w.begin DESC) AS recent
    FROM unnest(%s::timestamptz[]) AS b (begin)
    CROSS JOIN LATERAL (
        SELECT b.begin, count(*) FILTER (WHERE received_at < b.begin + %s / 2) AS earlier,
            count(*) FILTER (WHERE received_at >= b.begin + %s / 2) AS recent
        FROM views.deliveries
        WHERE source = s.source AND NOT pulled AND received_at >= b.begin AND received_at < b.begin + %s
    ) AS w
) AS c ON true
LEFT JOIN LATERAL (
    SELECT delivery, received_at FROM views.deliveries WHERE source = s.source AND NOT pulled ORDER BY received_at DESC LIMIT 1
) AS l ON true
WHERE p.name = 'deliveries' AND p.live
"""


class SourceCounts:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def measure(self, sources: Collection[str], end: datetime, rules: Silence) -> MeasuredSources:
        """The figures of these sources, for the window that ends at this time, and the report's position."""
        starts, window = window_starts(end, rules), rules.window
        rows = self._datastore.rows(_COUNTS, [*sources], starts, window, window, window)
        figures = []
        for _, source, earlier, recent, last, received_at in rows:
            if source is None:
                continue
            now, *weeks = map(WindowCount, earlier, recent)
            figures.append(
                SourceFigures(
                    source=source,
                    now=now,
                    weeks=tuple(weeks),
                    last_delivery=last,
                    last_received_at=received_at,
                )
            )
        return MeasuredSources(rows[0][0] if rows else 0, figures)
