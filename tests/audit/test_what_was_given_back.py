"""Question 26: every part of an order of which more was given back than was taken, and its case."""

from __future__ import annotations

from msgspec import structs

from application.audit.given_back import GivenBack, check_given_back
from application.audit.log_scan import LogScan
from application.policy.reperformance import Period
from domain.money import PositiveMoney
from domain.orders.payment_signals import DisputeOpened
from domain.orders.signals import Signal
from tests.application.in_memory_service import InMemoryService
from tests.domain.signals import after, captured, line, placed, refunded

EVER = Period()


def service_with(*signals: Signal) -> InMemoryService:
    """An order of 60.00, paid, and these signals, recorded at hour 100."""
    service = InMemoryService()
    service.take(placed(0, lines=(line("60.00", "EUR"),)), captured(1, "60.00", "EUR"), at=after(2))
    service.take(*signals, at=after(100))
    return service


def given_back(service: InMemoryService, period: Period = EVER) -> GivenBack:
    return check_given_back(LogScan(service.log, service.log.head()), period)


def test_what_was_taken_may_be_given_back() -> None:
    service = service_with(refunded(3, "40.00", "EUR", "a"), refunded(4, "20.00", "EUR", "b"))
    found = given_back(service)
    assert (found.orders, found.too_much, found.without_case) == (1, [], 0)


def test_two_refunds_above_the_capture_are_found_with_their_case() -> None:
    service = service_with(refunded(3, "40.00", "EUR", "a"), refunded(4, "35.00", "EUR", "b"))
    found = given_back(service)
    payment = next(one for one in found.too_much if one.part.startswith("payment:"))
    assert (payment.taken, payment.given_back, payment.too_much) == ("60.00", "75.00", "15.00")
    assert (payment.order, payment.shop, payment.currency) == ("o-1", "default", "EUR")
    assert payment.why == "more than was captured of the payment"
    assert payment.stated_at == after(100)
    assert service.log.read(payment.position - 1, 1)[0].event.signal.id == "b"
    assert payment.case == service.only_case("refunded_too_much").id
    assert found.without_case == 0


def test_a_dispute_beside_a_full_refund_counts() -> None:
    dispute = DisputeOpened(
        source="psp",
        id="d",
        order="o-1",
        event_time=after(5),
        dispute="dp_1",
        amount=PositiveMoney("60.00", "EUR"),
    )
    payment = captured(1, "60.00", "EUR").payment
    service = service_with(
        refunded(3, "60.00", "EUR", "a"), structs.replace(dispute, payment=payment)
    )
    (found,) = [one for one in given_back(service).too_much if one.part.startswith("payment:")]
    assert (found.taken, found.given_back, found.too_much) == ("60.00", "120.00", "60.00")


def test_only_orders_with_a_statement_in_the_period_are_checked() -> None:
    service = service_with(refunded(3, "40.00", "EUR", "a"), refunded(4, "35.00", "EUR", "b"))
    assert given_back(service, Period(after(99), after(101))).too_much
    assert given_back(service, Period(after(101), None)) == GivenBack(
        orders=0, too_much=[], without_case=0
    )
    assert given_back(service, Period(None, after(99))).orders == 0


def test_without_a_case_it_is_counted() -> None:
    service = service_with(refunded(3, "40.00", "EUR", "a"), refunded(4, "35.00", "EUR", "b"))
    upto = next(
        row.position for row in service.lines() if row.type == "order.problem_detected"
    )  # the log until just before its case
    found = check_given_back(LogScan(service.log, upto - 1), EVER)
    assert found.too_much
    assert found.without_case == len(found.too_much)
