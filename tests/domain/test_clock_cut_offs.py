"""Due times at a cut-off, worked out by hand.

The office of `office.py`; its warehouse has a cut-off at 14:00. A case has at least two hours
unless a test says otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.clock.calendars import BusinessCalendar, Period, Weekday
from domain.clock.clock import ClockChange, ClockChangeKind, clock_of
from domain.clock.terms import Dependency, Measure, ServiceTerms
from tests.domain.office import (
    MOMENT,
    OFFICE,
    WORKDAYS,
    berlin,
    hours,
    on,
    resolution,
    started,
    status,
    waiting,
)

OPEN = replace(OFFICE, cut_offs={"warehouse": "14:00", "night": "24:00"})
BY_WAREHOUSE = {Measure.RESOLUTION: "warehouse"}


def ready(text: str, least: float | None = 2, **terms: Any) -> ClockChange:
    """A start under terms with the warehouse's cut-off."""
    time = hours(least) if least is not None else None
    return started(text, OPEN, resolution=time, **{"by_cut_off": BY_WAREHOUSE, **terms})


DUE = {
    # start → due, with two hours at least
    "8 09:00": "8 14:00",
    "8 12:00": "8 14:00",  # the two hours end at 14:00: just in time
    "8 12:00:00.000001": "9 14:00",
    "8 16:00": "9 14:00",  # an hour of Monday, an hour of Tuesday: 10:00
    "8 20:00": "9 14:00",
    "12 12:00": "12 14:00",
    "12 15:00": "15 14:00",  # Friday: over the weekend
    "3 13:00": "5 14:00",  # Wednesday: Thursday is closed
    "4 10:00": "5 14:00",  # on the closed day itself
    "13 10:00": "15 14:00",  # Saturday
}


@pytest.mark.parametrize("start", DUE)
def test_an_early_start_is_due_today_and_a_late_one_on_the_next_open_day(start) -> None:
    assert resolution(clock_of([ready(start)]), start).due_at == berlin(DUE[start])


def test_without_a_minimum_time_a_start_at_the_cut_off_is_due_at_once() -> None:
    at_once = clock_of([ready("8 14:00", None)])
    assert resolution(at_once, "8 14:00").due_at == berlin("8 14:00")
    assert resolution(at_once, "8 14:00").breached_at is None
    assert resolution(at_once, "8 14:01").breached_at == berlin("8 14:00") + MOMENT
    too_late = clock_of([ready("8 14:00:00.000001", None)])
    assert resolution(too_late, "8 15:00").due_at == berlin("9 14:00")


def test_the_time_left_and_the_risk_are_counted_to_the_cut_off() -> None:
    """From Monday 13:00 to Tuesday 14:00 are 4 + 5 = 9 hours. 80 % are 7:12: 4 on Monday, 3:12
    on Tuesday. At 13:00 on Tuesday 8 are used, 1 is left; at 16:00 it is overdue by 2."""
    clock = clock_of([ready("8 13:00")])
    standing = resolution(clock, "9 13:00")
    assert (standing.due_at, standing.at_risk_at) == (berlin("9 14:00"), berlin("9 12:12"))
    assert (standing.used, standing.left) == (hours(8), hours(1))
    assert resolution(clock, "9 16:00").left == -hours(2)
    next_events = [clock.next_event_at(berlin("8 13:00")), clock.next_event_at(berlin("9 12:12"))]
    assert next_events == [berlin("9 12:12"), berlin("9 14:00") + MOMENT]


def test_over_a_holiday_the_risk_is_counted_in_open_time_too() -> None:
    """Wednesday 15:00-17:00 2, Friday 09:00-14:00 5. 80 % of 7 are 5:36: 2, and 3:36 on Friday."""
    standing = resolution(clock_of([ready("3 15:00")]), "3 15:00")
    assert (standing.due_at, standing.at_risk_at) == (berlin("5 14:00"), berlin("5 12:36"))
    assert standing.left == hours(7)


