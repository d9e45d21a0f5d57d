"""Business time is exact to the microsecond, over holidays and daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock.calendars import BusinessCalendar, Period, Weekday
from domain.clock.open_hours import after_business_time, business_time, next_cut_off
from domain.clock.terms import ServiceTerms
from domain.errors import Fault
from domain.validation import faults_of
from tests.domain.signals import BOUNDED_SETTINGS

MOMENT = timedelta(microseconds=1)
NOTHING = timedelta()
WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)


def hours(*texts: str) -> tuple[Period, ...]:
    """Periods, each written as 09:00-17:00."""
    return tuple(Period(opens=one[:5], closes=one[6:]) for one in texts)


def on_sundays(zone: str, *texts: str, **more: object) -> BusinessCalendar:
    return BusinessCalendar(time_zone=zone, week={Weekday.SUN: hours(*texts)}, **more)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = BusinessCalendar(
    time_zone="Europe/Berlin",
    week=dict.fromkeys(WORKDAYS, hours("09:00-12:30", "13:30-17:30")),
    closed=(date(2026, 12, 25),),
    special={date(2026, 12, 24): hours("09:00-12:00")},
    cut_offs={"warehouse": "14:00", "carrier": "16:30", "finance": "24:00"},
)

CHANGING_SUNDAYS = {
    # (zone, the Sunday, its period, open from, open until), worked out from the offsets:
    # Berlin is UTC+1 and UTC+2, New York -5 and -4, Lord Howe +10:30 and +11, Havana -5 and -4.
    "Berlin skips 02:00-03:00": ("Europe/Berlin", "01:00-04:00", "2026-03-29T00:00", "T02:00"),
    "Berlin, opens in what is skipped": (
        *("Europe/Berlin", "02:30-05:00", "2026-03-29T01:00", "T03:00"),
    ),
    "Berlin, closes in what is skipped": (
        *("Europe/Berlin", "01:00-02:20", "2026-03-29T00:00", "T01:00"),
    ),
    "Berlin repeats 02:00-03:00": ("Europe/Berlin", "02:00-04:00", "2026-10-25T00:00", "T03:00"),
    "Berlin, closes in what is repeated": (
        *("Europe/Berlin", "02:00-02:30", "2026-10-25T00:00", "T01:30"),
    ),
    "New York skips 02:00-03:00": (
        *("America/New_York", "01:00-04:00", "2026-03-08T06:00", "T08:00"),
    ),
    "New York repeats 01:00-02:00": (
        *("America/New_York", "00:30-03:00", "2026-11-01T04:30", "T08:00"),
    ),
    "Lord Howe repeats 01:30-02:00": (
        *("Australia/Lord_Howe", "01:00-03:00", "2026-04-04T14:00", "T16:30"),
    ),
    "Lord Howe, opens in what is repeated": (
        *("Australia/Lord_Howe", "01:45-03:00", "2026-04-04T14:45", "T16:30"),
    ),
    "Lord Howe skips 02:00-02:30": (
        *("Australia/Lord_Howe", "01:00-03:00", "2026-10-03T14:30", "T16:00"),
    ),
    "Lord Howe, opens in what is skipped": (
        *("Australia/Lord_Howe", "02:10-03:00", "2026-10-03T15:30", "T16:00"),
    ),
    "Havana, opens at a midnight that comes twice": (
        *("America/Havana", "00:00-02:00", "2026-11-01T04:00", "T07:00"),
    ),
}


@pytest.mark.parametrize("special", CHANGING_SUNDAYS)
def test_a_period_is_open_from_start_to_end_when_the_clocks_change(special) -> None:
    zone, period, opens, closes = CHANGING_SUNDAYS[special]
    calendar = on_sundays(zone, period)
    opened, closed = utc(opens), utc(opens[:10] + closes)
    assert business_time(calendar, opened, closed) == closed - opened
    assert business_time(calendar, opened - timedelta(days=1), closed) == closed - opened
    assert business_time(calendar, opened, closed + timedelta(days=1)) == closed - opened
    assert after_business_time(calendar, opened - timedelta(days=1), MOMENT) == opened + MOMENT
    assert after_business_time(calendar, opened, closed - opened) == closed


def test_a_period_that_the_clock_change_skips_is_not_open() -> None:
    """02:10 to 02:50 does not exist in Berlin on 2026-03-29. The next one is a week later, at
    00:10Z of 2026-04-05 (UTC+2)."""
    calendar = on_sundays("Europe/Berlin", "02:10-02:50")
    saturday = utc("2026-03-28T12:00")
    assert business_time(calendar, saturday, saturday + timedelta(days=2)) == NOTHING
    assert after_business_time(calendar, saturday, MOMENT) == utc("2026-04-05T00:10") + MOMENT


@pytest.mark.parametrize(
    ("zone", "sunday", "length"),
    [
        *(("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25)),
        *(("America/New_York", "2026-03-08", 23), ("America/New_York", "2026-11-01", 25)),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        *(("America/Havana", "2026-11-01", 25), ("Europe/Berlin", "2026-04-05", 24)),
    ],
)
def test_a_day_open_to_its_end_has_its_real_length(zone, sunday, length) -> None:
    calendar = on_sundays(zone, "00:00-24:00")
    noon = utc(sunday + "T12:00")
    around = business_time(calendar, noon - timedelta(days=3), noon + timedelta(days=3))
    assert around == timedelta(hours=length)


def test_a_saturday_ends_at_the_first_of_two_midnights() -> None:
    """Havana goes back from 01:00 to 00:00 on Sunday 2026-11-01. Saturday (UTC-4) ends at
    04:00Z, and the repeated hour is Sunday's."""
    calendar = BusinessCalendar(
        time_zone="America/Havana", week={Weekday.SAT: hours("00:00-24:00")}
    )
    assert after_business_time(calendar, utc("2026-10-31T03:00"), timedelta(hours=24)) == utc(
        "2026-11-01T04:00"
    )


