"""How much open time is between two moments, when an amount of it has passed, and the next cut-off.

A calendar is written in local time and counted in UTC. When daylight saving repeats an hour, a period
opens at the earlier and closes at the later of two equal times: it includes the repeated hour.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from msgspec import Struct

from domain.clock.calendars import DAY, NO_TIME, BusinessCalendar, Weekday
from domain.clock.local_times import local_time_to_utc, to_utc
from domain.orders.signal_times import time_zone

HORIZON_YEARS: Final = 10
"""How far ahead open time is searched for. With the limits on `closed` and `special`, a valid
calendar is open for more than a year of ordinary weeks in that time."""
MAX_CACHED_MONTHS: Final = 600


def business_time(calendar: BusinessCalendar, start: datetime, end: datetime) -> timedelta:
    """The open time between two moments; negative if `end` comes before `start`."""
    return compile_open_hours(calendar).business_time(start, end)


def after_business_time(
    calendar: BusinessCalendar, start: datetime, duration: timedelta
) -> datetime:
    """The first moment in UTC at which `duration` of open time has passed since `start`.

    Raises ValueError for a negative duration, and if the calendar is not open for so long within
    the horizon. At a closing time it returns that time, not the next opening.
    """
    return compile_open_hours(calendar).after_business_time(start, duration)


def next_cut_off(
    calendar: BusinessCalendar, name: str, start: datetime, *, while_open: bool = True
) -> datetime:
    """The next cut-off of an open day, at `start` or after it, in UTC. With `while_open`, a cut-off outside
    of the opening hours is at the closing time before it, when somebody is there.

    Raises ValueError for an unknown name, and if no open day comes within the horizon.
    """
    return compile_open_hours(calendar).next_cut_off(name, start, while_open)


@lru_cache(maxsize=256)
def compile_open_hours(calendar: BusinessCalendar) -> OpenHours:
    """The open intervals of a calendar. Raises ValueError for an invalid calendar."""
    return OpenHours(calendar)


class _Month(Struct, frozen=True):
    """The open intervals of a UTC month, in order, and the open time up to the end of each."""

    opens: list[datetime]
    closes: list[datetime]
    open_by: list[timedelta]
    total: timedelta

    def before(self, moment: datetime) -> timedelta:
        """The open time of the month before the moment."""
        n = bisect_right(self.opens, moment)
        if n == 0:
            return NO_TIME
        return self.open_by[n - 1] - max(NO_TIME, self.closes[n - 1] - moment)

    def when(self, spent: timedelta) -> datetime:
        """The first moment by which this much of the month's open time has passed."""
        n = bisect_left(self.open_by, spent)
        return self.closes[n] - (self.open_by[n] - spent)


class OpenHours:
    """A calendar's open intervals in UTC, computed once per month."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        if faults := calendar.faults():
            raise ValueError(f"{faults[0].pointer}: {faults[0].detail}")
        self._zone = time_zone(calendar.time_zone)
        self._calendar = calendar
        self._closed = frozenset(calendar.closed)
        self._week = [calendar.week.get(weekday, ()) for weekday in Weekday]
        self._months: dict[int, _Month] = {}

    def business_time(self, start: datetime, end: datetime) -> timedelta:
        start, end = to_utc(start), to_utc(end)
        if self._calendar.always_open:
            return end - start
        if end < start:
            return -self.business_time(end, start)
        first, last = _month_of(start), _month_of(end)
        whole = sum((self._month(n).total for n in range(first, last)), NO_TIME)
        return whole + self._month(last).before(end) - self._month(first).before(start)

    def after_business_time(self, start: datetime, duration: timedelta) -> datetime:
        start = to_utc(start)
        if duration < NO_TIME:
            raise ValueError(f"the duration is negative: {duration}")
        if self._calendar.always_open or not duration:
            return start + duration
        first = _month_of(start)
        spent = duration + self._month(first).before(start)
        for n in range(first, first + 12 * HORIZON_YEARS):
            month = self._month(n)
            if spent <= month.total:
                return month.when(spent)
            spent -= month.total
        raise ValueError(f"the calendar is not open for {duration} within {HORIZON_YEARS} years")

    def next_cut_off(self, name: str, start: datetime, while_open: bool) -> datetime:
        start = to_utc(start)
        at = self._calendar.cut_offs.get(name)
        if at is None:
            known = ", ".join(sorted(self._calendar.cut_offs)) or "none"
            raise ValueError(f"the calendar has no cut-off {name}; known are: {known}")
        # A cut-off at 24:00 is on the next calendar day.
        day = start.astimezone(self._zone).date() - DAY
        for _ in range(366 * HORIZON_YEARS):
            if self._calendar.always_open or self._intervals(day):
                moment = local_time_to_utc(day, at, self._zone, later=at == "24:00")
                if while_open and not self._calendar.always_open:
                    moment = self._when_open(day, moment)
                if moment >= start:
                    return moment
            day += DAY
        raise ValueError(f"the calendar has no open day within {HORIZON_YEARS} years")

    def _when_open(self, day: date, moment: datetime) -> datetime:
        """The moment, a time of this day, if it is within the opening hours; else the closing time before.
        Opening and closing times are within."""
        # 24:00 is the beginning of the next day.
        near = [*self._intervals(day), *self._intervals(day + DAY)]
        if any(opening <= moment <= closing for opening, closing in near):
            return moment
        while not any(closing < moment for _, closing in near):
            day -= DAY
            near = [*self._intervals(day)]
        return max(closing for _, closing in near if closing < moment)

    def _month(self, n: int) -> _Month:
        found = self._months.get(n)
        if found is None:
            if len(self._months) >= MAX_CACHED_MONTHS:
                self._months = {}
            found = self._months[n] = self._make_month(n)
        return found

    def _make_month(self, n: int) -> _Month:
        begins, ends = _begin_of(n), _begin_of(n + 1)
        opens: list[datetime] = []
        closes: list[datetime] = []
        open_by: list[timedelta] = []
        total, covered = NO_TIME, begins
        # A local day is up to a day off; one more day for a period that ends on the next day.
        day = begins.date() - 2 * DAY
        while day <= ends.date() + DAY:
            for opening, closing in self._intervals(day):
                opening, closing = max(opening, covered), min(closing, ends)
                if opening < closing:
                    total += closing - opening
                    covered = closing
                    opens.append(opening)
                    closes.append(closing)
                    open_by.append(total)
            day += DAY
        return _Month(opens, closes, open_by, total)

    def _intervals(self, day: date) -> Sequence[tuple[datetime, datetime]]:
        """The periods of a local day in UTC, without those that daylight saving skips."""
        if day in self._closed:
            return ()
        periods = self._calendar.special.get(day) or self._week[day.weekday()]
        found = [
            (
                local_time_to_utc(day, period.opens, self._zone, later=False),
                local_time_to_utc(day, period.closes, self._zone, later=True),
            )
            for period in periods
        ]
        return [(opening, closing) for opening, closing in found if opening < closing]


def _month_of(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _begin_of(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
