"""Refunds that other systems told count in the approval sums of the order and of its customer, once."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from application.audit.log_scan import LogScan
from application.audit.splits import find_splits
from application.log import streams
from application.money.told_refunds import ToldRefunds
from application.policy.reperformance import Period
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.ledger import RefundToldEntered, ledger_of_order
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.orders.purchase_signals import Customer
from tests.application.in_memory_service import InMemoryService
from tests.application.money_service import MoneyService
from tests.domain.signals import after, captured, line, placed, refunded


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


def entered_for(earlier: Order, later: Order) -> list[object]:
    """What is entered for the customer, or for each of an order's identities."""
    log = InMemoryService().log
    writes = [*ToldRefunds(log, streams.ledgers(log)).writes([(earlier, later)], after(9))]
    entered = [write for write in writes if write.events]
    (found,) = {tuple(event for _, event in write.events) for write in entered} or {()}
    return [*found]


def test_a_refund_is_entered_once_its_customer_is_known() -> None:
    empty, told = order_with(), order_with(refunded())
    assert entered_for(empty, told) == []
    entered = RefundToldEntered(order="o-1", signal="test/refunded")
    known = order_with(refunded(), placed())
    assert entered_for(told, known) == [entered]
    more = order_with(refunded(), placed(), refunded(id="second"))
    assert entered_for(known, more) == [structs.replace(entered, signal="test/second")]
    assert entered_for(more, more) == []
    ours = structs.replace(refunded(), source="casetrail")
    assert entered_for(order_with(placed()), order_with(placed(), ours)) == []


def known_as(service: MoneyService, order: str, at: float, **customer: object) -> None:
    """The order is placed again, now with this customer."""
    again = placed(0, lines=(line("1000.00", "EUR"),), **customer)
    again = structs.replace(again, order=order, id=f"again-{at}", replaces=f"placed-{order}")
    service.take(again, at=after(at))


def give(service: MoneyService, amount: str, order: str = "o-1") -> Adjustment:
    one = service.approve(service.propose(amount, order=order), "omar", order=order)
    return service.execute(one, "fay", order=order)


@pytest.mark.parametrize(
    "customer", [Customer(id="C9"), Customer(id="G-1", email="ana@example.com")]
)
@pytest.mark.parametrize("is_in_memory", [True, False])
def test_our_adjustments_count_for_an_identity_that_their_order_gets_later(
    customer: Customer, is_in_memory: bool
) -> None:
    service = MoneyService(None)
    service.buy("o-1", "1000.00", "guest-1")
    service.paid(give(service, "600.00"), "re_1")
    if not is_in_memory:
        service.ledgers.forget([ledger_of_order("o-1")])
    known_as(service, "o-1", 9, customer=customer)
    service.buy("o-2", "1000.00", "guest-2")
    known_as(service, "o-2", 10, customer=customer)
    found = service.propose("500.00", order="o-2", at=11).requirement
    assert (found.counted, found.rule) == ("1100.00", "two-approvers")
    matrix = service.rulebook.approvals
    scan = LogScan(service.log, service.log.head())
    splits = find_splits(scan, lambda _: matrix, Period(None, None)).splits  # type: ignore[arg-type, return-value]
    assert [(one.together, one.is_counted_together) for one in splits] == [("1100.00", True)]


def test_they_count_by_the_time_of_their_proposal_and_once() -> None:
    service = MoneyService(None)
    service.buy("o-1", "1000.00", "guest-1")
    give(service, "600.00")
    for at, name in ((9, "C9"), (10, "C8"), (11, "C9"), (24 * 29, "C7")):
        known_as(service, "o-1", at, customer=Customer(id=name))
    service.buy("o-2", "1000.00", "C9")
    assert service.propose("100.00", order="o-2", at=11).requirement.counted == "700.00"
    service.buy("o-3", "1000.00", "C7", at=24 * 31)
    late = service.propose("50.00", order="o-3", at=24 * 31 + 5).requirement
    assert late.counted == "50.00"


@pytest.mark.parametrize("lines_at_once", [1, 3, 1000])
def test_question_16_finds_a_sum_that_an_identity_brought_together_afterwards(
    lines_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.audit.log_scan.BATCH_SIZE", lines_at_once)
    service = MoneyService(None)
    service.buy("o-1", "1000.00", "guest-1")
    service.buy("o-2", "1000.00", "C9")
    service.propose("600.00", order="o-1")
    service.propose("500.00", order="o-2")
    known_as(service, "o-1", 9, customer=Customer(id="C9"))
    matrix = service.rulebook.approvals
    scan = LogScan(service.log, service.log.head())
    (found,) = find_splits(scan, lambda _: matrix, Period(None, None)).splits  # type: ignore[arg-type, return-value]
    assert (found.together, found.is_counted_together) == ("1100.00", False)


def test_a_proposal_at_the_moment_when_the_identity_is_told_counts_for_it() -> None:
    service = MoneyService(None)
    service.buy("o-1", "1000.00", "guest-1")
    original, late = service.log.append, list[Adjustment]()

    def append(writes: Any, *more: Any) -> Any:
        service.log.append = original  # type: ignore[method-assign]
        late.append(service.propose("600.00"))
        return original(writes, *more)

    service.log.append = append  # type: ignore[method-assign]
    known_as(service, "o-1", 9, customer=Customer(id="C9"))
    service.buy("o-2", "1000.00", "C9")
    assert late
    assert service.propose("500.00", order="o-2", at=10).requirement.counted == "1100.00"


def test_a_fingerprint_of_the_card_is_an_identity_that_is_told_later() -> None:
    service = MoneyService("1000.00")
    service.told_elsewhere("o-1", "600.00", 5)
    paid = captured(1, "1.00", "EUR", "other", order="o-1", instrument="fp_1")
    service.take(paid, at=after(6))
    service.buy("o-2", "1000.00", "another")
    service.take(structs.replace(paid, order="o-2"), at=after(7))
    assert (
        service.propose("500.00", Kind.WRITE_OFF, order="o-2", at=8).requirement.counted
        == "1100.00"
    )
