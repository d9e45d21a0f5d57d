"""Where the time of a case went: to its queue, to the people who held it, and to those waited for.

A tally only grows, so what a stretch of it holds is the difference of two: a measure keeps the
tally at its begin and at its end, and nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct, field

NOTHING = timedelta()
SECOND = timedelta(seconds=1)


class Tally(Struct, frozen=True, kw_only=True, gc=False):
    """What has passed since the start, by place: `queue`, `work`, `wait:carrier/dhl`."""

    elapsed: dict[str, timedelta] = field(default_factory=dict)
    business: dict[str, timedelta] = field(default_factory=dict)
    counted: timedelta = NOTHING
    """The business time in which the clock was not paused."""

    def plus(self, place: str, elapsed: timedelta, business: timedelta, counts: bool) -> Tally:
        return Tally(
            elapsed=_added(self.elapsed, place, elapsed),
            business=_added(self.business, place, business),
            counted=self.counted + business if counts else self.counted,
        )


class Split(Struct, frozen=True, kw_only=True, gc=False):
    """A number of seconds, and its parts by place, which add up to it exactly."""

    seconds: int
    parts: dict[str, int]


def split(spent: Mapping[str, timedelta], before: Mapping[str, timedelta] | None = None) -> Split:
    """The whole seconds of what was spent, less what was spent before.

    Each part is rounded down; the seconds that this leaves over go to the largest remainders.
    """
    known = before or {}
    times = {place: time - known.get(place, NOTHING) for place, time in spent.items()}
    times = {place: time for place, time in sorted(times.items()) if time}
    parts = {place: time // SECOND for place, time in times.items()}
    seconds = sum(times.values(), NOTHING) // SECOND
    by_remainder = sorted(times, key=lambda place: times[place] % SECOND, reverse=True)
    for place in by_remainder[: seconds - sum(parts.values())]:
        parts[place] += 1
    return Split(seconds=seconds, parts=parts)


def _added(times: dict[str, timedelta], place: str, time: timedelta) -> dict[str, timedelta]:
    return {**times, place: times.get(place, NOTHING) + time} if time else times
