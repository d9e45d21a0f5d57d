"""The deliveries of sources that were refused: they are counted like other refused requests."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from application.log.event_log import EventLog
from domain.access_refusals import AccessRefused, access_stream

DAYS: Final = 7
"""Today and the days before, in UTC."""


class RefusedFor(Struct, frozen=True):
    """Deliveries that were refused for one reason."""

    problem: str
    """The problem type of the answers, such as `signature-wrong`."""
    count: int
    last_at: datetime


def list_refused_deliveries(
    log: EventLog, sources: Collection[str], now: datetime
) -> Mapping[str, Sequence[RefusedFor]]:
    """By source: for what they were refused, the latest first."""
    days = [now - timedelta(days=n) for n in range(DAYS)]
    source_of = {access_stream(f"source:{name}", day): name for name in sources for day in days}
    found: dict[str, dict[str, RefusedFor]] = {name: {} for name in sources}
    for stream, lines in log.trails([*source_of]).items():
        for line in lines:
            if isinstance(line.event, AccessRefused):
                _add(found[source_of[stream]], line.event)
    return {name: sorted(one.values(), key=_last, reverse=True) for name, one in found.items()}


def _add(found: dict[str, RefusedFor], event: AccessRefused) -> None:
    for one in event.refused:
        known = found.get(one.problem) or RefusedFor(one.problem, 0, one.last_at)
        last = max(known.last_at, one.last_at)
        found[one.problem] = RefusedFor(one.problem, known.count + one.count, last)


def _last(one: RefusedFor) -> datetime:
    return one.last_at
