"""A source whose own list differs from what arrived is a case for its owner."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from api import composition
from domain.cases.events import Enriched
from domain.policy.decision import FactValue
from domain.sources.errors import SourceNotFound
from domain.sources.list_comparison import ListComparison
from tests.sources.watched import MONDAY, WatchedSources

HOUR = timedelta(hours=1)


@pytest.fixture
def watched(dsn: str) -> Iterator[WatchedSources]:
    with composition.desks(dsn) as working:
        service = WatchedSources(working, dsn)
        service.add("shop", owner="payments_desk")
        yield service


def compared(until: datetime, listed: int, arrived: int, *missing: str) -> ListComparison:
    return ListComparison(
        since=until - HOUR, until=until, listed=listed, arrived=arrived, missing=missing
    )


def packet(service: WatchedSources, n: int = -1) -> dict[str, FactValue]:
    """The facts of the last packet of a case."""
    trail = service.desks.log.trail(service.cases()[n].id)
    found = [line.event for line in trail if isinstance(line.event, Enriched)]
    return {one.fact: one.value for one in found[-1].packet}


def test_a_list_with_more_than_what_arrived_opens_a_case_for_the_owner(
    watched: WatchedSources,
) -> None:
    found = compared(MONDAY, 40, 38, "evt_7", "evt_9")
    changed = watched.desks.source_watch.report_missing("shop", found, MONDAY)
    (case,) = watched.cases()
    assert changed is not None
    assert (changed.case, changed.kind, case.state) == (case.id, "source_silent", "open")
    assert (case.owner, case.queue) == ("payments_desk", "payment_hold_review")
    assert case.about is not None
    assert case.about.source == "shop"
    facts = packet(watched)
    assert [facts[f"list.{one}"] for one in ("listed", "arrived", "missing")] == [40, 38, 2]
    assert (facts["list.missing_1"], facts["list.missing_2"]) == ("evt_7", "evt_9")


def test_a_later_list_that_agrees_clears_it_and_a_list_without_entries_shows_nothing(
    watched: WatchedSources,
) -> None:
    report = watched.desks.source_watch.report_missing
    report("shop", compared(MONDAY, 40, 38), MONDAY)
    assert report("shop", compared(MONDAY + HOUR, 40, 39), MONDAY + HOUR) is None
    assert report("shop", compared(MONDAY + HOUR, 0, 0), MONDAY + HOUR) is None
    # A comparison of the time before says nothing about now.
    assert report("shop", compared(MONDAY - HOUR, 5, 5), MONDAY + HOUR) is None
    (case,) = watched.cases()
    assert case.state == "open"
    changed = report("shop", compared(MONDAY + HOUR, 12, 12), MONDAY + HOUR)
    assert changed is not None
    assert changed.event == "case.resolved"
    (case,) = watched.cases()
    assert case.resolution is not None
    assert case.resolution.evidence == (f"packet:{case.packet}",)
    assert packet(watched)["list.arrived"] == 12


def test_a_list_that_differs_again_is_another_case_linked_to_the_first(
    watched: WatchedSources,
) -> None:
    report = watched.desks.source_watch.report_missing
    for n, arrived in enumerate((1, 2, 1)):
        report("shop", compared(MONDAY + n * HOUR, 2, arrived), MONDAY + n * HOUR)
    first, second = watched.cases()
    assert (first.state, second.state) == ("resolved", "open")
    assert (second.occurrence, second.recurrence_of) == (2, first.id)


def test_many_cases_one_after_another_are_found(watched: WatchedSources) -> None:
    report = watched.desks.source_watch.report_missing
    for n in range(20):
        report("shop", compared(MONDAY + n * HOUR, 2, 1 + n % 2), MONDAY + n * HOUR)
    assert [case.occurrence for case in watched.cases()] == [*range(1, 11)]
    # Another process counts from the beginning.
    with composition.desks(watched.dsn) as other:
        other.ensure_policy()
        other.source_watch.report_missing("shop", compared(MONDAY + 20 * HOUR, 2, 1), MONDAY)
    assert watched.cases()[-1].occurrence == 11


def test_a_paused_source_is_left_out_and_an_unknown_one_is_an_error(
    watched: WatchedSources,
) -> None:
    watched.pause("shop", MONDAY - HOUR)
    report = watched.desks.source_watch.report_missing
    assert report("shop", compared(MONDAY, 2, 1), MONDAY) is None
    with pytest.raises(SourceNotFound, match="shop"):
        report("shpo", compared(MONDAY, 2, 1), MONDAY)


def test_processes_that_compare_at_once_open_one_case(watched: WatchedSources) -> None:
    def once(n: int) -> None:
        with composition.desks(watched.dsn) as other:
            other.ensure_policy()
            other.source_watch.report_missing("shop", compared(MONDAY, 2, 1), MONDAY)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, range(4)))
    assert len(watched.cases()) == 1
