"""A promised day ends at the first moment of the next day, in the customer's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.promise_days import end_of_day
from domain.orders.signal_times import LATEST, time_zone
from tests.domain.signals import BOUNDED_SETTINGS

MOMENT = timedelta(microseconds=1)

DAYS = {
    # special case: (zone, day, first moment after it in UTC)
    "winter": ("America/Sao_Paulo", date(2018, 6, 1), "2018-06-02T03:00:00Z"),
    "summer time": ("America/Sao_Paulo", date(2018, 1, 20), "2018-01-21T02:00:00Z"),
    "midnight is skipped after it": ("America/Sao_Paulo", date(2017, 10, 14), "2017-10-15T03:00Z"),
    "begins without a midnight": ("America/Sao_Paulo", date(2017, 10, 15), "2017-10-16T02:00Z"),
    "its last hour is repeated": ("America/Sao_Paulo", date(2018, 2, 17), "2018-02-18T03:00Z"),
    "the day after that": ("America/Sao_Paulo", date(2018, 2, 18), "2018-02-19T03:00Z"),
    "summer time abolished": ("America/Sao_Paulo", date(2019, 12, 31), "2020-01-01T03:00Z"),
    "half an hour back": ("Australia/Lord_Howe", date(2018, 4, 1), "2018-04-01T13:30Z"),
    "before half an hour back": ("Australia/Lord_Howe", date(2018, 3, 31), "2018-03-31T13:00Z"),
    "half an hour ahead": ("Australia/Lord_Howe", date(2018, 10, 7), "2018-10-07T13:00Z"),
    "before half an hour ahead": ("Australia/Lord_Howe", date(2018, 10, 6), "2018-10-06T13:30Z"),
    "midnight comes twice after it": ("America/Havana", date(2018, 11, 3), "2018-11-04T04:00Z"),
    "the day before one left out": ("Pacific/Apia", date(2011, 12, 29), "2011-12-30T10:00Z"),
    "a day left out": ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00Z"),
    "quarter of an hour": ("Asia/Kathmandu", date(2018, 1, 1), "2018-01-01T18:15Z"),
    "leap day": ("UTC", date(2020, 2, 29), "2020-03-01T00:00Z"),
    "last of all days": (
        "Pacific/Kiritimati",
        LATEST.date() - timedelta(days=1),
        "2199-12-31T10:00Z",
    ),
    "last of all days in the west": ("Etc/GMT+12", date(2199, 12, 31), "2200-01-01T12:00Z"),
}


@pytest.mark.parametrize("special", DAYS)
def test_a_day_ends_at_the_first_moment_of_the_next_day(special) -> None:
    zone, day, moment = DAYS[special]
    assert end_of_day(day, zone) == datetime.fromisoformat(moment)
    assert end_of_day(day, zone).tzinfo is UTC


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(
    day=st.dates(date(1990, 1, 1), date(2037, 12, 31)),
    zone=st.sampled_from(
        [
            *("America/Sao_Paulo", "America/Havana", "Asia/Beirut", "Africa/Cairo", "Asia/Tehran"),
            *("Australia/Lord_Howe", "Europe/Berlin", "America/Asuncion", "Pacific/Auckland"),
        ]
    ),
)
def test_the_microsecond_before_the_end_is_in_the_day_and_the_end_is_not(day, zone) -> None:
    ends = end_of_day(day, zone)
    here = ZoneInfo(zone)
    assert (ends - MOMENT).astimezone(here).date() <= day
    assert ends.astimezone(here).date() > day


NO_ZONES = (
    *("", "Mars/Olympus", "America", "America/", "../UTC", "/etc/localtime", "UTC\n", "a\0b"),
    *("\ud800", "tzdata.zi", "zone.tab", "x" * 64, "__init__.py", "."),
)


@pytest.mark.parametrize("name", NO_ZONES)
def test_an_unknown_time_zone_is_a_value_error(name) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        time_zone(name)
