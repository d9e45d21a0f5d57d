"""Converts local times to UTC, including times that daylight saving skips or repeats."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def to_utc(moment: datetime) -> datetime:
    """The time in UTC. Raises ValueError for a time without a zone."""
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: give it an offset")
    return moment.astimezone(UTC)


def offset_from_midnight(local: str) -> timedelta:
    return timedelta(hours=int(local[:2]), minutes=int(local[3:]))


def local_time_to_utc(day: date, local: str, zone: ZoneInfo, *, later: bool) -> datetime:
    """The UTC time of a local time: the moment of the jump if daylight saving skips it.

    If it is repeated, the later one with `later`, else the earlier one.
    """
    wanted = datetime.combine(day, time()) + offset_from_midnight(local)
    first = wanted.replace(tzinfo=zone).astimezone(UTC)
    second = wanted.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first > second:
        return _find_time_jump(wanted, second, first, zone)
    if first == second or not later:
        return first
    if local == "24:00" and (second - timedelta.resolution).astimezone(zone).date() != day:
        return first  # The next day begins twice; this day ends at the first beginning.
    return second


def _find_time_jump(
    wanted: datetime, before: datetime, after: datetime, zone: ZoneInfo
) -> datetime:
    """The moment between the two at which the local time jumps over `wanted`."""
    second = timedelta(seconds=1)
    while after - before > second:
        middle = before + (after - before) // second // 2 * second
        if middle.astimezone(zone).replace(tzinfo=None) < wanted:
            before = middle
        else:
            after = middle
    return after
