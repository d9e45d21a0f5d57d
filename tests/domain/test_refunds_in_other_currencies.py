"""Refunds in another currency than the order's: by `settles`, else by the rate of the captures."""

from __future__ import annotations

from decimal import Decimal

from domain.money import PositiveMoney
from domain.orders.money_ledger import OrderMoney, RefundState
from domain.orders.payment_signals import RefundedCharge, RefundedPieces
from domain.orders.purchase_signals import ChargeKind
from tests.domain.money import (
    bought,
    capture,
    eur,
    facts,
    money,
    payment,
    refund,
    request,
    shipping,
    usd,
)

IN_DOLLARS = [bought("100"), capture(1, "110", "cap", money=usd, settles=eur("100"))]
IN_EUROS = [bought("100"), capture(1, "100", "cap")]


def of(line: str, amount: PositiveMoney, quantity: int = 1) -> RefundedPieces:
    return RefundedPieces(line=line, quantity=quantity, amount=amount)


def given(found: OrderMoney) -> list[tuple[int, Decimal]]:
    assert [one.too_much for one in found.refunds] == [None]
    return [*found.line_refunds.values()]


def test_lines_count_by_the_rate_of_the_capture() -> None:
    found = money(*IN_DOLLARS, refund(30, None, "re", lines=(of("a", usd("110")),)))
    assert (given(found), payment(found).left) == ([(1, 100)], 0)
    (one,) = found.refunds
    assert (one.amount, one.currency, one.settled) == (110, "USD", 100)
    found = money(*IN_DOLLARS, refund(30, "100", "re", lines=(of("a", usd("110")),)))
    assert (given(found), payment(found).left) == ([(1, 100)], 0)


def test_lines_count_by_what_the_refund_settles() -> None:
    for amount in (None, "110"):
        lines = (of("a", usd("110")),)
        refunded = refund(30, amount, "re", money=usd, settles=eur("100"), lines=lines)
        found = money(*IN_EUROS, refunded)
        assert (given(found), payment(found).left, found.notices) == ([(1, 100)], 0, ())


def test_a_charge_counts_by_the_rate_of_the_capture() -> None:
    charge = RefundedCharge(kind=ChargeKind.SHIPPING, amount=usd("11"))
    story = [bought("90", charges=(shipping("10"),)), IN_DOLLARS[1]]
    found = facts(*story, refund(30, None, "re", charges=(charge,)))
    assert [(one.refunded, one.too_much) for one in found.parts.charge] == [(10, False)]


def test_the_parts_add_up_to_what_the_refund_settles() -> None:
    story = [
        bought("0.09", "0.09", "0.09"),
        capture(1, "0.30", "cap", money=usd, settles=eur("0.28")),
    ]
    lines = tuple(of(line, usd("0.10")) for line in "abc")
    found = money(*story, refund(30, "0.30", "re", money=usd, lines=lines))
    assert found.refunds[0].settled == Decimal("0.28")
    assert sum(amount for _, amount in found.line_refunds.values()) == Decimal("0.28")


def test_a_refund_of_no_payment_counts_by_the_rate_of_all_captures() -> None:
    two = [
        capture(1, "55", "cap", money=usd, settles=eur("50")),
        capture(1, "55", "cap2", payment="two", money=usd, settles=eur("50")),
    ]
    found = money(bought("100"), *two, refund(30, "22", "re", payment=None, money=usd))
    assert (found.given_back, found.refunds[0].settled) == (20, 20)


def test_an_amount_without_a_known_rate_is_not_counted_one_to_one() -> None:
    pounds = PositiveMoney("10000", "GBP")
    found = money(*IN_EUROS, refund(30, "100", "re", lines=(of("a", pounds),)))
    assert given(found) == [(1, 100)]
    (notice,) = found.notices
    assert (notice.pointer, "no rate from GBP to EUR" in notice.detail) == (
        "/lines/0/amount/currency",
        True,
    )


def test_two_systems_tell_one_refund_in_two_currencies() -> None:
    asked = request(30, "50", "ask")
    answered = refund(80, "55", "re", refund="re", money=usd)
    (one,) = money(*IN_DOLLARS, asked, answered).refunds
    assert (one.state, one.of_payment, one.settled) == (RefundState.ISSUED, 55, 50)
    (one,) = money(*IN_DOLLARS, request(30, "50", "ask", refund="re"), answered).refunds
    assert (one.amount, one.currency, one.settled) == (55, "USD", 50)
    shop = refund(81, "50", "shop-re", "shop")
    assert money(*IN_DOLLARS, answered, shop).given_back == 50
    assert money(*IN_DOLLARS, answered, refund(81, "55", "x", "shop")).given_back == 105