def test_several_periods_a_day_and_a_holiday_are_counted() -> None:
    """Berlin in winter is UTC+1. From Wednesday 2026-12-23 12:00 to Monday 12-28 10:00 local:
    Wednesday 12:00-12:30 and 13:30-17:30 = 4.5 h, Thursday's special hours 3 h, Friday closed, a
    weekend, Monday 1 h: 8.5 h. After 7.5 h of it, it is Thursday's closing time, 12:00 local."""
    start, end = utc("2026-12-23T11:00"), utc("2026-12-28T09:00")
    assert business_time(OFFICE, start, end) == timedelta(hours=8.5)
    assert business_time(OFFICE, end, start) == -timedelta(hours=8.5)
    assert after_business_time(OFFICE, start, timedelta(hours=8.5)) == end
    assert after_business_time(OFFICE, start, timedelta(hours=7.5)) == utc("2026-12-24T11:00")


def test_a_zero_duration_ends_where_it_starts_even_when_closed() -> None:
    christmas = utc("2026-12-25T12:00")
    assert after_business_time(OFFICE, christmas, NOTHING) == christmas


def test_a_calendar_is_open_from_the_opening_time_and_closed_from_the_closing_time() -> None:
    """Monday 2026-12-28 opens at 08:00Z and closes for lunch at 11:30Z."""
    opens, closes = utc("2026-12-28T08:00"), utc("2026-12-28T11:30")
    assert business_time(OFFICE, opens - MOMENT, opens) == NOTHING
    assert business_time(OFFICE, opens, opens + MOMENT) == MOMENT
    assert business_time(OFFICE, closes - MOMENT, closes) == MOMENT
    assert business_time(OFFICE, closes, closes + MOMENT) == NOTHING


def test_an_always_open_calendar_is_the_wall_clock() -> None:
    always = BusinessCalendar(time_zone="UTC", always_open=True)
    start = utc("2026-01-01T00:00")
    assert business_time(always, start, start + timedelta(days=400)) == timedelta(days=400)
    assert after_business_time(always, start, timedelta(days=400)) == start + timedelta(days=400)


CUT_OFFS = {
    # Berlin is UTC+1 in December; Thursday 24th has special hours, Friday is closed.
    "before it, the same day": ("warehouse", "2026-12-23T12:59:59", "2026-12-23T13:00"),
    "at it": ("warehouse", "2026-12-23T13:00", "2026-12-23T13:00"),
    "just after it, when the half day closes": (
        *("warehouse", "2026-12-23T13:00:01", "2026-12-24T11:00"),
    ),
    "over a holiday and a weekend": ("warehouse", "2026-12-24T11:00:01", "2026-12-28T13:00"),
    "another name, another time": ("carrier", "2026-12-23T13:00:01", "2026-12-23T15:30"),
    "the end of a day, when it closes": ("finance", "2026-12-23T15:00", "2026-12-23T16:30"),
    "the end of a half day, when it closes": ("finance", "2026-12-23T16:30:01", "2026-12-24T11:00"),
}


