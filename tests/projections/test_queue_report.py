"""The queue has a row for each unresolved case and for no other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import CasetrailError
from projections.queue import QUEUE, QueueRow
from tests.application.in_memory_service import RESOLUTION, InMemoryService, caller
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    WEEK_AFTER,
    after,
    approved,
    captured,
    delivered,
    placed,
    promising,
    statement_lists,
    unavailable,
)
from tests.projections.folding import eventful_service, rows_of


def queued(house: InMemoryService) -> dict[Any, QueueRow]:
    return rows_of(QUEUE, house.lines())


def test_a_new_case_is_in_its_queue() -> None:
    house = InMemoryService()
    house.take(placed(), unavailable(), at=after(3))
    case = house.only_case("stock_unavailable")
    assert queued(house) == {
        case.id: QueueRow(
            case_id=case.id,
            order_id="o-1",
            kind="stock_unavailable",
            bucket="inventory_conflict",
            severity="high",
            queue="allocation_failure_review",
            work_type="exception",
            skill="inventory",
            priority=300,
            owner_team="inventory_desk",
            person=None,
            since=after(3),
            queued_at=after(3),
        )
    }


def test_a_claimed_case_is_listed_with_its_person_and_a_released_one_with_its_team() -> None:
    house = InMemoryService()
    house.take(unavailable(), at=after(3))
    case = house.only_case("stock_unavailable")
    held = house.desk.claim(case.id, case.version, caller("ana", after(4))).case
    row = queued(house)[case.id]
    assert (row.person, row.since, row.queued_at) == ("ana", after(4), after(3))
    house.desk.release(case.id, held.version, "", caller("ana", after(5)))
    row = queued(house)[case.id]
    assert (row.person, row.since, row.queued_at) == (None, after(5), after(3))


def test_a_resolved_case_leaves_the_queue_and_a_reopened_one_returns() -> None:
    house = InMemoryService()
    house.take(unavailable(), at=after(3))
    resolved = house.resolve(house.only_case("stock_unavailable"), after(4))
    assert queued(house) == {}
    house.desk.reopen(resolved.id, resolved.version, "not so", caller("bo", after(5)))
    row = queued(house)[resolved.id]
    assert (row.person, row.queue, row.queued_at) == (None, "allocation_failure_review", after(5))


def test_a_claimed_case_that_resolves_automatically_leaves_the_queue() -> None:
    house = InMemoryService()
    house.take(promising(), approved(), at=after(2))
    house.tick(after(252))
    case = house.only_case("delivery_late")
    house.desk.claim(case.id, case.version, caller("ana", after(253)))
    house.take(delivered(200), at=after(254))
    assert queued(house) == {}


def test_a_case_that_policy_reopens_returns_to_the_queue() -> None:
    house = InMemoryService()
    house.take(promising(), approved(), at=after(2))
    house.tick(after(252))
    house.resolve(house.only_case("delivery_late"), after(260))
    house.take(promising(WEEK_AFTER, at=-1, id="promised-later"), at=after(261))
    assert queued(house) == {}
    house.tick(after(252 + 7 * 24))
    (row,) = queued(house).values()
    assert (row.kind, row.queued_at) == ("delivery_late", after(252) + timedelta(days=7))


def test_a_joining_signal_does_not_change_the_queue() -> None:
    house = InMemoryService()
    house.take(unavailable(), at=after(3))
    before = queued(house)
    house.take(unavailable(4, id="again"), at=after(5))
    assert house.only_case("stock_unavailable").signals_joined == 1
    assert queued(house) == before


def agrees_with_the_log(house: InMemoryService) -> None:
    rows = queued(house)
    working = {case.id: case for case in house.found() if not case.is_resolved}
    assert rows.keys() == working.keys()
    for case in working.values():
        row = rows[case.id]
        assert case.routed is not None
        assert row.person == case.person
        assert row.since == case.owned_since
        assert row.lease_until == case.lease_until
        assert row.owner_team
        assert (row.queue, row.priority) == (case.queue, case.routed.priority)


def test_the_queue_has_the_unresolved_cases_of_a_log_with_every_event() -> None:
    agrees_with_the_log(eventful_service())


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(signals=statement_lists(least=2, most=5), acts=st.data())
def test_the_queue_has_the_unresolved_cases_after_any_commands(signals, acts) -> None:
    house = InMemoryService()
    house.take(captured(1, "7.00"), *signals, at=after(11))
    house.tick(after(400))
    for n in range(acts.draw(st.integers(0, 6))):
        cases = house.found()
        if not cases:
            break
        case = acts.draw(st.sampled_from(cases))
        by = caller(acts.draw(st.sampled_from(["ana", "bo"])), after(401 + n))
        act = acts.draw(st.sampled_from(["claim", "release", "resolve", "reopen"]))
        try:
            match act:
                case "claim":
                    house.desk.claim(case.id, case.version, by)
                case "release":
                    house.desk.release(case.id, case.version, "", by)
                case "resolve":
                    house.desk.resolve(case.id, case.version, RESOLUTION, by)
                case "reopen":
                    house.desk.reopen(case.id, case.version, "why", by)
        except CasetrailError:
            continue
    agrees_with_the_log(house)
