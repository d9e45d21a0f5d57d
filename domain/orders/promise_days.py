"""The moment at which a promised day is over."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from domain.orders.signal_body import Promise
from domain.orders.signal_times import time_zone


@lru_cache(maxsize=4096)
def end_of_day(day: date, zone: str) -> datetime:
    """The first moment after a calendar day in a time zone, in UTC.

    Where daylight saving skips or repeats that midnight, the offset before the change counts
    (PEP 495, fold 0).
    """
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), time_zone(zone))
    return midnight.astimezone(UTC)


def end_of_promise(promise: Promise | None) -> datetime | None:
    """The first moment after the promised day; None without a promise."""
    return None if promise is None else end_of_day(promise.delivery_date, promise.time_zone)
