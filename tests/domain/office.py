"""An office in Berlin in June 2026 (UTC+2), and the changes of a case's clock.

1 June is a Monday; Thursday 4 June is closed. The office is open from 09:00 to 17:00, Monday to
Friday: 8 hours a day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.clock.calendars import BusinessCalendar, Period, Weekday
from domain.clock.clock import Clock, ClockChange, ClockChangeKind
from domain.clock.measure_runs import MeasureStatus
from domain.clock.terms import Dependency, Measure, ServiceTerms

MOMENT = timedelta(microseconds=1)
WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = BusinessCalendar(
    time_zone="Europe/Berlin",
    week=dict.fromkeys(WORKDAYS, (Period(opens="09:00", closes="17:00"),)),
    closed=(date(2026, 6, 4),),
)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def berlin(text: str) -> datetime:
    """A moment of June 2026 from `8 09:00`: the day, and the time in Berlin."""
    day, _, time = text.partition(" ")
    moment = datetime.fromisoformat(f"2026-06-{int(day):02}T{time}")
    return moment.replace(tzinfo=BERLIN).astimezone(UTC)


def on(text: str, change: ClockChangeKind, **more: Any) -> ClockChange:
    return ClockChange(at=berlin(text), change=change, **more)


def started(text: str, calendar: BusinessCalendar = OFFICE, **terms: Any) -> ClockChange:
    return on(text, ClockChangeKind.STARTED, terms=ServiceTerms(calendar=calendar, **terms))


def waiting(text: str, dependency: Dependency, party: str | None = None) -> ClockChange:
    return on(text, ClockChangeKind.WAITING, dependency=dependency, party=party)


def status(clock: Clock, measure: Measure, now: str) -> MeasureStatus:
    standing = clock.standing(measure, berlin(now))
    assert standing is not None
    return standing


def resolution(clock: Clock, now: str) -> MeasureStatus:
    return status(clock, Measure.RESOLUTION, now)
