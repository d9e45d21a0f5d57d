"""A signal whose event time is still to come is kept, and counts when that time has come."""

from __future__ import annotations

import pytest

from domain.errors import SignalIdReused
from domain.orders.order import order_stream
from tests.application.in_memory_service import InMemoryService, kinds
from tests.domain.signals import (
    ORDER,
    after,
    approved,
    captured,
    delivered,
    placed,
    promising,
    taken_back,
    unavailable,
)


def recorded(service: InMemoryService, tag: str) -> list[object]:
    return [line.event for line in service.lines() if line.type == tag]


def test_a_signal_ahead_of_the_clock_is_recorded_and_changes_nothing_yet() -> None:
    service = InMemoryService()
    service.take(placed(), approved(), at=after(2))
    (receipt,) = service.take(unavailable(10), at=after(3))
    assert (receipt.outcome, receipt.cases) == ("recorded", ())
    order = service.order()
    assert (order.ahead.keys(), "test/unavailable" in order.signals) == (
        {"test/unavailable"},
        False,
    )
    assert not order.facts.order.unavailable
    assert service.found() == []
    assert [event.ahead for event in recorded(service, "order.signal_recorded")][-1] is True


def test_it_counts_when_its_time_has_come() -> None:
    service = InMemoryService()
    service.take(placed(), approved(), unavailable(10), at=after(3))
    assert service.due() == {order_stream(ORDER): after(10)}
    service.tick(after(10) - (after(1e-6) - after(0)))
    assert service.found() == []
    service.tick(after(10))
    case = service.only_case("stock_unavailable")
    assert (case.state, case.opened_at) == ("open", after(10))
    assert service.order().ahead == {}
    assert [event.signal for event in recorded(service, "order.signal_time_came")] == [
        "test/unavailable"
    ]


def test_a_signal_with_the_time_of_its_arrival_counts_at_once() -> None:
    service = InMemoryService()
    service.take(placed(), unavailable(3), at=after(3))
    assert kinds(service.found()) == ["stock_unavailable"]
    assert service.order().ahead == {}


def test_a_late_timekeeper_decides_in_the_order_of_time() -> None:
    """A delivery ahead of the clock comes before the deadline, however late anybody looks."""
    for looks in ([], [after(245)], [after(245), after(251), after(252)]):
        service = InMemoryService()
        service.take(promising(), approved(), at=after(2))
        (receipt,) = service.take(delivered(251), at=after(240))
        assert receipt.outcome == "recorded"
        for look in looks:
            service.tick(look)
        service.tick(after(1000))
        assert service.found() == []


def test_a_deadline_before_its_time_is_missed_first() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.take(delivered(260), at=after(240))
    service.tick(after(1000))
    case = service.only_case("delivery_late")
    assert (case.state, case.detected_at, case.signals_joined) == ("open", after(252), 1)


def test_a_signal_a_day_ahead_is_kept_and_one_further_ahead_is_refused() -> None:
    service = InMemoryService()
    (kept,) = service.take(unavailable(24), at=after(0))
    (refused,) = service.take(unavailable(24.01, id="further"), at=after(0))
    assert (kept.outcome, refused.outcome) == ("recorded", "refused")
    assert service.order().ahead.keys() == {"test/unavailable"}


def test_signals_ahead_of_the_clock_count_before_a_signal_that_arrives_later() -> None:
    service = InMemoryService()
    service.take(placed(), approved(), captured(10), at=after(2))
    service.take(unavailable(11), at=after(12))
    order = service.order()
    assert order.ahead == {}
    assert order.facts.payment.received
    tags = [line.type for line in service.lines() if line.type.startswith("order.signal_")]
    assert tags[-2:] == ["order.signal_time_came", "order.signal_recorded"]
    assert service.only_case("stock_unavailable").opened_at == after(12)


def test_the_same_signal_twice_is_a_duplicate_and_other_content_is_refused() -> None:
    service = InMemoryService()
    service.take(placed(), unavailable(10), at=after(3))
    head = service.log.head()
    (again,) = service.take(unavailable(10), at=after(4))
    assert (again.outcome, service.log.head()) == ("duplicate", head)
    (other,) = service.take(unavailable(10, skus=("lamp",)), at=after(4))
    assert other.outcome == "refused"
    assert isinstance(other.problem, SignalIdReused)


@pytest.mark.parametrize("retracted_first", [False, True])
def test_a_signal_that_is_retracted_before_its_time_never_counts(retracted_first) -> None:
    service = InMemoryService()
    pair = [unavailable(10), taken_back(3, "unavailable")]
    service.take(placed(), approved(), at=after(2))
    for signal in pair[::-1] if retracted_first else pair:
        service.take(signal, at=after(4))
    service.tick(after(50))
    assert service.order().ahead == {}
    assert service.found() == []


def test_a_retraction_ahead_of_the_clock_retracts_when_its_time_has_come() -> None:
    service = InMemoryService()
    service.take(placed(), approved(), unavailable(3), taken_back(10, "unavailable"), at=after(4))
    assert not service.only_case("stock_unavailable").cleared
    service.tick(after(10))
    assert service.only_case("stock_unavailable").cleared


def test_live_operation_and_late_arrival_lead_to_the_same_facts() -> None:
    signals = [placed(), approved(), captured(5), delivered(20)]
    ahead, in_time = InMemoryService(), InMemoryService()
    ahead.take(*signals, at=after(2))
    ahead.tick(after(30))
    in_time.take(*signals, at=after(30))
    assert ahead.order().facts == in_time.order().facts
    assert ahead.due() == in_time.due()
