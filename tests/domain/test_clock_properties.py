"""After any changes the parts of a clock add up, and reading it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock.calendars import BusinessCalendar, Period, Weekday
from domain.clock.clock import Clock, ClockChange, ClockChangeKind, clock_of
from domain.clock.open_hours import business_time, next_cut_off
from domain.clock.terms import Dependency, Measure, ServiceTerms
from domain.clock.time_split import split_seconds
from tests.domain.signals import BOUNDED_SETTINGS

MOMENT = timedelta(microseconds=1)
NOTHING = timedelta()
SECOND = timedelta(seconds=1)
START = datetime(2026, 3, 27, 12, 0, 0, 250_000, tzinfo=UTC)
"""A Friday before the clocks of Europe change, and a quarter of a second."""


def week(
    *weekdays: Weekday, periods: Sequence[tuple[str, str]]
) -> dict[Weekday, tuple[Period, ...]]:
    return dict.fromkeys(weekdays, tuple(Period(opens=a, closes=b) for a, b in periods))


def hours(opens: str, closes: str) -> tuple[Period, ...]:
    return (Period(opens=opens, closes=closes),)


WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)
CALENDARS = (
    BusinessCalendar(time_zone="UTC", always_open=True, cut_offs={"out": "10:00"}),
    BusinessCalendar(
        time_zone="Europe/Berlin",
        week=week(*WORKDAYS, periods=[("09:00", "12:30"), ("13:30", "17:30")]),
        closed=(date(2026, 4, 3), date(2026, 4, 6)),
        cut_offs={"out": "12:00"},
    ),
    BusinessCalendar(
        time_zone="Europe/Berlin",
        week=week(*Weekday, periods=[("00:00", "02:30"), ("22:00", "24:00")]),
        cut_offs={"out": "24:00"},
    ),
    BusinessCalendar(
        time_zone="Australia/Lord_Howe",
        week=week(Weekday.SAT, Weekday.SUN, periods=[("01:30", "02:15"), ("08:00", "20:00")]),
        cut_offs={"out": "02:10"},
    ),
    BusinessCalendar(
        time_zone="Europe/Berlin",
        week=week(*WORKDAYS, periods=[("09:00", "12:30"), ("13:30", "17:30")]),
        special={
            date(2026, 4, 1): hours("08:00", "10:00"),
            date(2026, 4, 2): hours("18:00", "20:00"),
        },
        cut_offs={"out": "13:00"},
    ),
)
LIMITS = st.none() | st.timedeltas(MOMENT, timedelta(hours=30))
DEPENDENCIES = st.sampled_from([Dependency.CUSTOMER, Dependency.CARRIER, Dependency.VENDOR])
PLAIN = st.builds(
    ServiceTerms,
    calendar=st.sampled_from(CALENDARS),
    first_action=LIMITS,
    next_update=LIMITS,
    resolution=LIMITS,
    at_risk_percent=st.integers(1, 99),
    pauses_on=st.lists(DEPENDENCIES, unique=True, max_size=2).map(tuple),
    resets_on_reopen=st.booleans(),
)
CUT_OFFS = st.dictionaries(st.sampled_from(Measure), st.just("out"), min_size=1)
WITH_CUT_OFFS = st.builds(
    lambda terms, named, while_open: msgspec.structs.replace(
        terms, by_cut_off=named, cut_offs_while_open=while_open
    ),
    PLAIN,
    CUT_OFFS,
    st.sampled_from([msgspec.UNSET, True]),
)
TERMS = PLAIN | WITH_CUT_OFFS
GAPS = st.timedeltas(NOTHING, timedelta(hours=40)) | st.just(NOTHING)
LATER = st.sampled_from(
    [change for change in ClockChangeKind if change is not ClockChangeKind.STARTED]
)


@st.composite
def stories(
    draw: st.DrawFn,
    *,
    changes: st.SearchStrategy[ClockChangeKind] = LATER,
    terms: st.SearchStrategy[ServiceTerms] = TERMS,
    most: int = 12,
) -> list[ClockChange]:
    """A start and any changes after it, valid or not, in time order."""
    moments = [ClockChange(at=START, change=ClockChangeKind.STARTED, terms=draw(terms))]
    for change in draw(st.lists(changes, max_size=most)):
        moments.append(
            ClockChange(
                at=moments[-1].at + draw(GAPS),
                change=change,
                terms=draw(terms) if change is ClockChangeKind.RETERMED else None,
                dependency=draw(DEPENDENCIES) if change is ClockChangeKind.WAITING else None,
                party=draw(st.sampled_from([None, "dhl", "ups"]))
                if change is ClockChangeKind.WAITING
                else None,
            )
        )
    return moments


UNCHANGED_TERMS = LATER.filter(lambda change: change is not ClockChangeKind.RETERMED)
WITHOUT_REOPENING = st.sampled_from(
    [
        ClockChangeKind.ACTED,
        ClockChangeKind.UPDATED,
        ClockChangeKind.QUEUED,
        ClockChangeKind.WORKED,
        ClockChangeKind.WAITING,
        ClockChangeKind.RESUMED,
    ]
)


def split_by_part(
    moments: Sequence[ClockChange], now: datetime
) -> tuple[dict[str, timedelta], ...]:
    """The wall time and the business time of each part, counted without a clock."""
    elapsed: dict[str, timedelta] = {}
    business: dict[str, timedelta] = {}
    terms, own, wait, resolved = moments[0].terms, "queue", "", False
    ends = [*(moment.at for moment in moments[1:]), now]
    for moment, end in zip(moments, ends, strict=True):
        change = moment.change
        if change is ClockChangeKind.RETERMED:
            terms = moment.terms
        elif resolved:
            resolved = change is not ClockChangeKind.REOPENED
        elif change in (ClockChangeKind.QUEUED, ClockChangeKind.WORKED):
            own, wait = ("queue" if change is ClockChangeKind.QUEUED else "work"), ""
        elif change is ClockChangeKind.WAITING:
            wait = f"wait:{moment.dependency}" + (f"/{moment.party}" if moment.party else "")
        elif change is ClockChangeKind.RESUMED:
            wait = ""
        elif change is ClockChangeKind.STOPPED:
            own, wait, resolved = "queue", "", True
        if not resolved and end > moment.at:
            assert terms is not None
            place, open_time = wait or own, business_time(terms.calendar, moment.at, end)
            elapsed[place] = elapsed.get(place, NOTHING) + end - moment.at
            if open_time:
                business[place] = business.get(place, NOTHING) + open_time
    return elapsed, business


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories(), more=GAPS)
def test_every_part_gets_its_time_and_the_seconds_add_up(moments, more) -> None:
    now = moments[-1].at + more
    clock = clock_of(moments).as_of(now)
    elapsed, business = split_by_part(moments, now)
    assert (clock.tally.elapsed, clock.tally.business) == (elapsed, business)
    attribution = clock.attribution(now)
    for seconds, exact in ((attribution.elapsed, elapsed), (attribution.business, business)):
        assert sum(seconds.parts.values()) == seconds.seconds
        assert seconds.seconds == sum(exact.values(), NOTHING) // SECOND
        assert seconds.parts.keys() == exact.keys()
        for place, part in seconds.parts.items():
            assert abs(exact[place] - part * SECOND) < SECOND


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories(), more=GAPS)
def test_a_breach_adds_up_to_the_business_time_from_its_start_to_its_end(moments, more) -> None:
    now = moments[-1].at + more
    for miss in clock_of(moments).misses(now):
        assert sum(miss.business.parts.values()) == miss.business.seconds
        ends = {moment.at for moment in moments if moment.change is ClockChangeKind.STOPPED} | {now}
        assert miss.began_at <= miss.due_at < miss.breached_at
        if miss.met_at is not None:
            assert miss.met_at >= miss.breached_at
        # It ends when it is met, with the case, or now. Counted from the tallies up to both.
        until = [miss.met_at] if miss.met_at else sorted(ends)
        assert miss.business in [
            split_seconds(_business(moments, end), _business(moments, miss.began_at))
            for end in until
        ]


def _business(moments: Sequence[ClockChange], now: datetime) -> dict[str, timedelta]:
    return split_by_part([moment for moment in moments if moment.at <= now], now)[1]


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories(), shares=st.lists(st.floats(0, 1), min_size=13, max_size=13))
def test_reading_a_clock_changes_nothing(moments, shares) -> None:
    looked_at = Clock()
    for moment, share in zip(moments, shares, strict=False):
        if looked_at.at is not None:
            looked_at = looked_at.as_of(looked_at.at + (moment.at - looked_at.at) * share)
        looked_at = looked_at.after(moment)
    assert looked_at == clock_of(moments)


@settings(BOUNDED_SETTINGS, max_examples=200)
@given(moments=stories(), more=GAPS)
def test_a_stored_clock_continues_like_the_original(moments, more) -> None:
    clock = clock_of(moments)
    stored = msgspec.json.decode(msgspec.json.encode(clock), type=Clock)
    now = moments[-1].at + more
    assert stored.as_of(now) == clock.as_of(now)


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories(changes=UNCHANGED_TERMS, terms=PLAIN), more=GAPS)
def test_a_measure_is_breached_when_it_has_used_more_than_its_time(moments, more) -> None:
    now = moments[-1].at + more
    clock, terms = clock_of(moments), moments[0].terms
    for measure in Measure:
        standing, limit = clock.standing(measure, now), terms.limit(measure)
        assert standing.left == (None if limit is None else limit - standing.used)
        if limit is None:
            assert (standing.due_at, standing.breached_at) == (None, None)
        elif standing.used > limit:
            assert standing.breached_at is not None
        elif standing.used < limit:
            assert standing.breached_at is None
        if standing.paused:
            assert standing.due_at is None


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories(terms=PLAIN))
def test_an_undisturbed_measure_has_used_its_time_when_it_is_due(moments) -> None:
    clock = clock_of(moments)
    for measure, run in clock.runs.items():
        if not run.is_running or run.due_at is None or run.due_at <= clock.at:
            continue
        assert clock.standing(measure, run.due_at).left == NOTHING
        assert clock.standing(measure, run.due_at - MOMENT).left == MOMENT
        at_limit = clock.standing(measure, run.due_at)
        assert at_limit.breached_at == run.breached_at
        assert clock.standing(measure, run.due_at + MOMENT).breached_at is not None


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories(changes=UNCHANGED_TERMS, terms=WITH_CUT_OFFS))
def test_an_undisturbed_measure_with_a_cut_off_gets_its_minimum_time_and_is_late_after_it(
    moments,
) -> None:
    clock, terms = clock_of(moments), moments[0].terms
    for measure, name in terms.by_cut_off.items():
        run = clock.runs[measure]
        if not run.is_running or run.due_at is None or run.breached_at is not None:
            continue
        while_open = terms.cut_offs_while_open is True
        found = next_cut_off(terms.calendar, name, run.due_at, while_open=while_open)
        assert found == run.due_at
        at_due, late = (clock.standing(measure, at) for at in (run.due_at, run.due_at + MOMENT))
        assert (at_due.left, at_due.breached_at) == (NOTHING, None)
        assert at_due.used >= (terms.limit(measure) or NOTHING)
        ends = business_time(terms.calendar, run.due_at - MOMENT, run.due_at) == MOMENT
        if while_open and not ends:
            # Somebody is there from then on.
            assert business_time(terms.calendar, run.due_at, run.due_at + MOMENT) == MOMENT
        assert late.breached_at == run.due_at + MOMENT
        assert run.at_risk_at <= run.due_at


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories(), gaps=st.tuples(GAPS, GAPS))
def test_used_time_never_shrinks_in_any_part(moments, gaps) -> None:
    clock = clock_of(moments)
    sooner = moments[-1].at + gaps[0]
    later = sooner + gaps[1]
    for measure in Measure:
        before, after = clock.standing(measure, sooner), clock.standing(measure, later)
        assert before.used <= after.used
        assert before.breached_at is None or before.breached_at == after.breached_at
    elapsed = clock.as_of(later).tally.elapsed
    assert all(time <= elapsed[place] for place, time in clock.as_of(sooner).tally.elapsed.items())


def flags(clock: Clock, now: datetime) -> list[tuple[bool, bool]]:
    """Whether each measure is at risk, and whether it is breached."""
    found = []
    for measure in Measure:
        standing = clock.standing(measure, now)
        risky = standing.at_risk_at is not None and standing.at_risk_at <= now
        breached = standing.breached_at is not None
        # A breach is the last event of a run, even if new terms give it more time.
        found.append((risky and not breached, breached))
    return found


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(moments=stories())
def test_the_next_event_is_the_next_change_to_at_risk_or_breached(moments) -> None:
    clock = clock_of(moments)
    now = moments[-1].at
    count = 0
    while (event := clock.next_event_at(now)) is not None:
        assert event > now
        assert flags(clock, event - MOMENT) == flags(clock, now)
        assert flags(clock, event) != flags(clock, now)
        now, count = event, count + 1
        assert count <= 6
    assert flags(clock, now + timedelta(days=60)) == flags(clock, now)


@settings(BOUNDED_SETTINGS, max_examples=200)
@given(moments=stories(changes=WITHOUT_REOPENING, terms=PLAIN), gap=GAPS)
def test_longer_terms_are_never_due_sooner(moments, gap) -> None:
    """The same story under terms that give an hour more is due later or at the same time."""
    start = moments[0]
    generous = msgspec.structs.replace(
        start.terms, resolution=(start.terms.resolution or NOTHING) + timedelta(hours=1)
    )
    clock = clock_of(moments)
    other = clock_of([msgspec.structs.replace(start, terms=generous), *moments[1:]])
    due_at = clock.standing(Measure.RESOLUTION, moments[-1].at).due_at
    other_due_at = other.standing(Measure.RESOLUTION, moments[-1].at).due_at
    if due_at is not None:
        assert other_due_at is not None
        assert other_due_at > due_at


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(
    times=st.dictionaries(
        st.text("abc", min_size=1, max_size=3), st.timedeltas(NOTHING, timedelta(days=3))
    )
)
def test_a_split_adds_up_and_no_part_is_off_by_a_second(times) -> None:
    split = split_seconds(times)
    assert sum(split.parts.values()) == split.seconds == sum(times.values(), NOTHING) // SECOND
    for place, part in split.parts.items():
        assert abs(times[place] - part * SECOND) < SECOND