PAUSING = {"pauses_on": (Dependency.CARRIER,)}


def test_a_pause_across_the_cut_off_moves_it_to_the_next() -> None:
    """Started at 09:00, an hour used at 10:00. The wait ends at 15:00: an hour more ends at
    16:00, too late for 14:00. To Tuesday 14:00 are 2 + 5 hours; 80 % of 1 + 7 are 6:24, so 5:24
    more: 2 on Monday, 3:24 on Tuesday."""
    clock = clock_of([ready("8 09:00", **PAUSING), waiting("8 10:00", Dependency.CARRIER, "dhl")])
    paused = resolution(clock, "8 15:00")
    assert (paused.due_at, paused.at_risk_at) == (None, None)
    assert (paused.used, paused.left) == (hours(1), hours(4))  # what was left at 10:00
    clock = clock.after(on("8 15:00", ClockChangeKind.RESUMED))
    resumed = resolution(clock, "8 15:00")
    assert (resumed.due_at, resumed.at_risk_at) == (berlin("9 14:00"), berlin("9 12:24"))
    assert (resumed.used, resumed.left) == (hours(1), hours(7))


def test_a_pause_that_leaves_enough_time_before_the_cut_off_changes_nothing_but_the_risk() -> None:
    """An hour used, and from 11:00 an hour more ends at 12:00. 1 + 3 hours: 80 % are 3:12, 2:12
    after 11:00."""
    wait = [waiting("8 10:00", Dependency.CARRIER), on("8 11:00", ClockChangeKind.RESUMED)]
    standing = resolution(clock_of([ready("8 09:00", **PAUSING), *wait]), "8 11:00")
    assert (standing.due_at, standing.at_risk_at) == (berlin("8 14:00"), berlin("8 13:12"))
    assert standing.left == hours(3)


def test_a_wait_after_a_missed_cut_off_does_not_move_the_due_time() -> None:
    """Missed at 14:00 on Monday; it waits from 15:00 to Tuesday 10:00."""
    wait = [waiting("8 15:00", Dependency.CARRIER), on("9 10:00", ClockChangeKind.RESUMED)]
    clock = clock_of([ready("8 09:00", **PAUSING), *wait])
    standing = resolution(clock, "9 11:00")
    assert (standing.due_at, standing.left) == (berlin("8 14:00"), -hours(2))
    assert clock.next_event_at(berlin("9 10:00")) is None
    assert [miss.due_at for miss in clock.misses(berlin("9 11:00"))] == [berlin("8 14:00")]


def retermed(text: str, **terms: Any) -> ClockChange:
    return on(text, ClockChangeKind.RETERMED, terms=ServiceTerms(calendar=OPEN, **terms))


def test_a_re_term_to_a_cut_off_counts_the_used_time_towards_the_minimum() -> None:
    """8 hours from 09:00 are due at 17:00. At 12:30 three and a half are used, which is more
    than two: due at 14:00. 80 % of 5 hours were used up at 13:00."""
    clock = clock_of(
        [
            started("8 09:00", OPEN, resolution=hours(8)),
            retermed("8 12:30", resolution=hours(2), by_cut_off=BY_WAREHOUSE),
        ]
    )
    standing = resolution(clock, "8 12:30")
    assert (standing.due_before, standing.due_at) == (berlin("8 17:00"), berlin("8 14:00"))
    assert (standing.at_risk_at, standing.left) == (berlin("8 13:00"), hours(1.5))


def test_a_re_term_from_a_cut_off_gives_the_full_time_minus_the_used_time() -> None:
    clock = clock_of([ready("8 09:00"), retermed("8 12:00", resolution=hours(8))])
    standing = resolution(clock, "8 12:00")
    assert (standing.due_before, standing.due_at) == (berlin("8 14:00"), berlin("8 17:00"))
    assert standing.left == hours(5)