@pytest.mark.parametrize("case", CUT_OFFS)
def test_the_next_cut_off_is_that_of_an_open_day(case) -> None:
    name, start, expected = CUT_OFFS[case]
    assert next_cut_off(OFFICE, name, utc(start)) == utc(expected)


@pytest.mark.parametrize(
    ("name", "start", "expected"),
    [
        ("warehouse", "2026-12-23T13:00:01", "2026-12-24T13:00"),
        ("warehouse", "2026-12-24T13:00:01", "2026-12-28T13:00"),
        ("finance", "2026-12-23T23:00", "2026-12-23T23:00"),
        ("finance", "2026-12-24T22:00", "2026-12-24T23:00"),
    ],
)
def test_in_older_terms_a_cut_off_stays_outside_of_the_opening_hours(name, start, expected) -> None:
    assert next_cut_off(OFFICE, name, utc(start), while_open=False) == utc(expected)


def spans(day: str, *texts: str) -> dict[date, tuple[Period, ...]]:
    return {date.fromisoformat(day): hours(*texts)}


OUTSIDE = {
    # Open 08:00-12:30 and 13:30-18:00 in Berlin, UTC+1; the 24th is a Thursday. The cut-off of the 24th.
    "a half day that closes before it": (spans("2026-12-24", "08:00-10:00"), "15:00", "24T09:00"),
    "a half day that closes at it": (spans("2026-12-24", "08:00-15:00"), "15:00", "24T14:00"),
    "a day that opens after it": (spans("2026-12-24", "16:00-20:00"), "15:00", "23T17:00"),
    "a day that opens at it": (spans("2026-12-24", "15:00-20:00"), "15:00", "24T14:00"),
    "a break": ({}, "13:00", "24T11:30"),
    "the end of a break": ({}, "13:30", "24T12:30"),
    "the evening": ({}, "20:00", "24T17:00"),
    "midnight": ({}, "24:00", "24T17:00"),
    "before the opening": ({}, "07:00", "23T17:00"),
    "a day that opens after a half day": (
        spans("2026-12-24", "16:00-20:00") | spans("2026-12-23", "08:00-10:00"),
        *("15:00", "23T09:00"),
    ),
    "a special day with a break": (
        spans("2026-12-24", "08:00-10:00", "16:00-20:00"),
        *("15:00", "24T09:00"),
    ),
    "a shift until midnight": (spans("2026-12-24", "16:00-24:00"), "24:00", "24T23:00"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_a_cut_off_outside_of_the_opening_hours_is_the_closing_time_before(case) -> None:
    special, at, expected = OUTSIDE[case]
    calendar = BusinessCalendar(
        time_zone="Europe/Berlin",
        week=dict.fromkeys(WORKDAYS, hours("08:00-12:30", "13:30-18:00")),
        special=special,
        cut_offs={"out": at},
    )
    expected = f"2026-12-{expected}"
    # After the 23rd's own cut-off, the next one is that of the 24th.
    before = utc(expected) - timedelta(minutes=1)
    assert next_cut_off(calendar, "out", before) == utc(expected)
    after = next_cut_off(calendar, "out", utc(expected) + MOMENT)
    assert after.date() > date(2026, 12, 23)


def test_after_a_holiday_and_a_weekend_the_closing_time_before_is_that_of_the_last_open_day() -> (
    None
):
    """Friday 25th is closed, Monday 28th opens at 16:00: its cut-off is Thursday's closing time."""
    calendar = BusinessCalendar(
        time_zone="Europe/Berlin",
        week=dict.fromkeys(WORKDAYS, hours("08:00-18:00")),
        closed=(date(2026, 12, 25),),
        special=spans("2026-12-28", "16:00-20:00"),
        cut_offs={"out": "15:00"},
    )
    assert next_cut_off(calendar, "out", utc("2026-12-24T14:00:01")) == utc("2026-12-24T17:00")
    assert next_cut_off(calendar, "out", utc("2026-12-24T17:00:01")) == utc("2026-12-29T14:00")


def test_an_always_open_calendar_keeps_its_cut_off() -> None:
    always = BusinessCalendar(time_zone="UTC", always_open=True, cut_offs={"out": "10:00"})
    assert next_cut_off(always, "out", utc("2026-12-25T09:00")) == utc("2026-12-25T10:00")


def test_a_repeated_cut_off_is_the_earlier_and_a_skipped_one_is_at_the_clock_change() -> None:
    """Berlin: 02:30 comes at 00:30Z and 01:30Z of 2026-10-25; on 2026-03-29 it is skipped at
    01:00Z. The earlier one is safe: work that meets it also meets the later one."""
    calendar = on_sundays("Europe/Berlin", "00:00-24:00", cut_offs={"pickup": "02:30"})
    assert next_cut_off(calendar, "pickup", utc("2026-10-24T12:00")) == utc("2026-10-25T00:30")
    assert next_cut_off(calendar, "pickup", utc("2026-03-28T12:00")) == utc("2026-03-29T01:00")


def test_an_unknown_cut_off_error_lists_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="has no cut-off moon; known are: carrier, finance, warehouse"
    ):
        next_cut_off(OFFICE, "moon", utc("2026-12-23T12:00"))


def test_a_time_without_a_zone_is_refused_and_any_zone_is_accepted() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        business_time(OFFICE, datetime(2026, 12, 28, 9), utc("2026-12-28T12:00"))  # noqa: DTZ001
    berlin = ZoneInfo("Europe/Berlin")
    start, end = (datetime(2026, 12, 28, hour, tzinfo=berlin) for hour in (9, 12))
    assert business_time(OFFICE, start, end) == timedelta(hours=3)


SUNDAYS = {"sun": [{"opens": "09:00", "closes": "12:00"}]}
FAULTY = {
    "out of order": (
        {"week": {"mon": [{"opens": "13:00", "closes": "15:00"}, *SUNDAYS["sun"]]}},
        [("/week/mon/1/opens", "before the period above")],
    ),
    "overlapping": (
        {"week": {"mon": [*SUNDAYS["sun"], {"opens": "11:59", "closes": "15:00"}]}},
        [("/week/mon/1/opens", "before the period above")],
    ),
    "past midnight": (
        {"week": {"mon": [{"opens": "22:00", "closes": "06:00"}]}},
        [("/week/mon/0/closes", "split a period past midnight in two: until 24:00")],
    ),
    "never open": ({"week": {"mon": []}}, [("/week", "the calendar never opens")]),
    "both closed and special": (
        {"week": SUNDAYS, "closed": ["2026-05-01"], "special": {"2026-05-01": SUNDAYS["sun"]}},
        [("/special/2026-05-01", "also in `closed`")],
    ),
    "two at once": (
        {"week": {"mon": SUNDAYS["sun"] * 2}, "special": {"2026-05-01": []}},
        [("/week/mon/1/opens", "before"), ("/special/2026-05-01", "list the day in `closed`")],
    ),
    "always open, and yet": (
        {"always_open": True, "week": SUNDAYS},
        [("/always_open", "cannot have week, closed or special")],
    ),
}


@pytest.mark.parametrize("case", FAULTY)
def test_each_calendar_fault_has_its_place(case) -> None:
    raw, expected = FAULTY[case]
    calendar = msgspec.convert({"time_zone": "UTC", **raw}, BusinessCalendar)
    found = calendar.faults("/calendars/dc")
    assert [fault.pointer for fault in found] == [f"/calendars/dc{place}" for place, _ in expected]
    for fault, (_, detail) in zip(found, expected, strict=True):
        assert detail in fault.detail
    with pytest.raises(ValueError, match=found[0].pointer.removeprefix("/calendars/dc")):
        business_time(calendar, utc("2026-01-01T00:00"), utc("2026-01-02T00:00"))


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ({"time_zone": "Mars/Olympus", "week": SUNDAYS}, "/time_zone"),
        ({"week": {"sun": [{"opens": "9:00", "closes": "12:00"}]}}, "/week/sun/0/opens"),
        ({"week": {"sun": [{"opens": "24:00", "closes": "24:00"}]}}, "/week/sun/0/opens"),
        ({"week": {"sun": [{"opens": "09:00", "closes": "24:01"}]}}, "/week/sun/0/closes"),
        ({"week": {"sun": [{"opens": 540, "closes": "12:00"}]}}, "/week/sun/0/opens"),
        ({"week": SUNDAYS, "holidays": []}, "/holidays"),
        ({"week": SUNDAYS, "closed": ["2026-02-30"]}, "/closed/0"),
        ({"week": SUNDAYS, "cut_offs": {"pickup": "2 pm"}}, "/cut_offs/pickup"),
    ],
)
def test_a_malformed_calendar_is_refused_with_the_place(raw, pointer) -> None:
    assert [f.pointer for f in faults_of({"time_zone": "UTC", **raw}, BusinessCalendar)] == [
        pointer
    ]


