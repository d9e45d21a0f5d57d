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


def queued(service: InMemoryService) -> dict[Any, QueueRow]:
    return rows_of(QUEUE, service.lines())


def test_a_new_case_is_in_its_queue() -> None:
    service = InMemoryService()
    service.take(placed(), unavailable(), at=after(3))
    case = service.only_case("stock_unavailable")
    assert queued(service) == {
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
    service = InMemoryService()
    service.take(unavailable(), at=after(3))
    case = service.only_case("stock_unavailable")
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    row = queued(service)[case.id]
    assert (row.person, row.since, row.queued_at) == ("ana", after(4), after(3))
    service.desk.release(case.id, held.version, "", caller("ana", after(5)))
    row = queued(service)[case.id]
    assert (row.person, row.since, row.queued_at) == (None, after(5), after(3))


def test_a_resolved_case_leaves_the_queue_and_a_reopened_one_returns() -> None:
    service = InMemoryService()
    service.take(unavailable(), at=after(3))
    resolved = service.resolve(service.only_case("stock_unavailable"), after(4))
    assert queued(service) == {}
    service.desk.reopen(resolved.id, resolved.version, "not so", caller("bo", after(5)))
    row = queued(service)[resolved.id]
    assert (row.person, row.queue, row.queued_at) == (None, "allocation_failure_review", after(5))


def test_a_claimed_case_that_resolves_automatically_leaves_the_queue() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(252))
    case = service.only_case("delivery_late")
    service.desk.claim(case.id, case.version, caller("ana", after(253)))
    service.take(delivered(200), at=after(254))
    assert queued(service) == {}


def test_a_case_that_policy_reopens_returns_to_the_queue() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(252))
    service.resolve(service.only_case("delivery_late"), after(260))
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(261))
    assert queued(service) == {}
    service.tick(after(252 + 7 * 24))
    (row,) = queued(service).values()
    assert (row.kind, row.queued_at) == ("delivery_late", after(252) + timedelta(days=7))


def test_a_joining_signal_does_not_change_the_queue() -> None:
    service = InMemoryService()
    service.take(unavailable(), at=after(3))
    before = queued(service)
    service.take(unavailable(4, id="again"), at=after(5))
    assert service.only_case("stock_unavailable").signals_joined == 1
    assert queued(service) == before


def agrees_with_the_log(service: InMemoryService) -> None:
    rows = queued(service)
    working = {case.id: case for case in service.found() if not case.is_resolved}
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
    service = InMemoryService()
    service.take(captured(1, "7.00"), *signals, at=after(11))
    service.tick(after(400))
    for n in range(acts.draw(st.integers(0, 6))):
        cases = service.found()
        if not cases:
            break
        case = acts.draw(st.sampled_from(cases))
        by = caller(acts.draw(st.sampled_from(["ana", "bo"])), after(401 + n))
        act = acts.draw(st.sampled_from(["claim", "release", "resolve", "reopen"]))
        try:
            match act:
                case "claim":
                    service.desk.claim(case.id, case.version, by)
                case "release":
                    service.desk.release(case.id, case.version, "", by)
                case "resolve":
                    service.desk.resolve(case.id, case.version, RESOLUTION, by)
                case "reopen":
                    service.desk.reopen(case.id, case.version, "why", by)
        except CasetrailError:
            continue
    agrees_with_the_log(service)
