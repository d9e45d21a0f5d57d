"""Service clocks compared with results worked out by hand.

All cases are in Berlin in June 2026 (UTC+2) unless they say otherwise. 1 June is a Monday; Thursday
4 June is closed. The office is open from 09:00 to 17:00, Monday to Friday: 8 hours a day.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from domain.clock.calendars import BusinessCalendar, Period, Weekday
from domain.clock.clock import Clock, ClockChange, ClockChangeKind, clock_of
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

ALWAYS = BusinessCalendar(time_zone="UTC", always_open=True)


def test_a_pause_across_a_holiday_uses_no_time() -> None:
    """16 hours from Tuesday 2nd 15:00. Used: Tuesday 2, Wednesday until 10:00 1 = 3 hours. Then
    it waits for the carrier over the closed Thursday until Friday 11:00. The 13 hours that are
    left: Friday 11:00-17:00 6, Monday 09:00-16:00 7: due Monday 8th 16:00. At risk at 80 % of 16
    h = 12:48 h, so after 9:48 more: Friday 6, Monday 3:48: Monday 12:48.
    Wall time: Tuesday 15:00 to Wednesday 10:00 is 19 h = 68,400 s of queue, Wednesday 10:00 to
    Friday 11:00 is 49 h = 176,400 s of wait. Business time: 3 h = 10,800 s, and Wednesday 7 h +
    Friday 2 h = 32,400 s."""
    clock = clock_of(
        [
            started("2 15:00", resolution=hours(16), pauses_on=(Dependency.CARRIER,)),
            waiting("3 10:00", Dependency.CARRIER, "dhl"),
        ]
    )
    # Without the wait: Tuesday 2, Wednesday 8, Friday 6 = Friday 15:00.
    assert resolution(clock_of([started("2 15:00", resolution=hours(16))]), "2 15:00").due_at == (
        berlin("5 15:00")
    )
    paused = resolution(clock, "5 11:00")
    assert (paused.paused, paused.due_at, paused.at_risk_at) == (True, None, None)
    assert (paused.used, paused.left) == (hours(3), hours(13))
    assert clock.next_event_at(berlin("5 11:00")) is None

    clock = clock.after(on("5 11:00", ClockChangeKind.RESUMED))
    resumed = resolution(clock, "5 11:00")
    assert (resumed.paused, resumed.used) == (False, hours(3))
    assert (resumed.due_at, resumed.at_risk_at) == (berlin("8 16:00"), berlin("8 12:48"))
    attribution = clock.attribution(berlin("5 11:00"))
    assert attribution.elapsed.parts == {"queue": 68_400, "wait:carrier/dhl": 176_400}
    assert attribution.elapsed.seconds == 244_800
    assert attribution.business.parts == {"queue": 10_800, "wait:carrier/dhl": 32_400}
    assert attribution.business.seconds == 43_200


def test_a_wait_that_does_not_pause_the_clock_is_attributed_in_the_breach() -> None:
    """An hour for the first action from Monday 8th 09:00; only the customer stops the clock. It
    waits for a warehouse from 09:30 to 11:00, and a person acts on it at 11:30: due at 10:00,
    breached. The 2.5 h until then are 1.5 h of wait = 5,400 s and half an hour of queue before
    and after it = 3,600 s. Later time is no part of the breach."""
    clock = clock_of(
        [
            started("8 09:00", first_action=hours(1), pauses_on=(Dependency.CUSTOMER,)),
            waiting("8 09:30", Dependency.WAREHOUSE, "w1"),
            on("8 11:00", ClockChangeKind.RESUMED),
            on("8 11:30", ClockChangeKind.ACTED),
            on("8 11:30", ClockChangeKind.WORKED),
        ]
    )
    (miss,) = clock.misses(berlin("8 16:00"))
    assert miss.measure is Measure.FIRST_ACTION
    assert (miss.began_at, miss.due_at) == (berlin("8 09:00"), berlin("8 10:00"))
    assert (miss.breached_at, miss.met_at) == (berlin("8 10:00") + MOMENT, berlin("8 11:30"))
    assert miss.business.parts == {"queue": 3_600, "wait:warehouse/w1": 5_400}
    assert miss.business.seconds == 9_000


def test_a_re_term_counts_from_its_own_time_and_shows_the_old_due_time() -> None:
    """8 hours from Monday 8th 09:00 are due at 17:00. At 13:00, with 4 used, new terms give 6
    hours around the clock: 2 are left, due at 15:00. At 20:00 the 7 hours since 13:00 count too:
    11."""
    terms = ServiceTerms(calendar=ALWAYS, resolution=hours(6))
    clock = clock_of(
        [
            started("8 09:00", resolution=hours(8)),
            on("8 13:00", ClockChangeKind.RETERMED, terms=terms),
        ]
    )
    standing = resolution(clock, "8 13:00")
    assert (standing.due_before, standing.due_at) == (berlin("8 17:00"), berlin("8 15:00"))
    assert (standing.used, standing.left) == (hours(4), hours(2))
    assert resolution(clock, "8 20:00").used == hours(11)
    assert resolution(clock, "8 20:00").left == -hours(5)


def test_a_re_term_to_less_than_the_used_time_is_due_at_once_not_in_the_past() -> None:
    """4 hours are used at 13:00 when the terms become 3 hours: due at 13:00. It cannot be 12:00,
    because nobody could know it then."""
    terms = ServiceTerms(calendar=OFFICE, resolution=hours(3))
    clock = clock_of(
        [
            started("8 09:00", resolution=hours(8)),
            on("8 13:00", ClockChangeKind.RETERMED, terms=terms),
        ]
    )
    at_once = resolution(clock, "8 13:00")
    assert (at_once.due_at, at_once.at_risk_at) == (berlin("8 13:00"), berlin("8 13:00"))
    assert at_once.breached_at is None
    assert clock.next_event_at(berlin("8 13:00")) == berlin("8 13:00") + MOMENT
    assert resolution(clock, "8 13:01").breached_at == berlin("8 13:00") + MOMENT


def test_a_re_term_gives_more_time_but_does_not_undo_a_breach() -> None:
    """Two hours from Monday 8th 09:00 are breached at 11:00. At 12:00 the terms become 8 hours:
    3 are used, 5 left, due at 17:00. The breach of 11:00 stays on record and is not recorded
    twice."""
    terms = ServiceTerms(calendar=OFFICE, resolution=hours(8))
    clock = clock_of(
        [
            started("8 09:00", resolution=hours(2)),
            on("8 12:00", ClockChangeKind.RETERMED, terms=terms),
        ]
    )
    standing = resolution(clock, "9 12:00")
    assert (standing.due_before, standing.due_at) == (berlin("8 11:00"), berlin("8 17:00"))
    assert standing.breached_at == berlin("8 11:00") + MOMENT
    assert [miss.due_at for miss in clock.misses(berlin("9 12:00"))] == [berlin("8 11:00")]
    assert clock.next_event_at(berlin("8 12:00")) is None


def test_a_re_term_during_a_pause_counts_when_the_pause_ends() -> None:
    """8 hours from Monday 8th 09:00; it waits for the customer from 11:00 (2 used); at 12:00 the
    terms become 12 hours; on Tuesday 10:00 the customer answers. 10 hours are left: Tuesday
    10:00-17:00 7, Wednesday 09:00-12:00 3: due Wednesday 10th 12:00. A paused clock had no due time
    before."""
    pauses_on = (Dependency.CUSTOMER,)
    terms = ServiceTerms(calendar=OFFICE, resolution=hours(12), pauses_on=pauses_on)
    moments = [
        started("8 09:00", resolution=hours(8), pauses_on=pauses_on),
        waiting("8 11:00", Dependency.CUSTOMER),
        on("8 12:00", ClockChangeKind.RETERMED, terms=terms),
        on("9 10:00", ClockChangeKind.RESUMED),
    ]
    paused = resolution(clock_of(moments[:3]), "8 13:00")
    assert (paused.due_before, paused.due_at, paused.left) == (None, None, hours(10))
    standing = resolution(clock_of(moments), "9 10:00")
    assert (standing.used, standing.due_at) == (hours(2), berlin("10 12:00"))


def test_a_re_term_without_the_pause_restarts_the_clock_during_the_wait() -> None:
    """Paused at 11:00 with 2 of 8 hours used. At 12:00 new terms do not pause on the customer: 6
    hours are left from there: 12:00-17:00 5, Tuesday 1: due Tuesday 9th 10:00."""
    terms = ServiceTerms(calendar=OFFICE, resolution=hours(8))
    clock = clock_of(
        [
            started("8 09:00", resolution=hours(8), pauses_on=(Dependency.CUSTOMER,)),
            waiting("8 11:00", Dependency.CUSTOMER),
            on("8 12:00", ClockChangeKind.RETERMED, terms=terms),
        ]
    )
    assert resolution(clock, "8 12:00").due_at == berlin("9 10:00")
    assert clock.attribution(berlin("8 14:00")).business.parts == {
        "queue": 7_200,
        "wait:customer": 10_800,
    }


def test_a_transfer_between_queues_does_not_change_the_due_time() -> None:
    """Monday 8th: queue 09:00-10:00, work until 10:30, handed off to another queue until 12:00,
    work until the resolution at 13:00. Queue 1 + 1.5 h = 9,000 s, work 0.5 + 1 h = 5,400 s. 8
    hours are due at 17:00 throughout."""
    moments = [
        started("8 09:00", first_action=hours(2), resolution=hours(8)),
        on("8 10:00", ClockChangeKind.ACTED),
        on("8 10:00", ClockChangeKind.WORKED),
        on("8 10:30", ClockChangeKind.QUEUED),
        on("8 12:00", ClockChangeKind.WORKED),
        on("8 13:00", ClockChangeKind.STOPPED),
    ]
    assert resolution(clock_of(moments[:4]), "8 11:00").due_at == berlin("8 17:00")
    clock = clock_of(moments)
    done = resolution(clock, "9 12:00")
    assert (done.due_at, done.met_at) == (berlin("8 17:00"), berlin("8 13:00"))
    assert (done.breached_at, done.at_risk_at, done.used) == (None, None, hours(4))
    assert status(clock, Measure.FIRST_ACTION, "9 12:00").met_at == berlin("8 10:00")
    attribution = clock.attribution(berlin("9 12:00"))
    assert attribution.business.parts == {"queue": 9_000, "work": 5_400}
    assert attribution.elapsed == attribution.business
    assert clock.misses(berlin("9 12:00")) == ()


REOPENED = (on("8 14:00", ClockChangeKind.STOPPED), on("10 10:00", ClockChangeKind.REOPENED))


def test_a_reopened_case_continues_with_the_time_left() -> None:
    """8 hours from Monday 8th 09:00, resolved at 14:00 with 5 used, reopened on Wednesday 10:00:
    3 are left, due Wednesday 13:00. The time while it was resolved does not count: by Wednesday
    12:00 the queue has had 5 + 2 h = 25,200 s."""
    clock = clock_of([started("8 09:00", resolution=hours(8)), *REOPENED])
    standing = resolution(clock, "10 12:00")
    assert (standing.due_at, standing.met_at) == (berlin("10 13:00"), None)
    assert (standing.used, standing.left) == (hours(7), hours(1))
    assert clock.attribution(berlin("10 12:00")).elapsed.parts == {"queue": 25_200}


def test_a_reopened_case_restarts_its_clock_where_the_terms_say_so() -> None:
    """The same with the full 8 hours again from Wednesday 10:00: 7 on Wednesday, 1 on Thursday:
    due Thursday 11th 10:00. The next update, 2 hours, restarts as well: Wednesday 12:00."""
    clock = clock_of(
        [
            started("8 09:00", resolution=hours(8), next_update=hours(2), resets_on_reopen=True),
            on("8 10:00", ClockChangeKind.UPDATED),
            on("8 12:00", ClockChangeKind.UPDATED),
            *REOPENED,
        ]
    )
    standing = resolution(clock, "10 12:00")
    assert (standing.due_at, standing.used) == (berlin("11 10:00"), hours(2))
    assert status(clock, Measure.NEXT_UPDATE, "10 11:00").due_at == berlin("10 12:00")
    assert clock.misses(berlin("10 12:00")) == ()


@pytest.mark.parametrize("resets", [True, False])
def test_a_breach_before_a_reopening_stays_on_record(resets) -> None:
    """4 hours from Monday 8th 09:00 are breached at 13:00; resolved at 14:00 after 5 h = 18,000
    s. Reopened on Wednesday 10:00. If the clock restarts, the breach ends with the first
    resolution, and the new run is due Wednesday 14:00. If not, the one breach continues: 18,000
    + 2 h = 25,200 s by 12:00."""
    clock = clock_of([started("8 09:00", resolution=hours(4), resets_on_reopen=resets), *REOPENED])
    (miss,) = clock.misses(berlin("10 12:00"))
    assert miss.due_at == berlin("8 13:00")
    assert miss.met_at == (berlin("8 14:00") if resets else None)
    assert miss.business.seconds == (18_000 if resets else 25_200)
    due_at = resolution(clock, "10 12:00").due_at
    assert due_at == (berlin("10 14:00") if resets else berlin("8 13:00"))


def test_a_pending_update_of_a_resolved_case_is_neither_met_nor_breached() -> None:
    """An update within 4 hours: from Monday 8th 09:00 by 13:00, after the one at 10:00 by 14:00.
    The case is resolved at 12:00."""
    clock = clock_of(
        [
            started("8 09:00", next_update=hours(4)),
            on("8 10:00", ClockChangeKind.UPDATED),
            on("8 12:00", ClockChangeKind.STOPPED),
        ]
    )
    standing = status(clock, Measure.NEXT_UPDATE, "9 12:00")
    assert (standing.due_at, standing.met_at, standing.breached_at) == (None, None, None)
    assert (standing.used, standing.paused) == (hours(2), False)
    assert clock.next_event_at(berlin("8 12:00")) is None
    assert clock.misses(berlin("9 12:00")) == ()


def test_an_update_missed_before_the_resolution_stays_breached() -> None:
    """The same, resolved at 15:00: the update was due at 14:00. The breach is 10:00 to 15:00:
    18,000 s."""
    clock = clock_of(
        [
            started("8 09:00", next_update=hours(4)),
            on("8 10:00", ClockChangeKind.UPDATED),
            on("8 15:00", ClockChangeKind.STOPPED),
        ]
    )
    (miss,) = clock.misses(berlin("9 12:00"))
    assert (miss.due_at, miss.met_at) == (berlin("8 14:00"), None)
    assert miss.business.parts == {"queue": 18_000}


def test_a_late_update_is_a_breach_and_starts_the_next_run() -> None:
    """Due at 11:00, given at 12:00 (3 h = 10,800 s after 09:00), so the next is due at 14:00."""
    clock = clock_of(
        [started("8 09:00", next_update=hours(2)), on("8 12:00", ClockChangeKind.UPDATED)]
    )
    (miss,) = clock.misses(berlin("8 13:00"))
    assert (miss.met_at, miss.business.seconds) == (berlin("8 12:00"), 10_800)
    standing = status(clock, Measure.NEXT_UPDATE, "8 13:00")
    assert (standing.due_at, standing.breached_at) == (berlin("8 14:00"), None)


def test_an_update_during_a_pause_gives_the_full_time_from_the_end_of_the_pause() -> None:
    """2 hours from 09:00; it waits from 10:00, an update goes out at 10:30, and the wait ends at
    13:00: the next update is due at 15:00. Without that update, one of two hours was left:
    14:00."""
    moments = [
        started("8 09:00", next_update=hours(2), pauses_on=(Dependency.VENDOR,)),
        waiting("8 10:00", Dependency.VENDOR, "acme"),
        on("8 10:30", ClockChangeKind.UPDATED),
        on("8 13:00", ClockChangeKind.RESUMED),
    ]
    standing = status(clock_of(moments), Measure.NEXT_UPDATE, "8 13:00")
    assert (standing.due_at, standing.used) == (berlin("8 15:00"), hours(0))
    del moments[2]
    assert status(clock_of(moments), Measure.NEXT_UPDATE, "8 13:00").due_at == berlin("8 14:00")


def test_a_measure_stays_at_risk_through_a_pause() -> None:
    """10 hours from Monday 8th 09:00: at risk after 8, at 17:00. It waits on Tuesday from 09:30
    (8.5 used) to 12:00: the 1.5 hours that are left end at 13:30, and it has been at risk since
    Monday."""
    clock = clock_of(
        [
            started("8 09:00", resolution=hours(10), pauses_on=(Dependency.FINANCE,)),
            waiting("9 09:30", Dependency.FINANCE),
            on("9 12:00", ClockChangeKind.RESUMED),
        ]
    )
    standing = resolution(clock, "9 12:00")
    assert (standing.at_risk_at, standing.due_at) == (berlin("8 17:00"), berlin("9 13:30"))


def test_a_first_action_missing_at_resolution_is_due_again_after_a_reopening() -> None:
    """8 hours from Monday 8th 09:00; resolved without an action at 14:00 (5 used), reopened on
    Wednesday 10:00: 3 are left, due at 13:00. A first action that was met stays met."""
    start = started("8 09:00", first_action=hours(8))
    unmet = clock_of([start, *REOPENED])
    assert status(unmet, Measure.FIRST_ACTION, "10 10:00").due_at == berlin("10 13:00")
    met = clock_of(
        [
            start,
            on("8 09:30", ClockChangeKind.ACTED),
            *REOPENED,
            on("10 12:00", ClockChangeKind.ACTED),
        ]
    )
    assert status(met, Measure.FIRST_ACTION, "10 12:00").met_at == berlin("8 09:30")


SEVERAL_PERIODS = {
    # 09:00-12:30 and 13:30-17:30, from Monday 8th 12:00: half an hour, lunch, four hours
    0.5: "8 12:30",  # the closing time, not 13:30
    1: "8 14:00",
    4: "8 17:00",
    4.5: "8 17:30",  # the closing time, not Tuesday 09:00
    5: "9 09:30",
    8: "9 12:30",  # 4.5 + Tuesday 3.5
}


@pytest.mark.parametrize("limit", SEVERAL_PERIODS)
def test_several_periods_a_day_are_counted_without_the_gaps(limit) -> None:
    periods = (Period(opens="09:00", closes="12:30"), Period(opens="13:30", closes="17:30"))
    calendar = replace(OFFICE, week=dict.fromkeys(WORKDAYS, periods))
    clock = clock_of([started("8 12:00", calendar, resolution=hours(limit))])
    assert resolution(clock, "8 12:00").due_at == berlin(SEVERAL_PERIODS[limit])


def test_a_case_that_starts_at_closing_time_has_used_no_time_by_the_next_opening() -> None:
    """Open periods are half-open: 17:00 is already closed, the microsecond before it is open."""
    at_closing = clock_of([started("8 17:00", resolution=hours(1))])
    just_before = clock_of([started("8 16:59:59.999999", resolution=hours(1))])
    assert resolution(at_closing, "9 09:00").used == hours(0)
    assert resolution(just_before, "9 09:00").used == MOMENT
    assert resolution(at_closing, "9 09:00").due_at == berlin("9 10:00")
    assert resolution(just_before, "9 09:00").due_at == berlin("9 10:00") - MOMENT


def test_an_action_at_the_due_time_is_in_time_and_a_microsecond_later_is_late() -> None:
    """One hour from Monday 8th 09:00: 10:00 is in time."""
    start = started("8 09:00", first_action=hours(1))
    in_time = clock_of([start, on("8 10:00", ClockChangeKind.ACTED)])
    too_late = clock_of([start, on("8 10:00:00.000001", ClockChangeKind.ACTED)])
    assert in_time.misses(berlin("9 12:00")) == ()
    (miss,) = too_late.misses(berlin("9 12:00"))
    assert miss.met_at == miss.breached_at == berlin("8 10:00:00.000001")


def test_a_measure_due_at_closing_time_is_breached_at_the_next_opening() -> None:
    """8 hours from Monday 8th 09:00 end at 17:00. Tuesday 09:00 is later, although no open time
    is in between: nothing is left, and it is a breach."""
    clock = clock_of([started("8 09:00", resolution=hours(8))])
    assert resolution(clock, "8 17:00").breached_at is None
    morning = resolution(clock, "9 09:00")
    assert (morning.left, morning.breached_at) == (hours(0), berlin("8 17:00") + MOMENT)


def test_the_next_event_is_the_earliest_change_of_any_measure() -> None:
    """From Monday 8th 09:00 with a share of 50 %: first action within 2 hours (at risk 10:00, due
    11:00), resolution within 8 (at risk 13:00, due 17:00). Late is the moment after the due
    time."""
    clock = clock_of(
        [started("8 09:00", first_action=hours(2), resolution=hours(8), at_risk_percent=50)]
    )
    expected = ["8 10:00", "8 11:00:00.000001", "8 13:00", "8 17:00:00.000001"]
    now, met = berlin("8 09:00"), []
    while (event := clock.next_event_at(now)) is not None:
        met.append(event)
        now = event
    assert met == [berlin(moment) for moment in expected]
    acted = clock.after(on("8 09:30", ClockChangeKind.ACTED))
    assert acted.next_event_at(berlin("8 09:30")) == berlin("8 13:00")


NIGHT_SHIFTS = {
    # 4 hours of a shift that begins on Sunday 00:00, started on the Saturday before. Berlin, 29
    # March: 00:00 is 23:00Z (UTC+1); four hours later it is 03:00Z, 05:00 local time.
    "Europe/Berlin spring": ("Europe/Berlin", "2026-03-28T12:00", "2026-03-29T03:00"),
    # Berlin, 25 October: 00:00 is 22:00Z (UTC+2); 02:00Z is 03:00 local time.
    "Europe/Berlin autumn": ("Europe/Berlin", "2026-10-24T12:00", "2026-10-25T02:00"),
    # New York, 8 March: 00:00 is 05:00Z (UTC-5); 09:00Z is 05:00 local time.
    "America/New_York spring": ("America/New_York", "2026-03-07T12:00", "2026-03-08T09:00"),
    # New York, 1 November: 00:00 is 04:00Z (UTC-4); 08:00Z is 03:00 local time.
    "America/New_York autumn": ("America/New_York", "2026-10-31T12:00", "2026-11-01T08:00"),
    # Lord Howe, 4 October: 00:00 is 13:30Z (UTC+10:30); 17:30Z is 04:30 local time.
    "Australia/Lord_Howe spring": ("Australia/Lord_Howe", "2026-10-03T01:00", "2026-10-03T17:30"),
    # Lord Howe, 5 April: 00:00 is 13:00Z (UTC+11); 17:00Z is 03:30 local time.
    "Australia/Lord_Howe autumn": ("Australia/Lord_Howe", "2026-04-04T01:00", "2026-04-04T17:00"),
}


@pytest.mark.parametrize("change", NIGHT_SHIFTS)
def test_four_hours_are_four_hours_when_the_clocks_change(change) -> None:
    zone, start, due = NIGHT_SHIFTS[change]
    shift = (Period(opens="00:00", closes="06:00"),)
    calendar = BusinessCalendar(time_zone=zone, week={Weekday.SUN: shift})
    at = datetime.fromisoformat(start).replace(tzinfo=UTC)
    terms = ServiceTerms(calendar=calendar, resolution=hours(4))
    clock = clock_of([ClockChange(at=at, change=ClockChangeKind.STARTED, terms=terms)])
    standing = clock.standing(Measure.RESOLUTION, at)
    assert standing is not None
    assert standing.due_at == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_waits_for_different_parties_are_counted_separately() -> None:
    """Monday 8th: queue 09:00-10:00, the carrier dhl until 11:00, ups until 13:00, then an
    unnamed carrier until 13:30, then the queue again."""
    clock = clock_of(
        [
            started("8 09:00"),
            waiting("8 10:00", Dependency.CARRIER, "dhl"),
            waiting("8 11:00", Dependency.CARRIER, "ups"),
            waiting("8 13:00", Dependency.CARRIER),
            on("8 13:30", ClockChangeKind.RESUMED),
        ]
    )
    assert clock.attribution(berlin("8 14:00")).business.parts == {
        "queue": 3_600 + 1_800,
        "wait:carrier/dhl": 3_600,
        "wait:carrier/ups": 7_200,
        "wait:carrier": 1_800,
    }


def test_a_wait_ends_where_it_began_unless_another_state_is_given() -> None:
    """Claimed from 09:00, waiting 10:00-11:00: then the person has it again, or the queue if the
    change says so."""
    held = [
        started("8 09:00"),
        on("8 09:00", ClockChangeKind.WORKED),
        waiting("8 10:00", Dependency.CUSTOMER),
    ]
    assert clock_of([*held, on("8 11:00", ClockChangeKind.RESUMED)]).place == "work"
    assert clock_of([*held, on("8 11:00", ClockChangeKind.QUEUED)]).place == "queue"


def test_a_change_that_does_not_apply_changes_nothing_and_time_never_runs_backwards() -> None:
    """A wait on a resolved case; a change with an earlier time than the one before it."""
    resolved = clock_of(
        [started("8 09:00", resolution=hours(8)), on("8 10:00", ClockChangeKind.STOPPED)]
    )
    after = resolved.after(waiting("8 11:00", Dependency.CUSTOMER)).after(
        on("8 12:00", ClockChangeKind.UPDATED)
    )
    assert replace(after, at=resolved.at) == resolved
    assert Clock().after(on("8 09:00", ClockChangeKind.WORKED)) == Clock()
    assert Clock().standing(Measure.RESOLUTION, berlin("8 09:00")) is None
    late_change = clock_of(
        [
            started("8 09:00"),
            on("8 11:00", ClockChangeKind.WORKED),
            on("8 10:00", ClockChangeKind.QUEUED),
        ]
    )
    assert late_change.attribution(berlin("8 11:00")).elapsed.parts == {"queue": 7_200}


def test_a_clock_change_needs_its_values_and_a_clock_starts_once() -> None:
    with pytest.raises(ValueError, match="needs terms"):
        on("8 09:00", ClockChangeKind.STARTED)
    with pytest.raises(ValueError, match="needs a dependency"):
        on("8 09:00", ClockChangeKind.WAITING)
    with pytest.raises(ValueError, match="started already"):
        clock_of([started("8 09:00"), started("8 10:00")])