def test_terms_longer_than_a_year_of_open_time_are_a_fault() -> None:
    calendar = on_sundays("UTC", "09:00-10:00")
    terms = ServiceTerms(calendar=calendar, first_action=NOTHING, next_update=timedelta(hours=52.5))
    detail = (
        "must be more than 0 and at most 52 weeks of open time, which is 52 hours in this calendar"
    )
    assert terms.faults("/terms") == [
        Fault("/terms/first_action", detail),
        Fault("/terms/next_update", detail),
    ]
    assert not msgspec.structs.replace(
        terms, first_action=None, next_update=timedelta(hours=52)
    ).faults()


def test_valid_terms_end_within_the_horizon_even_at_the_limits() -> None:
    """The worst case within the limits: one minute a week, closed for 250 of its days in a row."""
    first = date(2026, 1, 4)
    closed = tuple(first + timedelta(weeks=n) for n in range(250))
    calendar = on_sundays("UTC", "09:00-09:01", closed=closed)
    terms = ServiceTerms(calendar=calendar, resolution=timedelta(minutes=52))
    assert terms.faults() == []
    start = utc("2026-01-01T00:00")
    expected = datetime(2026, 1, 4, 9, 1, tzinfo=UTC) + timedelta(weeks=250 + 51)
    assert after_business_time(calendar, start, timedelta(minutes=52)) == expected
    with pytest.raises(ValueError, match="within 10 years"):
        after_business_time(calendar, start, timedelta(hours=10))


