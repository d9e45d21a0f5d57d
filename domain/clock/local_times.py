"""Local times in UTC, exact where daylight saving skips or repeats them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def to_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC)


def offset_from_midnight(local: str) -> timedelta:
    return timedelta(hours=int(local[:2]), minutes=int(local[3:]))


def local_time_to_utc(day: date, local: str, zone: ZoneInfo, *, later: bool) -> datetime:
    """A local time of a day in UTC: the moment of the jump if it is skipped, the earlier or the
    later one if it comes twice."""
    wanted = datetime.combine(day, time()) + offset_from_midnight(local)
    one = wanted.replace(tzinfo=zone).astimezone(UTC)
    other = wanted.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if one > other:
        return _find_time_jump(wanted, other, one, zone)
    if one == other or not later:
        return one
    if local == "24:00" and (other - timedelta.resolution).astimezone(zone).date() != day:
        return one  # The next day begins twice; this one ends before either.
    return other


def _find_time_jump(
    wanted: datetime, before: datetime, after: datetime, zone: ZoneInfo
) -> datetime:
    """The moment between the two at which the local time jumps over the one that is wanted."""
    second = timedelta(seconds=1)
    while after - before > second:
        middle = before + (after - before) // second // 2 * second
        if middle.astimezone(zone).replace(tzinfo=None) < wanted:
            before = middle
        else:
            after = middle
    return after
