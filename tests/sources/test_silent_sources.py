"""A source that sends far less than usual is a case for its owner, and clears once it sends again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from msgspec import UNSET, structs

from api import composition
from application.log.caller import system_caller
from domain.cases.events import Enriched
from domain.cases.exception_case import ExceptionCase
from domain.people import Actor
from domain.policy.decision import FactValue
from domain.policy.rulebook import Rulebook
from domain.policy.source_parts import Silence, SourceRules
from infrastructure.policies.files import load_policy
from tests.sources.senders import placed
from tests.sources.watched import MONDAY, WEEK, WatchedSources

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def watched(dsn: str) -> Iterator[WatchedSources]:
    with composition.desks(dsn) as working:
        service = WatchedSources(working, dsn)
        service.add("shop", owner="payments_desk")
        yield service


def facts_of(service: WatchedSources, case: ExceptionCase) -> dict[str, FactValue]:
    trail = service.desks.log.trail(case.id)
    found = [line.event for line in trail if isinstance(line.event, Enriched)]
    return {one.fact: one.value for one in found[-1].packet}


def test_a_source_that_sends_less_than_a_tenth_of_usual_is_a_case_with_the_figures(
    watched: WatchedSources,
) -> None:
    watched.send_for_weeks("shop", MONDAY, 30, 20, 40, 24)  # the median is 27
    watched.send("shop", [MONDAY - HOUR, MONDAY - 2 * MINUTE])
    assert watched.look(MONDAY) == 1
    (case,) = watched.cases()
    assert (case.owner, case.queue) == ("payments_desk", "payment_hold_review")
    facts = facts_of(watched, case)
    assert (facts["source.deliveries"], facts["source.usual"]) == (2, "27")
    weeks = [facts[f"source.deliveries_{n}_weeks_before"] for n in (1, 2, 3, 4)]
    assert weeks == [30, 20, 40, 24]
    assert facts["window.since"] == "2026-03-30T08:00:00Z"
    assert facts["source.last_received_at"] == "2026-03-30T09:58:00Z"
    assert watched.look(MONDAY + 5 * MINUTE) == 0


def test_a_tenth_of_usual_is_enough(watched: WatchedSources) -> None:
    watched.send_for_weeks("shop", MONDAY, 30, 20, 40, 20)  # the median is 25
    watched.send_before("shop", MONDAY, 3)
    assert watched.look(MONDAY) == 0


def test_it_clears_once_the_source_sends_again_and_a_second_silence_is_linked(
    watched: WatchedSources,
) -> None:
    end = MONDAY + 4 * HOUR
    for n in range(5):
        watched.send_for_weeks("shop", MONDAY + n * 2 * HOUR, 20, 20, 20, 20)
    watched.look(MONDAY)
    watched.send("shop", [MONDAY + HOUR])
    assert watched.look(MONDAY + 2 * HOUR) == 0  # once is less than a tenth
    watched.send_before("shop", end, 15)
    assert watched.look(end) == 1
    (case,) = watched.cases()
    assert case.state == "resolved"
    assert case.resolution is not None
    assert case.resolution.evidence == (f"packet:{case.packet}",)
    assert facts_of(watched, case)["source.deliveries"] == 15
    assert watched.look(MONDAY + 8 * HOUR) == 1
    first, second = watched.cases()
    assert second.recurrence_of == first.id


def test_a_quiet_hour_after_a_silence_clears_nothing(watched: WatchedSources) -> None:
    """What was sent before the case was opened may be enough for an hour when less is usual."""
    watched.send_for_weeks("shop", MONDAY, 100, 100, 100, 100)
    watched.send("shop", [MONDAY - MINUTE])
    watched.look(MONDAY)
    # Of this window, 8 are usual.
    assert watched.look(MONDAY + 110 * MINUTE) == 0
    (case,) = watched.cases()
    assert case.state == "open"


def test_what_is_pulled_is_not_sent(watched: WatchedSources) -> None:
    """Pulls must not hide that the webhooks of a source have stopped."""
    watched.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
    watched.pull("shop", MONDAY - HOUR, *(("order", placed(f"P-{n}")) for n in range(20)))
    assert watched.look(MONDAY) == 1
    (case,) = watched.cases()
    assert facts_of(watched, case)["source.deliveries"] == 0


@pytest.mark.parametrize(
    ("weeks", "why"),
    [
        ((0, 0, 0, 0), "nothing is usual"),
        ((9, 9, 9, 9), "too little is usual"),
        ((40, 40, 0, 0), None),
        ((40, 0, 0, 0), "one week is no custom"),
    ],
)
def test_what_is_usual_is_the_median_of_four_weeks(
    watched: WatchedSources, weeks: tuple[int, ...], why: str | None
) -> None:
    watched.send_for_weeks("shop", MONDAY, *weeks)
    assert (watched.look(MONDAY) == 0) == (why is not None), why


def test_a_source_that_is_younger_than_the_history_is_left_out(watched: WatchedSources) -> None:
    begin = MONDAY - 2 * HOUR - 4 * WEEK
    for name, added in (("young", begin + MINUTE), ("old", begin)):
        watched.add(name, added)
        watched.send_for_weeks(name, MONDAY, 20, 20, 20, 20)
    # A source that sends: the others are not silent together.
    watched.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
    watched.send_before("shop", MONDAY, 20)
    watched.look(MONDAY)
    assert [case.about and case.about.source for case in watched.cases()] == ["old"]


def test_the_same_hour_of_the_week_is_compared_in_utc(watched: WatchedSources) -> None:
    """Europe puts its clocks forward on 29 March: the hours of the week stay what they were in UTC."""
    watched.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
    # An hour later, and a day earlier, is another hour of the week.
    assert watched.look(MONDAY - 2 * HOUR) == 0
    assert watched.look(MONDAY + 2 * HOUR) == 0
    assert watched.look(MONDAY - timedelta(days=1)) == 0
    assert watched.look(MONDAY) == 1


def test_a_paused_source_is_left_out_until_it_went_on_for_a_whole_window(
    watched: WatchedSources,
) -> None:
    for n in range(4):
        watched.send_for_weeks("shop", MONDAY + n * HOUR, 20, 20, 20, 20)
    watched.pause("shop", MONDAY - HOUR)
    assert watched.look(MONDAY) == 0
    watched.resume("shop", MONDAY + MINUTE)
    assert watched.look(MONDAY + 2 * HOUR) == 0
    assert watched.look(MONDAY + 2 * HOUR + MINUTE) == 1


def test_a_report_that_is_behind_makes_no_source_silent(watched: WatchedSources) -> None:
    watch = watched.desks.source_watch
    watched.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
    watched.update_reports()
    watched.send_before("shop", MONDAY, 20)  # the report does not have them
    for n in range(30):
        assert watch.look(MONDAY + n * MINUTE) == 0
    watched.update_reports()
    assert watch.look(MONDAY + 30 * MINUTE) == 0


def test_a_window_that_was_not_judged_for_long_is_given_up(watched: WatchedSources) -> None:
    """A worker that comes back judges the present, not the past."""
    watch = watched.desks.source_watch
    watched.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
    watch.look(MONDAY)
    watched.send_for_weeks("shop", MONDAY + 3 * HOUR, 20, 20, 20, 20)
    watched.send_before("shop", MONDAY + 3 * HOUR, 20)
    watched.update_reports()
    assert watch.look(MONDAY + 3 * HOUR) == 0
    assert watch.look(MONDAY + 3 * HOUR + MINUTE) == 0


def test_two_workers_open_one_case(watched: WatchedSources) -> None:
    watched.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
    with composition.desks(watched.dsn) as other:
        other.ensure_policy()
        workers = [watched.desks.source_watch, other.source_watch]
        for watch in workers:
            watch.look(MONDAY)
        watched.update_reports()
        assert sum(watch.look(MONDAY + MINUTE) for watch in workers) == 1
    assert len(watched.cases()) == 1


def test_sources_that_fall_silent_together_are_one_case_of_ours(watched: WatchedSources) -> None:
    names = ["shop", *(f"s{n}" for n in range(4))]
    for name in names[1:]:
        watched.add(name)
    for name in names:
        for n in range(5):
            watched.send_for_weeks(name, MONDAY + n * HOUR, 20, 20, 20, 20)
    # Nobody sends from 9 on. At 10 they have sent half of what is usual; at 11 nothing.
    for name in names:
        watched.send_before(name, MONDAY - HOUR, 10, minutes=60)
    assert watched.look(MONDAY) == 0
    assert watched.look(MONDAY + HOUR) == 1
    (case,) = watched.cases()
    assert case.about is not None
    assert case.about.sources == tuple(sorted(names))
    facts = facts_of(watched, case)
    assert "on our side" in str(facts["remedy"])
    assert (facts["s1.deliveries"], facts["s1.usual"]) == (0, "40")
    # They send again from 11 on: the case is resolved, and those that are slow to come back get time.
    back = MONDAY + HOUR + 20 * MINUTE
    for name in names[:4]:
        watched.send_before(name, back, 4, minutes=15)
    assert watched.look(back) == 1
    (case,) = watched.cases()
    assert case.state == "resolved"
    # One does not come back: that is its own silence.
    later = MONDAY + 3 * HOUR
    for name in names[:4]:
        watched.send_before(name, later, 16, minutes=90)
    assert watched.look(later) == 1
    assert [case.about and case.about.source for case in watched.cases()] == [UNSET, "s3"]


def test_one_source_that_sends_shows_that_the_silence_of_others_is_their_own(
    watched: WatchedSources,
) -> None:
    for name in ("big", "small"):
        watched.add(name)
    for name, number in (("shop", 20), ("big", 200), ("small", 20)):
        watched.send_for_weeks(name, MONDAY, number, number, number, number)
    # Of all together, it is less than a tenth.
    watched.send_before("small", MONDAY, 18)
    assert watched.look(MONDAY) == 2
    assert {case.about and case.about.source for case in watched.cases()} == {"shop", "big"}


def test_a_case_that_somebody_works_on_is_cleared_and_left_to_that_person(
    watched: WatchedSources,
) -> None:

    end = MONDAY + 2 * HOUR
    for at in (MONDAY, end, end + 2 * HOUR):
        watched.send_for_weeks("shop", at, 20, 20, 20, 20)
    watched.look(MONDAY)
    (case,) = watched.cases()
    by = system_caller(Actor("person:ana", person="ana"), MONDAY + MINUTE, "claim")
    watched.desks.cases.claim(case.id, case.version, structs.replace(by, person="ana"))
    watched.send_before("shop", end, 20)
    assert watched.look(end) == 1
    (case,) = watched.cases()
    assert (case.state, case.cleared) == ("claimed", True)
    # The problem is back before the case was resolved: it is the same case, which has it again.
    assert watched.look(end + 2 * HOUR) == 1
    (case,) = watched.cases()
    assert (case.state, case.cleared) == ("claimed", False)


def test_a_policy_without_the_kind_or_with_other_figures(dsn: str) -> None:
    document = load_policy().document
    eager = SourceRules(silence=Silence(window=HOUR, below_percent=50, weeks=2, least_usual=4))
    with composition.desks(dsn) as working:
        rulebook = Rulebook(structs.replace(document, version="t", sources=eager))
        watched = WatchedSources(working, dsn, rulebook)
        watched.add("shop", MONDAY - HOUR - 2 * WEEK)
        watched.send_for_weeks("shop", MONDAY, 8, 8)  # of two hours: four of the last one
        watched.send_before("shop", MONDAY, 1, minutes=60)
        assert watched.look(MONDAY) == 1


def _without_kinds() -> Rulebook:
    document = load_policy().document
    kinds = {n: k for n, k in document.kinds.items() if n not in ("source_silent", "unknown_code")}
    route = document.route[-1:]
    return Rulebook(structs.replace(document, version="t", kinds=kinds, sources=None, route=route))


def test_without_the_kind_nothing_is_watched(dsn: str) -> None:
    with composition.desks(dsn) as working:
        watched = WatchedSources(working, dsn, _without_kinds())
        watched.add("shop")
        watched.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
        assert watched.look(MONDAY) == 0


def test_no_source_at_all(watched: WatchedSources) -> None:
    assert watched.look(datetime(2026, 1, 5, tzinfo=MONDAY.tzinfo)) == 0