def test_a_calendar_survives_encoding_and_ignores_the_order_of_days() -> None:
    written = msgspec.json.encode(OFFICE)
    read = msgspec.json.decode(written, type=BusinessCalendar)
    assert read == OFFICE
    assert hash(read) == hash(OFFICE)
    turned = msgspec.structs.replace(read, week=dict(reversed(read.week.items())))
    assert (turned, hash(turned)) == (OFFICE, hash(OFFICE))


PLACES = (
    # (zone, the first day of eleven): daylight saving, midnights that come twice or not at all, a
    # skipped day, and two ordinary weeks.
    *(("Europe/Berlin", date(2026, 3, 24)), ("Europe/Berlin", date(2026, 10, 20))),
    *(("America/New_York", date(2026, 3, 3)), ("America/New_York", date(2026, 10, 28))),
    *(("Australia/Lord_Howe", date(2026, 4, 1)), ("Australia/Lord_Howe", date(2026, 9, 29))),
    *(("America/Havana", date(2026, 3, 3)), ("America/Havana", date(2026, 10, 27))),
    *(("America/Sao_Paulo", date(2018, 2, 13)), ("America/Sao_Paulo", date(2017, 10, 10))),
    *(("America/St_Johns", date(2005, 10, 25)), ("Pacific/Apia", date(2011, 12, 26))),
    *(("UTC", date(2024, 2, 25)), ("Asia/Kathmandu", date(2026, 12, 27))),
)
DAYS = 11
MINUTES_PER_DAY = 1440


