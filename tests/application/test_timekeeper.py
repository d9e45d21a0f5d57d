"""The timekeeper finds each overdue event once and with its own time, late or with many at work."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from application.log.event_log import Write
from domain.cases.exception_case import ExceptionCase
from domain.orders.order import order_stream
from domain.orders.signals import event_time_key
from tests.application.in_memory_service import InMemoryService
from tests.domain.policies import small_policy
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    ORDER,
    WEEK_AFTER,
    WEEK_BEFORE,
    after,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    shipping_by,
    statement_lists,
    unavailable,
)

MOMENT = timedelta(microseconds=1)


def readings(case: ExceptionCase) -> list[tuple[object, ...]]:
    return sorted((key, part.rule, part.readings, part.since) for key, part in case.parts.items())


def story_of(cases: list[ExceptionCase]) -> list[tuple[object, ...]]:
    """A case without its recording times."""
    return sorted(
        (c.kind, c.id, str(c.state), c.detected_at, c.deadline, readings(c), c.cleared)
        for c in cases
    )


@settings(BOUNDED_SETTINGS, max_examples=100)
@given(
    signals=statement_lists(least=1, most=6, hours=(0, 240), ship_by=(30, 90, 130), days=(3, 6)),
    looks=st.lists(st.integers(1, 400), max_size=4),
)
def test_a_late_timekeeper_finds_the_same_cases_as_a_punctual_one(signals, looks) -> None:
    punctual, late = InMemoryService(), InMemoryService()
    for signal in sorted(signals, key=event_time_key):
        punctual.tick(signal.event_time, punctual=True)
        punctual.take(signal, at=signal.event_time)
        for look in sorted(looks):
            if after(look) <= signal.event_time:
                late.tick(after(look))
        late.take(signal, at=signal.event_time)
    punctual.tick(after(1000), punctual=True)
    late.tick(after(1000))
    assert story_of(late.found()) == story_of(punctual.found())
    assert late.due() == punctual.due() == {}


@pytest.mark.parametrize("late_by", [timedelta(), MOMENT, timedelta(hours=1), timedelta(days=400)])
def test_a_case_is_detected_at_its_deadline_even_by_a_late_timekeeper(late_by) -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    assert service.due() == {order_stream(ORDER): after(48) + MOMENT}
    service.tick(after(48))
    assert service.found() == []
    service.tick(after(48) + MOMENT + late_by)
    case = service.only_case("ship_by_missed")
    assert (case.detected_at, case.deadline) == (after(48), after(48))
    assert case.opened_at == after(48) + MOMENT + late_by
    assert service.due() == {}


def test_overdue_events_are_decided_on_earlier_facts_before_a_signal() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    service.take(cancelled(50), at=after(51))  # and no timekeeper ran
    case = service.only_case("ship_by_missed")
    assert (case.state, case.detected_at, case.opened_at) == ("open", after(48), after(51))
    assert case.signals_joined == 1


def test_a_signal_at_the_deadline_is_in_time() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    service.take(handed_over(47), at=after(48))
    service.tick(after(1000))
    assert service.found() == []


def test_a_signal_just_after_the_deadline_clears_the_open_case() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    service.take(handed_over(47), at=after(48) + MOMENT)
    assert service.only_case("ship_by_missed").state == "resolved"


@pytest.mark.parametrize(
    ("order", "deadline"), [(shipping_by(48), after(48)), (promising(), after(252) - MOMENT)]
)
@pytest.mark.parametrize("end", [cancelled(), unavailable()])
def test_an_order_that_ends_at_the_deadline_opens_no_case(order, deadline, end) -> None:
    service = InMemoryService()
    service.take(order, approved(), at=after(2))
    service.take(replace(end, event_time=deadline), at=deadline)
    service.tick(after(1000))
    assert not {"ship_by_missed", "delivery_late"} & {case.kind for case in service.found()}


def test_a_deadline_moved_to_the_future_is_awaited() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(3))
    service.tick(after(252 + 7 * 24) - MOMENT)
    assert service.found() == []
    service.tick(after(252 + 7 * 24))
    assert service.only_case("delivery_late").detected_at == after(252 + 7 * 24)


def test_a_deadline_moved_to_the_past_is_missed_at_once() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.take(promising(WEEK_BEFORE, at=1, id="promised-sooner"), at=after(100))
    case = service.only_case("delivery_late")
    assert (case.detected_at, case.opened_at) == (after(84), after(100))
    service.tick(after(1000))
    assert service.only_case("delivery_late").detected_at == after(84)


def test_an_older_revision_that_arrives_later_does_not_set_the_deadline() -> None:
    service = InMemoryService()
    service.take(promising(at=5, id="newer"), approved(6), at=after(6))
    service.take(promising(WEEK_BEFORE), at=after(7))
    service.tick(after(250))
    assert service.found() == []
    service.tick(after(252))
    assert service.only_case("delivery_late").detected_at == after(252)


def test_a_conditional_expectation_is_decided_once_when_due() -> None:
    service = InMemoryService()
    service.take(placed(tenders=None), approved(), captured(1, "100.00"), at=after(2))
    service.tick(after(25))
    assert service.found() == []
    service.tick(after(25) + MOMENT)
    (met,) = [line.event for line in service.lines() if line.type == "order.expectation_met"]
    assert (met.deadline, met.decision.rule) == (after(25), "payments-equal-the-charge-after-a-day")
    service.tick(after(1000))
    assert len([line for line in service.lines() if line.type == "order.expectation_met"]) == 1


def test_a_late_timekeeper_reopens_or_links_like_a_punctual_one() -> None:
    late = {"after": "milestones.placed_at", "within": "P40D"}
    soon = {"after": "milestones.placed_at", "within": "P11D"}
    rulebook = small_policy(
        expect=[
            {"rule": "first", "due": soon, "met_by": "milestones.delivered_at"},
            {"rule": "second", "due": late, "met_by": "milestones.return_received_at"},
        ]
    )
    outcomes = []
    for late_by in (timedelta(), timedelta(days=10)):
        service = InMemoryService(rulebook)
        service.take(placed(), at=after(1))
        service.tick(after(24 * 11 + 1))
        service.resolve(service.only_case("trouble"), after(24 * 12))
        # 28 days after the case was closed, the second expectation is missed.
        service.tick(after(24 * 40) + MOMENT + late_by)
        outcomes.append([(c.id, str(c.state), c.reopened) for c in service.found()])
    assert outcomes[0] == outcomes[1]


# Several timekeepers at once.


def many_overdue(service: InMemoryService, count: int) -> list[str]:
    names = [f"o-{n}" for n in range(count)]
    for name in names:
        signals = (shipping_by(48),)
        service.take(*(replace(signal, order=name) for signal in signals), at=after(3))
    return names


@pytest.mark.parametrize("shared", [True, False], ids=["one process", "a process each"])
def test_concurrent_timekeepers_open_each_case_once(shared) -> None:
    service = InMemoryService()
    orders = many_overdue(service, 60)
    keepers = [
        service.timekeeper if shared else service.another_process().timekeeper for _ in range(8)
    ]
    gate = threading.Barrier(len(keepers))

    def keep(n: int) -> None:
        gate.wait()
        for hour in range(40 + n, 400, 11):
            keepers[n].tick_due(after(hour), most=7)

    with ThreadPoolExecutor(len(keepers)) as pool:
        list(pool.map(keep, range(len(keepers))))
    service.another_process().tick(after(1000))

    found = service.found()
    assert len(found) == len({case.id for case in found}) == len(orders) * 2
    assert {case.kind for case in found} == {"ship_by_missed", "payment_stalled"}
    assert {c.detected_at for c in found} == {after(48), after(72)}
    assert service.due() == {}
    reasons = [(c.order, c.kind) for c in found]
    assert len(reasons) == len(set(reasons))


def test_a_second_timekeeper_at_the_same_time_records_nothing() -> None:
    service = InMemoryService()
    other = service.another_process()
    service.take(shipping_by(48), approved(), at=after(2))
    # Both have the earlier order in their cache.
    other.tick(after(40))
    other.orders.cached([order_stream(ORDER)])
    service.tick(after(50))
    head = service.log.head()
    other.tick(after(50))
    assert service.log.head() == head


def test_concurrent_intake_and_timekeeper_on_one_order_both_succeed() -> None:
    service = InMemoryService()
    other = service.another_process()
    service.take(shipping_by(48), approved(), at=after(2))
    other.orders.cached([order_stream(ORDER)])
    service.take(captured(), at=after(49))
    other.take(cancelled(49.5), at=after(50))
    other.tick(after(60))
    assert {case.kind for case in service.found()} == {"ship_by_missed", "refund_due"}
    assert service.only_case("ship_by_missed").signals_joined == 1


# An outdated cache never undoes the writes of another process.


def test_an_outdated_cache_does_not_lose_a_timer_of_another_process() -> None:
    worker = InMemoryService()
    worker.take(shipping_by(48), approved(), at=after(2))
    worker.tick(after(50))  # from here on the worker has the order in its cache, without a deadline
    api = worker.another_process()
    api.take(promising(at=1, id="promised"), at=after(60))
    assert worker.due() == {order_stream(ORDER): after(252)}
    worker.tick(after(252))
    assert {case.kind for case in worker.found()} >= {"delivery_late"}


def test_no_problem_joins_a_case_that_another_process_has_resolved() -> None:
    worker = InMemoryService()
    worker.take(promising(), approved(), at=after(2))
    worker.tick(after(252))  # the worker has the open case in its cache
    api = worker.another_process()
    api.resolve(api.only_case("delivery_late"), after(260))
    api.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(261))
    worker.orders.forget([order_stream(ORDER)])
    worker.tick(after(252 + 7 * 24))
    case = worker.only_case("delivery_late")
    assert (case.state, case.reopened) == ("open", 1)


def test_a_broken_trail_does_not_block_other_orders() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    broken = order_stream("broken")
    service.append_unchecked(broken, 7, service.lines()[0].event, order="broken")
    timer = Write(
        stream=broken, kind="order", expected=7, events=[], recorded_at=after(1), next_due=after(40)
    )
    service.log.append([timer])
    service.tick(after(50))
    assert service.only_case("ship_by_missed").state == "open"
    assert service.due() == {broken: after(40)}


def test_a_timer_of_an_unknown_stream_kind_does_not_block_other_orders() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    stray = UUID(int=7)
    service.log.append(
        [
            Write(
                stream=stray,
                kind="unheard_of",
                expected=0,
                events=[],
                recorded_at=after(1),
                next_due=after(3),
            )
        ]
    )
    service.tick(after(50))
    assert service.only_case("ship_by_missed").state == "open"


def test_due_streams_are_processed_in_batches() -> None:
    service = InMemoryService()
    many_overdue(service, 25)
    assert [service.timekeeper.tick_due(after(50), most=10) for _ in range(4)] == [10, 10, 5, 0]


def test_an_order_delivered_in_time_never_opens_a_case() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    for hour in range(3, 260, 7):
        service.tick(after(hour))
        if hour > 200:
            service.take(delivered(200), at=after(hour))
    service.tick(after(1000))
    assert service.found() == []
