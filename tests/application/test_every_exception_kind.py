"""For each kind of exception: the signals that open it, near misses, and the signals that clear
it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.orders.scan_status import IncidentReason
from domain.orders.signals import Signal
from tests.application.flows import flows
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService
from tests.application.order_stories import ORDER_STORIES
from tests.application.parcel_stories import PARCEL_STORIES, incident
from tests.domain.signals import after

MOMENT = timedelta(microseconds=1)
STORIES = {**ORDER_STORIES, **PARCEL_STORIES}

WHOSE_DOING = {
    IncidentReason.CUSTOMS_DOCUMENTATION: "held-by-customs",
    IncidentReason.CONSIGNEE_REFUSED: "refused-or-not-reached",
    IncidentReason.RETAILER_INCORRECT_DATA: "our-own-doing",
    IncidentReason.CARRIER_SORTING_ERROR: "the-carriers-doing",
    IncidentReason.WEATHER_DELAY: "nobodys-doing",
    IncidentReason.UNKNOWN: "unexplained-by-the-carrier",
}

# The other files of this folder test these.
TESTED_ELSEWHERE = {
    *("delivery_late", "ship_by_missed", "payment_stalled", "payment_mismatch", "payment_missing"),
    *("stock_unavailable", "refund_due", "cancelled_after_handover", "milestones_out_of_order"),
    "unmatched_signal",
    "unknown_code",
    "source_silent",
}
FAR_OFF = after(24 * 40)


def run_story(signals: list[Signal], until: datetime = FAR_OFF) -> InMemoryService:
    """Take each signal at its event time, then let time pass until then or for forty days."""
    service = InMemoryService()
    for signal in sorted(signals, key=lambda signal: signal.event_time):
        service.tick(signal.event_time, punctual=True)
        service.take(signal, at=signal.event_time)
    service.tick(until, punctual=True)
    return service


def of_kind(service: InMemoryService, kind: str) -> list[Any]:
    return [case for case in service.found() if case.kind == kind]


def test_every_kind_of_the_policy_has_a_story() -> None:
    tested = {story.kind for story in STORIES.values()}
    in_flows = {kind for flow in flows().values() for kind, _, _ in flow.cases}
    assert tested | in_flows | TESTED_ELSEWHERE == set(UNTIMED_RULEBOOK.document.kinds)


@pytest.mark.parametrize("name", STORIES)
def test_each_kind_opens_on_its_story(name) -> None:
    story = STORIES[name]
    newest = max(signal.event_time for signal in story.opened_by)
    if story.opens_at is None:
        (case,) = of_kind(run_story(story.opened_by, until=newest), story.kind)
        assert case.detected_at <= newest
        return
    due = after(story.opens_at)
    assert of_kind(run_story(story.opened_by, until=due), story.kind) == []
    (case,) = of_kind(run_story(story.opened_by, until=due + MOMENT), story.kind)
    assert case.detected_at == due


@pytest.mark.parametrize("name", STORIES)
def test_a_near_miss_does_not_open_the_kind(name) -> None:
    story = STORIES[name]
    assert of_kind(run_story(story.near), story.kind) == []


@pytest.mark.parametrize("name", [n for n, story in STORIES.items() if story.cleared_by])
def test_each_kind_clears_when_the_problem_is_gone(name) -> None:
    story = STORIES[name]
    service = run_story(story.opened_by)
    (case,) = of_kind(service, story.kind)
    assert (case.state, case.cleared) == ("open", False)
    assert story.cleared_by is not None
    (receipt,) = service.take(story.cleared_by, at=FAR_OFF)
    assert receipt.problem is None
    assert receipt.outcome == "recorded"
    (case,) = of_kind(service, story.kind)
    assert case.cleared
    automatic = UNTIMED_RULEBOOK.kind(story.kind).automation == "automatic"
    assert case.state == ("resolved" if automatic else "open")


@pytest.mark.parametrize("reason", WHOSE_DOING)
def test_a_carrier_exception_cites_the_rule_of_the_party_at_fault(reason) -> None:
    (case,) = of_kind(run_story([incident(reason)]), "carrier_exception")
    assert case.rule == WHOSE_DOING[reason]
