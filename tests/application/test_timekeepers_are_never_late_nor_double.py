"""Whenever the timekeeper looks, and however many there are, what fell due is found once, as it was."""

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
from domain.orders.signals import in_time_order
from tests.application.house import House
from tests.domain.policies import small
from tests.domain.telling import (
    ORDER,
    WEEK_AFTER,
    WEEK_BEFORE,
    after,
    approved,
    bounded,
    cancelled,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    shipping_by,
    stories,
    unavailable,
)

MOMENT = timedelta(microseconds=1)


def story_of(cases: list[ExceptionCase]) -> list[tuple[object, ...]]:
    """What a case is, but for when it was written down."""
    return sorted(
        (c.kind, c.id, str(c.state), c.detected_at, c.deadline, c.readings, c.cleared)
        for c in cases
    )


@settings(bounded, max_examples=100)
@given(
    told=stories(least=1, most=6, hours=(0, 240), ship_by=(30, 90, 130), days=(3, 6)),
    looks=st.lists(st.integers(1, 400), max_size=4),
)
def test_a_late_timekeeper_finds_what_a_punctual_one_finds(told, looks) -> None:
    punctual, late = House(), House()
    for signal in sorted(told, key=in_time_order):
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
def test_a_case_is_detected_at_its_deadline_however_late_anybody_looks(late_by) -> None:
    house = House()
    house.take(shipping_by(48), approved(), at=after(2))
    assert house.due() == {order_stream(ORDER): after(48) + MOMENT}
    house.tick(after(48))
    assert house.found() == []
    house.tick(after(48) + MOMENT + late_by)
    case = house.the("ship_by_missed")
    assert (case.detected_at, case.deadline) == (after(48), after(48))
    assert case.opened_at == after(48) + MOMENT + late_by
    assert house.due() == {}


def test_what_fell_due_before_a_signal_is_decided_on_what_was_known_then() -> None:
    house = House()
    house.take(shipping_by(48), approved(), at=after(2))
    house.take(cancelled(50), at=after(51))  # and no timekeeper ever looked
    case = house.the("ship_by_missed")
    assert (case.state, case.detected_at, case.opened_at) == ("open", after(48), after(51))
    assert case.signals_joined == 1


def test_a_signal_that_arrives_in_the_last_moment_is_in_time() -> None:
    house = House()
    house.take(shipping_by(48), approved(), at=after(2))
    house.take(handed_over(47), at=after(48))
    house.tick(after(1000))
    assert house.found() == []


def test_a_signal_that_arrives_a_moment_later_finds_the_case_open_and_clears_it() -> None:
    house = House()
    house.take(shipping_by(48), approved(), at=after(2))
    house.take(handed_over(47), at=after(48) + MOMENT)
    assert house.the("ship_by_missed").state == "resolved"


@pytest.mark.parametrize(
    ("order", "deadline"), [(shipping_by(48), after(48)), (promising(), after(252) - MOMENT)]
)
@pytest.mark.parametrize("end", [cancelled(), unavailable()])
def test_an_order_that_ends_exactly_at_the_deadline_is_held_against_nothing(
    order, deadline, end
) -> None:
    house = House()
    house.take(order, approved(), at=after(2))
    house.take(replace(end, event_time=deadline), at=deadline)
    house.tick(after(1000))
    assert not {"ship_by_missed", "delivery_late"} & {case.kind for case in house.found()}


def test_a_deadline_that_moves_ahead_is_waited_for() -> None:
    house = House()
    house.take(promising(), approved(), at=after(2))
    house.take(promising(WEEK_AFTER, at=-1, id="promised-later"), at=after(3))
    house.tick(after(252 + 7 * 24) - MOMENT)
    assert house.found() == []
    house.tick(after(252 + 7 * 24))
    assert house.the("delivery_late").detected_at == after(252 + 7 * 24)


def test_a_deadline_that_moves_into_the_past_is_missed_at_once_as_of_then() -> None:
    house = House()
    house.take(promising(), approved(), at=after(2))
    house.take(promising(WEEK_BEFORE, at=-1, id="promised-sooner"), at=after(100))
    case = house.the("delivery_late")
    assert (case.detected_at, case.opened_at) == (after(84), after(100))
    house.tick(after(1000))
    assert house.the("delivery_late").detected_at == after(84)


def test_a_statement_that_is_older_but_arrives_later_rules_the_deadline() -> None:
    house = House()
    house.take(promising(WEEK_BEFORE, at=5, id="newer"), approved(6), at=after(6))
    house.take(promising(), at=after(7))
    house.tick(after(250))
    assert house.found() == []


def test_a_conditional_expectation_is_decided_when_it_is_due_and_once() -> None:
    house = House()
    house.take(placed(tenders=None), approved(), captured(1, "100.00"), at=after(2))
    house.tick(after(25))
    assert house.found() == []
    house.tick(after(25) + MOMENT)
    (met,) = [line.event for line in house.lines() if line.type == "order.expectation_met"]
    assert (met.deadline, met.decision.rule) == (
        after(25),
        "payments-equal-the-charge-after-a-day",
    )
    house.tick(after(1000))
    assert len([line for line in house.lines() if line.type == "order.expectation_met"]) == 1


