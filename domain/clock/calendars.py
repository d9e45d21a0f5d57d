"""Business calendars: when a team works, and how much open time is between two moments.

A calendar is written in local time and counted in UTC. When daylight saving repeats an hour, a period
opens at the earlier and closes at the later of two equal times: it includes the repeated hour.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct, field

from domain.clock.local_times import local_time_to_utc, offset_from_midnight, to_utc
from domain.errors import Fault
from domain.orders.signal_body import ZoneName, check_day, time_zone
from domain.policy.document_types import Name, Part
from domain.texts import form

NO_TIME: Final = timedelta()
DAY: Final = timedelta(days=1)
HORIZON_YEARS: Final = 10
"""How far ahead open time is searched for. With the limits on `closed` and `special`, a valid
calendar is open for more than a year of ordinary weeks in that time."""
MAX_CLOSED_DAYS: Final = 250
MAX_SPECIAL_DAYS: Final = 100
MAX_CACHED_MONTHS: Final = 600

OpeningTime = Annotated[
    str,
    form("([01][0-9]|2[0-3]):[0-5][0-9]", "a local time such as 09:00", "Local time, e.g. 09:00."),
]
ClosingTime = Annotated[
    str,
    form(
        "(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)",
        "a local time such as 17:30, or 24:00",
        "Local time, e.g. 17:30; 24:00 is the end of the day.",
    ),
]


CalendarDay = Annotated[date, Meta(extra={"check": check_day})]
"""Checked in a proposed policy only: one that is stored already stays readable."""


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Period(Part, frozen=True, kw_only=True):
    """Open from `opens` up to and without `closes`."""

    opens: OpeningTime
    closes: ClosingTime


Periods: TypeAlias = tuple[Period, ...]


class BusinessCalendar(Part, frozen=True, kw_only=True):
    """When a team works. A weekday without an entry is closed; a `special` day has its own periods.
    A cut-off is the latest time on an open day for work to count on that day."""

    time_zone: ZoneName
    week: dict[Weekday, Periods] = field(default_factory=dict)
    closed: Annotated[tuple[CalendarDay, ...], Meta(max_length=MAX_CLOSED_DAYS)] = ()
    special: Annotated[dict[CalendarDay, Periods], Meta(max_length=MAX_SPECIAL_DAYS)] = field(
        default_factory=dict
    )
    cut_offs: dict[Name, ClosingTime] = field(default_factory=dict)
    always_open: bool = False

    def __post_init__(self) -> None:
        time_zone(self.time_zone)

    def __hash__(self) -> int:
        return hash((self.time_zone, self.always_open, self.closed, len(self.week)))

    def faults(self, pointer: str = "") -> list[Fault]:
        """Errors beyond the form of each part: periods out of order, days given twice."""
        found: list[Fault] = []
        parts: list[tuple[str, dict[Weekday, Periods] | dict[date, Periods]]] = [
            ("week", self.week),
            ("special", self.special),
        ]
        for part, days in parts:
            for day, periods in days.items():
                found += _faults_of_periods(periods, f"{pointer}/{part}/{day}")
        for day, periods in self.special.items():
            place = f"{pointer}/special/{day}"
            if not periods:
                found.append(Fault(place, "has no periods: list the day in `closed` instead"))
            if day in self.closed:
                found.append(
                    Fault(place, "is also in `closed`: remove the day from one of the two")
                )
        if self.always_open and (self.week or self.closed or self.special):
            place = f"{pointer}/always_open"
            found.append(
                Fault(
                    place,
                    "an always open calendar cannot have week, closed or special: remove them",
                )
            )
        if not self.always_open and not self.weekly_open_time:
            found.append(
                Fault(f"{pointer}/week", "the calendar never opens: give a weekday a period")
            )
        return found

    @property
    def weekly_open_time(self) -> timedelta:
        """The open time of an ordinary week."""
        if self.always_open:
            return 7 * DAY
        periods = (period for day in self.week.values() for period in day)
        return sum(
            (offset_from_midnight(p.closes) - offset_from_midnight(p.opens) for p in periods),
            NO_TIME,
        )


def _faults_of_periods(periods: Periods, pointer: str) -> Iterator[Fault]:
    open_until = "00:00"
    for n, period in enumerate(periods):
        if period.closes <= period.opens:
            detail = (
                f"closes at {period.closes}, which is not after its opening at {period.opens}; split "
                "a period past midnight in two: until 24:00, and from 00:00 on the next day"
            )
            yield Fault(f"{pointer}/{n}/closes", detail)
        if period.opens < open_until:
            detail = f"opens at {period.opens}, before the period above it closes at {open_until}"
            yield Fault(f"{pointer}/{n}/opens", detail)
        open_until = max(open_until, period.closes)


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


def next_cut_off(calendar: BusinessCalendar, name: str, start: datetime) -> datetime:
    """The next cut-off of an open day, at `start` or after it, in UTC.

    Raises ValueError for an unknown name, and if no open day comes within the horizon.
    """
    return compile_open_hours(calendar).next_cut_off(name, start)


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

    def next_cut_off(self, name: str, start: datetime) -> datetime:
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
                if moment >= start:
                    return moment
            day += DAY
        raise ValueError(f"the calendar has no open day within {HORIZON_YEARS} years")

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