def test_a_re_term_after_a_breach_is_due_at_the_next_cut_off_even_after_a_pause() -> None:
    """Missed at 14:00 on Monday, retermed at 15:00: Tuesday 14:00. It waits from 16:00 to Tuesday
    09:00, which leaves 5 hours."""
    again = retermed("8 15:00", by_cut_off=BY_WAREHOUSE, **PAUSING)
    wait = [waiting("8 16:00", Dependency.CARRIER), on("9 09:00", ClockChangeKind.RESUMED)]
    standing = resolution(clock_of([ready("8 09:00", **PAUSING), again, *wait]), "9 09:00")
    assert (standing.due_at, standing.left) == (berlin("9 14:00"), hours(5))
    assert standing.breached_at == berlin("8 14:00") + MOMENT


@pytest.mark.parametrize(("resets", "due"), [(False, "10 14:00"), (True, "11 14:00")])
def test_a_reopened_case_has_the_rest_of_its_minimum_time_or_all_of_it(resets, due) -> None:
    """Resolved after an hour, reopened on Wednesday at 12:30: an hour more ends at 13:30, two at
    14:30."""
    moments = [ready("8 09:00", resets_on_reopen=resets), on("8 10:00", ClockChangeKind.STOPPED)]
    clock = clock_of([*moments, on("10 12:30", ClockChangeKind.REOPENED)])
    assert resolution(clock, "10 12:30").due_at == berlin(due)


def test_an_update_shortly_before_the_cut_off_counts_until_the_next() -> None:
    """Two hours at least: after an update at 11:00 the next is due at 14:00; after one at 13:00,
    on Tuesday."""
    terms = {"next_update": hours(2), "by_cut_off": {Measure.NEXT_UPDATE: "warehouse"}}
    moments = [started("8 09:00", OPEN, **terms), on("8 11:00", ClockChangeKind.UPDATED)]
    assert status(clock_of(moments), Measure.NEXT_UPDATE, "8 11:00").due_at == berlin("8 14:00")
    clock = clock_of([*moments, on("8 13:00", ClockChangeKind.UPDATED)])
    assert status(clock, Measure.NEXT_UPDATE, "8 13:00").due_at == berlin("9 14:00")
    assert clock.misses(berlin("9 12:00")) == ()


def test_a_cut_off_after_closing_time_is_not_missed_at_closing_time() -> None:
    """24:00 of Monday is Tuesday 00:00. No open time is left from 17:00 on, and it is still in
    time."""
    clock = clock_of([ready("8 16:00", 1, by_cut_off={Measure.RESOLUTION: "night"})])
    evening = resolution(clock, "8 23:00")
    assert (evening.due_at, evening.left) == (berlin("9 00:00"), hours(0))
    assert resolution(clock, "9 00:00").breached_at is None
    assert resolution(clock, "9 00:01").breached_at == berlin("9 00:00") + MOMENT


def test_in_newer_terms_a_cut_off_after_closing_time_is_due_at_closing_time() -> None:
    """24:00 of Monday is Tuesday 00:00, when nobody is there: due at 17:00, which is still in time."""
    by_night = {"by_cut_off": {Measure.RESOLUTION: "night"}, "cut_offs_while_open": True}
    clock = clock_of([ready("8 16:00", 1, **by_night)])
    evening = resolution(clock, "8 17:00")
    assert (evening.due_at, evening.left) == (berlin("8 17:00"), hours(0))
    assert evening.breached_at is None
    assert resolution(clock, "8 17:01").breached_at == berlin("8 17:00") + MOMENT


def test_terms_are_pinned_with_the_newer_reading_of_their_cut_offs() -> None:
    terms = ServiceTerms(calendar=OPEN, by_cut_off=BY_WAREHOUSE)
    assert terms.pinned().cut_offs_while_open is True
    assert terms.pinned().as_in_policy() == terms
    without = ServiceTerms(calendar=OPEN, resolution=hours(2))
    assert without.pinned() is without


