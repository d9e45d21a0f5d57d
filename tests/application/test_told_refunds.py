"""Refunds that other systems told count in the approval sums of the order and of its customer, once."""

from __future__ import annotations

from msgspec import structs

from application.money.told_refunds import told_refund_entries
from domain.adjustments.ledger import RefundToldEntered
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from tests.application.money_service import MoneyService
from tests.domain.signals import placed, refunded


def test_refunds_told_for_other_orders_of_the_customer_count_within_the_window() -> None:
    service = MoneyService()
    service.buy("o-2", "5000.00")
    service.told_elsewhere("o-2", "950.00", 4)
    one = service.propose("100.00")
    assert (one.requirement.of_order, one.requirement.of_customer) == ("100.00", "1050.00")
    assert one.requirement.rule == "two-approvers"
    service.buy("o-3", "5000.00", at=24 * 31)
    late = service.propose("50.00", order="o-3", at=24 * 31 + 5)
    assert late.requirement.of_customer == "50.00"


def test_our_own_refund_that_a_provider_tells_counts_once() -> None:
    service = MoneyService()
    service.buy("o-2", "5000.00")
    one = service.propose("100.00", order="o-2")
    one = service.execute(service.approve(one, "tia", order="o-2"), "fay", order="o-2")
    service.paid(one, "re_1", "o-2", 8)
    service.told_elsewhere("o-2", "100.00", 9, payment="captured-o-2", refund="re_1")
    two = service.propose("10.00", at=10)
    assert two.requirement.of_customer == "110.00"


def test_two_systems_that_tell_one_refund_count_it_once() -> None:
    service = MoneyService()
    service.buy("o-2", "5000.00")
    service.told_elsewhere("o-2", "70.00", 4, refund="re_1")
    service.told_elsewhere("o-2", "70.00", 5, refund="re_1", source="shop")
    assert service.propose("10.00", at=6).requirement.of_customer == "80.00"


def order_with(*signals: object) -> Order:
    order = Order(id="o-1")
    for signal in signals:
        order = order.after(SignalRecorded(signal=signal))  # type: ignore[arg-type]
    return order


def test_a_refund_is_entered_once_its_customer_is_known() -> None:
    empty, told = order_with(), order_with(refunded())
    assert told_refund_entries(empty, told) == []
    entered = RefundToldEntered(order="o-1", signal="test/refunded")
    known = order_with(refunded(), placed())
    assert told_refund_entries(told, known) == [entered]
    more = order_with(refunded(), placed(), refunded(id="second"))
    assert told_refund_entries(known, more) == [structs.replace(entered, signal="test/second")]
    assert told_refund_entries(more, more) == []
    ours = structs.replace(refunded(), source="casetrail")
    assert told_refund_entries(order_with(placed()), order_with(placed(), ours)) == []