@st.composite
def several_hours(draw: st.DrawFn, least: int = 0) -> tuple[Period, ...]:
    near_midnight_and_changes = st.sampled_from([0, 5, 30, 60, 90, 105, 120, 130, 150, 180, 1440])
    bounds = draw(
        st.lists(
            near_midnight_and_changes | st.integers(0, MINUTES_PER_DAY),
            unique=True,
            min_size=2 * least,
            max_size=6,
        )
    )
    bounds = sorted(bounds)[: len(bounds) // 2 * 2]
    times = [f"{minute // 60:02}:{minute % 60:02}" for minute in bounds]
    return hours(*(f"{times[n]}-{times[n + 1]}" for n in range(0, len(times), 2)))


@st.composite
def calendars(draw: st.DrawFn, zone: str, first: date) -> BusinessCalendar:
    week = {day: draw(several_hours()) for day in Weekday}
    week[draw(st.sampled_from(Weekday))] = draw(several_hours(least=1))
    days = st.sampled_from([first + timedelta(days=n) for n in range(DAYS)])
    special = draw(st.dictionaries(days, several_hours(least=1), max_size=2))
    closed = draw(st.lists(days.filter(lambda day: day not in special), max_size=2, unique=True))
    return BusinessCalendar(time_zone=zone, week=week, special=special, closed=tuple(closed))


@st.composite
def places_and_calendars(draw: st.DrawFn) -> tuple[date, BusinessCalendar]:
    zone, first = draw(st.sampled_from(PLACES))
    return first, draw(calendars(zone, first))


@lru_cache(maxsize=32)
def local_minutes(zone: str, first: date) -> list[datetime]:
    """The local time at each minute of UTC from the day before the first on."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    minutes = (start + timedelta(minutes=n) for n in range((DAYS + 2) * MINUTES_PER_DAY))
    return [minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for minute in minutes]


def open_minutes(calendar: BusinessCalendar, first: date) -> set[int]:
    """The open minutes, counted one by one: from the first that shows the opening time or later,
    until the last that shows less than the closing time (or, for 24:00, still the same day)."""
    shown = local_minutes(calendar.time_zone, first)
    found: set[int] = set()
    for n in range(-1, DAYS + 1):
        day = first + timedelta(days=n)
        if day in calendar.closed:
            continue
        weekday = list(Weekday)[day.weekday()]
        near = range(max(0, n * MINUTES_PER_DAY), min(len(shown), (n + 3) * MINUTES_PER_DAY))
        for period in calendar.special.get(day, calendar.week.get(weekday, ())):
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001
            opens = midnight + timedelta(hours=int(period.opens[:2]), minutes=int(period.opens[3:]))
            if period.closes == "24:00":
                before = [m for m in near if shown[m].date() == day]
            else:
                closes = midnight.replace(
                    hour=int(period.closes[:2]), minute=int(period.closes[3:])
                )
                before = [m for m in near if shown[m] < closes]
            first_open = next((m for m in near if shown[m] >= opens), len(shown))
            if before:
                found.update(range(first_open, before[-1] + 1))
    return found


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(place=places_and_calendars(), bounds=st.tuples(*[st.integers(0, DAYS * 1440)] * 2))
def test_business_time_matches_counting_minute_by_minute(place, bounds) -> None:
    first, calendar = place
    origin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    start, end = (minute for minute in sorted(bounds))
    expected = sum(1 for m in open_minutes(calendar, first) if start <= m - MINUTES_PER_DAY < end)
    counted = business_time(
        calendar, origin + timedelta(minutes=start), origin + timedelta(minutes=end)
    )
    assert counted == timedelta(minutes=expected)


MOMENTS = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
SPANS = st.timedeltas(NOTHING, timedelta(days=40))


@settings(BOUNDED_SETTINGS, max_examples=200)
@given(place=places_and_calendars(), moments=st.tuples(MOMENTS, SPANS, SPANS))
def test_business_time_adds_up_and_never_exceeds_the_wall_clock(place, moments) -> None:
    _, calendar = place
    start, first, second = moments
    middle, end = start + first, start + first + second
    earlier = business_time(calendar, start, middle)
    later = business_time(calendar, middle, end)
    assert business_time(calendar, start, end) == earlier + later
    assert NOTHING <= earlier <= first


@settings(BOUNDED_SETTINGS, max_examples=200)
@given(
    place=places_and_calendars(),
    start=MOMENTS,
    duration=st.timedeltas(NOTHING, timedelta(minutes=50)),
)
def test_adding_business_time_is_the_inverse_of_counting_it(place, start, duration) -> None:
    _, calendar = place
    end = after_business_time(calendar, start, duration)
    assert end.tzinfo is UTC
    assert business_time(calendar, start, end) == duration
    if duration:
        assert business_time(calendar, start, end - MOMENT) == duration - MOMENT
        assert after_business_time(calendar, start, duration - MOMENT) < end
