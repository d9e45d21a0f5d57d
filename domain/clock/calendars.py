"""Business calendars: when a team works, written in local time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, field

from domain.clock.local_times import offset_from_midnight
from domain.errors import Fault
from domain.orders.signal_times import ZoneName, check_day, time_zone
from domain.policy.document_types import Name, Part
from domain.texts import form

NO_TIME: Final = timedelta()
DAY: Final = timedelta(days=1)
MAX_CLOSED_DAYS: Final = 250
MAX_SPECIAL_DAYS: Final = 100

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
    A cut-off is the latest time on an open day for work to count on that day; where the team is not there
    at that time, it is the closing time before."""

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