@pytest.mark.parametrize(
    ("start", "due"), [("8 22:00", "9 00:00"), ("8 22:00:00.000001", "10 00:00")]
)
def test_a_shift_until_midnight_has_its_cut_off_at_the_end_of_its_day(start, due) -> None:
    shift = (Period(opens="16:00", closes="24:00"),)
    nights = replace(OPEN, week=dict.fromkeys(WORKDAYS, shift))
    terms = {"resolution": hours(2), "by_cut_off": {Measure.RESOLUTION: "night"}}
    assert resolution(clock_of([started(start, nights, **terms)]), start).due_at == berlin(due)


SUNDAYS = {
    # Open from 00:00 to 06:00 on Sundays; start, least hours, cut-off → due. 29 March: 00:00 is
    # 23:00Z (UTC+1), 02:00 becomes 03:00 at 01:00Z.
    "the skipped time is the jump": ("2026-03-28T12:00", 0, "02:30", "2026-03-29T01:00"),
    "three hours of the short night end at 04:00": (
        *("2026-03-28T12:00", 3, "04:00", "2026-03-29T02:00"),
    ),
    "more do not": ("2026-03-28T12:00", 3.5, "04:00", "2026-04-05T02:00"),
    # 25 October: 00:00 is 22:00Z (UTC+2), 03:00 becomes 02:00 at 01:00Z.
    "of two equal times it is the earlier": ("2026-10-24T12:00", 0, "02:30", "2026-10-25T00:30"),
    "which is over in the later": ("2026-10-25T01:15", 0, "02:30", "2026-11-01T01:30"),
    "five hours of the long night end at 04:00": (
        *("2026-10-24T12:00", 5, "04:00", "2026-10-25T03:00"),
    ),
}


@pytest.mark.parametrize("night", SUNDAYS)
def test_a_cut_off_keeps_its_local_time_when_the_clocks_change(night) -> None:
    start, least, cut_off, due = SUNDAYS[night]
    shift = (Period(opens="00:00", closes="06:00"),)
    calendar = BusinessCalendar(
        time_zone="Europe/Berlin", week={Weekday.SUN: shift}, cut_offs={"out": cut_off}
    )
    at = datetime.fromisoformat(start).replace(tzinfo=UTC)
    terms = ServiceTerms(
        calendar=calendar,
        resolution=hours(least) if least else None,
        by_cut_off={Measure.RESOLUTION: "out"},
    )
    clock = clock_of([ClockChange(at=at, change=ClockChangeKind.STARTED, terms=terms)])
    standing = clock.standing(Measure.RESOLUTION, at)
    assert standing is not None
    assert standing.due_at == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_terms_without_a_cut_off_keep_their_old_encoding() -> None:
    stored = msgspec.json.encode(ServiceTerms(calendar=OFFICE, resolution=hours(2)))
    assert b"cut_off" not in stored
    assert msgspec.json.decode(stored, type=ServiceTerms).cut_off(Measure.RESOLUTION) is None
    terms = ServiceTerms(calendar=OPEN, by_cut_off=BY_WAREHOUSE)
    again = msgspec.json.decode(msgspec.json.encode(terms), type=ServiceTerms)
    assert again == terms
    assert again.cut_off(Measure.RESOLUTION) == "warehouse"


def test_an_unknown_cut_off_of_the_terms_is_an_error_that_lists_the_known_ones() -> None:
    terms = ServiceTerms(calendar=OPEN, by_cut_off={Measure.FIRST_ACTION: "lunch"})
    (fault,) = terms.faults("/services/3")
    assert fault.pointer == "/services/3/by_cut_off/first_action"
    assert fault.detail == "there is no cut-off lunch; known are: night, warehouse"
    (fault,) = replace(terms, calendar=OFFICE).faults()
    assert fault.detail.endswith("known are: none")
