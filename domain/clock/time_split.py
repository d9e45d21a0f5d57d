"""How the time of a case was spent: in its queue, in work, and waiting for each party.

A tally only grows. A measure keeps the tally at its begin and at its end; their difference is its
time, so nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct, field

NO_TIME = timedelta()
SECOND = timedelta(seconds=1)


class TimeTally(Struct, frozen=True, kw_only=True, gc=False):
    """The time since the start, by place: `queue`, `work`, `wait:carrier/dhl`."""

    elapsed: dict[str, timedelta] = field(default_factory=dict)
    business: dict[str, timedelta] = field(default_factory=dict)
    counted: timedelta = NO_TIME
    """The business time without pauses."""

    def plus(self, place: str, elapsed: timedelta, business: timedelta, counts: bool) -> TimeTally:
        return TimeTally(
            elapsed=_add_time(self.elapsed, place, elapsed),
            business=_add_time(self.business, place, business),
            counted=self.counted + business if counts else self.counted,
        )


class TimeSplit(Struct, frozen=True, kw_only=True, gc=False):
    """A number of seconds, and its parts by place; the parts add up exactly."""

    seconds: int
    parts: dict[str, int]


def split_seconds(
    spent: Mapping[str, timedelta], before: Mapping[str, timedelta] | None = None
) -> TimeSplit:
    """The time spent minus the time spent before, in whole seconds.

    Each part is rounded down; the seconds left over go to the parts with the largest remainders.
    """
    times = {place: time - (before or {}).get(place, NO_TIME) for place, time in spent.items()}
    times = {place: time for place, time in sorted(times.items()) if time}
    parts = {place: time // SECOND for place, time in times.items()}
    seconds = sum(times.values(), NO_TIME) // SECOND
    by_remainder = sorted(times, key=lambda place: times[place] % SECOND, reverse=True)
    for place in by_remainder[: seconds - sum(parts.values())]:
        parts[place] += 1
    return TimeSplit(seconds=seconds, parts=parts)


def _add_time(times: dict[str, timedelta], place: str, time: timedelta) -> dict[str, timedelta]:
    return {**times, place: times.get(place, NO_TIME) + time} if time else times