def test_a_late_look_reopens_or_links_as_a_punctual_one_would() -> None:
    late = {"after": "milestones.placed_at", "within": "P40D"}
    soon = {"after": "milestones.placed_at", "within": "P11D"}
    rulebook = small(
        expect=[
            {"rule": "first", "due": soon, "met_by": "milestones.delivered_at"},
            {"rule": "second", "due": late, "met_by": "milestones.return_received_at"},
        ]
    )
    outcomes = []
    for late_by in (timedelta(), timedelta(days=10)):
        house = House(rulebook)
        house.take(placed(), at=after(1))
        house.tick(after(24 * 11 + 1))
        house.resolve(house.the("trouble"), after(24 * 12))
        # 28 days after the case was closed, the second expectation is missed.
        house.tick(after(24 * 40) + MOMENT + late_by)
        outcomes.append([(c.id, str(c.state), c.reopened) for c in house.found()])
    assert outcomes[0] == outcomes[1]


# Several side by side.


def many_overdue(house: House, count: int) -> list[str]:
    names = [f"o-{n}" for n in range(count)]
    for name in names:
        told = (shipping_by(48), promising(at=1, id="promised"), captured())
        house.take(*(replace(signal, order=name) for signal in told), at=after(3))
    return names


@pytest.mark.parametrize("shared", [True, False], ids=["one process", "a process each"])
def test_many_timekeepers_side_by_side_open_each_case_once(shared) -> None:
    house = House()
    orders = many_overdue(house, 60)
    keepers = [house.timekeeper if shared else house.neighbour().timekeeper for _ in range(8)]
    gate = threading.Barrier(len(keepers))

    def keep(n: int) -> None:
        gate.wait()
        for hour in range(40 + n, 400, 11):
            keepers[n].tick_due(after(hour), most=7)

    with ThreadPoolExecutor(len(keepers)) as pool:
        list(pool.map(keep, range(len(keepers))))
    house.neighbour().tick(after(1000))

    found = house.found()
    assert len(found) == len({case.id for case in found}) == len(orders) * 2
    assert {case.kind for case in found} == {"ship_by_missed", "payment_stalled"}
    assert {c.detected_at for c in found} == {after(48), after(72)}
    assert house.due() == {}
    reasons = [(c.order, c.kind) for c in found]
    assert len(reasons) == len(set(reasons))


def test_a_second_timekeeper_that_looks_at_the_same_moment_tells_nothing_twice() -> None:
    house = House()
    other = house.neighbour()
    house.take(shipping_by(48), approved(), at=after(2))
    # Both have the order at hand as it was before.
    other.tick(after(40))
    other.orders.at_hand([order_stream(ORDER)])
    house.tick(after(50))
    head = house.log.head()
    other.tick(after(50))
    assert house.log.head() == head


def test_intake_and_timekeeper_meet_on_one_order_and_both_go_through() -> None:
    house = House()
    other = house.neighbour()
    house.take(shipping_by(48), approved(), at=after(2))
    other.orders.at_hand([order_stream(ORDER)])
    house.take(captured(), at=after(49))
    other.take(cancelled(49.5), at=after(50))
    other.tick(after(60))
    assert {case.kind for case in house.found()} == {"ship_by_missed", "refund_due"}
    assert house.the("ship_by_missed").signals_joined == 1


# What another process wrote is never undone by what this one remembers.


def test_a_timer_that_another_process_set_is_not_lost_to_an_older_memory() -> None:
    worker = House()
    worker.take(shipping_by(48), approved(), at=after(2))
    worker.tick(after(50))  # from here on the worker has the order at hand, with nothing due
    api = worker.neighbour()
    api.take(promising(at=-1, id="promised"), at=after(60))
    assert worker.due() == {order_stream(ORDER): after(252)}
    worker.tick(after(252))
    assert {case.kind for case in worker.found()} >= {"delivery_late"}


def test_a_problem_is_not_noted_on_a_case_that_another_process_has_closed() -> None:
    worker = House()
    worker.take(promising(), approved(), at=after(2))
    worker.tick(after(252))  # the worker has the case at hand, open
    api = worker.neighbour()
    api.resolve(api.the("delivery_late"), after(260))
    api.take(promising(WEEK_AFTER, at=-1, id="promised-later"), at=after(261))
    worker.orders.forget([order_stream(ORDER)])
    worker.tick(after(252 + 7 * 24))
    case = worker.the("delivery_late")
    assert (case.state, case.reopened) == ("open", 1)


def test_a_broken_trail_keeps_no_other_order_waiting() -> None:
    house = House()
    house.take(shipping_by(48), approved(), at=after(2))
    broken = order_stream("broken")
    house.slip_in(broken, 7, house.lines()[0].event, order="broken")
    timer = Write(
        stream=broken, kind="order", expected=7, events=[], recorded_at=after(1), next_due=after(40)
    )
    house.log.append([timer])
    house.tick(after(50))
    assert house.the("ship_by_missed").state == "open"
    assert house.due() == {broken: after(40)}


def test_a_timer_of_a_stream_that_nothing_ticks_keeps_no_order_waiting() -> None:
    house = House()
    house.take(shipping_by(48), approved(), at=after(2))
    stray = UUID(int=7)
    house.log.append(
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
    house.tick(after(50))
    assert house.the("ship_by_missed").state == "open"


def test_many_due_streams_are_taken_a_few_at_a_time() -> None:
    house = House()
    many_overdue(house, 25)
    assert [house.timekeeper.tick_due(after(50), most=10) for _ in range(4)] == [10, 10, 5, 0]


def test_delivered_in_time_and_told_in_time_is_no_case_however_often_anybody_looks() -> None:
    house = House()
    house.take(promising(), approved(), at=after(2))
    for hour in range(3, 260, 7):
        house.tick(after(hour))
        if hour > 200:
            house.take(delivered(200), at=after(hour))
    house.tick(after(1000))
    assert house.found() == []
