"""How many deliveries of sources were refused: their refusals are counted like those of other requests."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from application.log.event_log import EventLog
from domain.access_refusals import AccessRefused, access_stream

DAYS: Final = 7
"""Today and the days before, in UTC."""


def count_refused_deliveries(
    log: EventLog, sources: Collection[str], now: datetime
) -> Mapping[str, int]:
    """By source."""
    days = [now - timedelta(days=n) for n in range(DAYS)]
    source_of = {access_stream(f"source:{name}", day): name for name in sources for day in days}
    found = dict.fromkeys(sources, 0)
    for stream, lines in log.trails([*source_of]).items():
        for line in lines:
            if isinstance(line.event, AccessRefused):
                found[source_of[stream]] += line.event.count
    return found
