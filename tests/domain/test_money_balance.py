"""What is due to the customer, overpaid or underpaid, after edits, cancellations and returns."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.money import UnitPrice
from domain.orders.payment_signals import RefundedCharge
from domain.orders.purchase_signals import ChargeKind, Line, OrderCancelled, OrderDiscount, Terms
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnClosed,
    ReturnedPieces,
    ReturnFee,
    ReturnReceived,
)
from domain.orders.shipment_signals import Delivered, HandedOver
from domain.orders.signal_body import LinePieces
from domain.orders.stock_signals import StockUnavailable
from tests.domain.money import (
    bought,
    capture,
    dropped,
    edited,
    eur,
    facts,
    money,
    pieces,
    refund,
    said,
    shipping,
    usd,
)

PAID = [bought("60", "40"), capture(1, "100", "cap")]


def balance(*signals) -> tuple[Decimal, Decimal, Decimal]:
    found = money(*signals)
    return found.refund_due, found.overpaid, found.underpaid


def arrived(hours: float = 48):
    return [
        said(HandedOver, hours - 24, "out", "wms", shipment="P"),
        said(Delivered, hours, "in", "dhl", shipment="P"),
    ]


def back(line: str, hours: float = 90, **more):
    return said(
        ReturnReceived, hours, "back", "wms", rma="R", lines=(ReturnedPieces(line=line),), **more
    )


def test_a_paid_order_is_even() -> None:
    assert balance(*PAID) == (0, 0, 0)


def test_a_cancelled_line_lowers_the_charge_and_is_due() -> None:
    story = [*PAID, dropped(24, "b")]
    assert balance(*story) == (40, 0, 0)
    assert facts(*story).charge.total == 60
    assert balance(*story, refund(30, "40", "re")) == (0, 0, 0)
    assert balance(*story, refund(30, "40", "re", lines=(pieces("b"),))) == (0, 0, 0)
    assert facts(*story, refund(30, "40", "re")).payment.difference == 0


def test_an_order_is_paid_by_what_is_left_after_a_cancellation() -> None:
    story = [bought("60", "40"), dropped(0.5, "b"), capture(1, "60", "cap")]
    assert balance(*story) == (0, 0, 0)


def test_a_cancelled_order_is_charged_nothing_its_charges_included() -> None:
    story = [bought("60", charges=(shipping("5"),)), capture(1, "65", "cap"), dropped()]
    assert (money(*story).charge, balance(*story)) == (0, (65, 0, 0))
    assert facts(*story).charge.total == 65  # what it cost before


def test_a_cancelled_order_without_known_lines_is_charged_nothing() -> None:
    assert money(bought(), capture(1, "50", "cap"), dropped()).refund_due == 50
    assert money(bought()).charge is None


def test_what_an_edit_removed_is_due_and_no_mismatch() -> None:
    lines = bought("60").lines
    story = [*PAID, edited(24, lines=lines)]
    assert balance(*story) == (40, 0, 0)
    assert facts(*story).payment.overpaid == 0
    assert balance(*story, refund(25, "40", "re")) == (0, 0, 0)


def test_more_than_was_ever_charged_is_overpaid_until_it_is_given_back() -> None:
    story = [bought("60", "40"), capture(1, "130", "cap")]
    assert balance(*story) == (0, 30, 0)
    assert facts(*story).payment.difference == 30
    assert balance(*story, refund(30, "30", "re")) == (0, 0, 0)
    assert balance(*story, dropped()) == (100, 30, 0)


def test_money_given_back_never_makes_an_order_underpaid() -> None:
    story = [*PAID, refund(30, "25", "goodwill")]
    assert balance(*story) == (0, 0, 0)
    assert facts(*story).payment.difference == 0
    assert balance(bought("60", "40"), capture(1, "90", "cap"), refund(30, "25", "re")) == (
        0,
        0,
        10,
    )


def test_a_gift_for_what_the_customer_keeps_is_not_set_off_against_what_is_due() -> None:
    gift = refund(30, "10", "gift", lines=(pieces("a", 0, "10"),))
    assert money(*PAID, gift, dropped(40, "b")).refund_due == 40
    of_shipping = refund(30, "5", "gift", charges=(RefundedCharge(kind=ChargeKind.SHIPPING),))
    story = [bought("60", "40", charges=(shipping("5"),)), capture(1, "105", "cap"), of_shipping]
    assert balance(*story) == (0, 0, 0)
    assert money(*story, dropped(40, "b")).refund_due == 40
    assert money(*story, dropped(40)).refund_due == 100


def test_pieces_that_came_back_are_due_less_the_fees() -> None:
    story = [*PAID, *arrived()]
    assert balance(*story, back("b")) == (40, 0, 0)
    fee = (ReturnFee(kind="restocking", amount=eur("6")),)
    assert balance(*story, back("b", fees=fee)) == (34, 0, 0)
    assert money(*story, back("b")).charge == 100
    assert balance(*story, back("b"), refund(95, "40", "re", lines=(pieces("b"),))) == (0, 0, 0)


def test_pieces_that_are_unavailable_are_due() -> None:
    gone = said(StockUnavailable, 5, "gone", "wms", lines=(LinePieces(line="b"),))
    assert balance(*PAID, gone) == (40, 0, 0)
    assert money(*PAID, gone).charge == 100


def test_the_order_is_held_to_its_total_and_the_rest_is_unexplained() -> None:
    story = [bought("60", "40", total=eur("99")), capture(1, "99", "cap")]
    assert balance(*story) == (0, 0, 0)
    found = facts(*story)
    assert (found.charge.total, found.charge.unexplained) == (99, -1)
    assert money(*story, dropped(24, "b")).charge == 59
    assert facts(bought("60")).charge.unexplained is None


def test_a_tax_of_the_whole_order_goes_with_its_lines() -> None:
    story = [bought("60", "40", tax=eur("19")), capture(1, "119", "cap")]
    assert balance(*story) == (0, 0, 0)
    assert balance(*story, dropped(24, "b")) == (Decimal("47.60"), 0, 0)
    whole = refund(30, None, "re", lines=(pieces("b"),))
    assert balance(*story, dropped(24, "b"), whole) == (0, 0, 0)


def test_the_value_of_a_line_has_its_share_of_the_orders_tax() -> None:
    def values(*lines: Line, tax: str = "19", **more) -> list[Decimal | None]:
        return [one.value for one in facts(bought(lines=lines, tax=eur(tax), **more)).parts.line]

    a, b = Line(id="a", price=eur("60")), Line(id="b", price=eur("40"))
    assert values(a, b) == [Decimal("71.40"), Decimal("47.60")]
    assert values(a, b, lines_complete=False) == [Decimal("71.40"), Decimal("47.60")]
    discount = (OrderDiscount(amount=eur("50")),)
    assert values(a, b, discounts=discount) == [Decimal("41.40"), Decimal("27.60")]
    three = [Line(id=id, price=eur("1")) for id in "abc"]
    assert values(*three, tax="0.50") == [Decimal("1.16"), Decimal("1.17"), Decimal("1.17")]
    included = Line(id="c", price=eur("50"), tax_included=True)
    assert values(a, included) == [79, 50]
    taxed = Line(id="c", price=eur("50"), tax=eur("5"))
    assert values(a, taxed) == [60, 55]  # the lines tell their taxes


def test_an_order_of_which_an_edit_leaves_no_line_is_due_back() -> None:
    assert balance(*PAID, edited(24, lines=())) == (100, 0, 0)
    assert money(*PAID, edited(24, lines=())).currency == "EUR"


def test_discounts_and_freight_go_with_the_pieces() -> None:
    lines = (
        Line(id="a", quantity=3, price=eur("10"), freight=eur("3")),
        Line(id="b", price=eur("10")),
    )
    discounts = (OrderDiscount(amount=eur("4")),)
    story = [bought(lines=lines, discounts=discounts), capture(1, "39", "cap")]
    one = said(OrderCancelled, 24, "one", "test", lines=(LinePieces(line="a", quantity=1),))
    assert balance(*story, one) == (10, 0, 0)  # 9 of 27, and 1 of 3


@pytest.mark.parametrize("price", ["0.0868", "0.09"])
def test_a_discount_of_a_whole_line_makes_its_total(price) -> None:
    more = {"discount": eur("0.46")} if price == "0.09" else {}

    lines = (Line(sku="screws", quantity=144, price=UnitPrice(price, "EUR"), **more),)
    assert balance(bought(lines=lines), capture(1, "12.50", "cap")) == (0, 0, 0)


def test_a_quantity_of_zero_and_a_negative_price_are_charged_as_they_are() -> None:

    lines = (
        Line(id="a", price=eur("10")),
        Line(id="b", quantity=0, price=eur("5")),
        Line(id="c", price=UnitPrice("-0.46", "EUR")),
    )
    assert money(bought(lines=lines)).charge == Decimal("9.54")


def test_an_invoice_says_when_it_is_due() -> None:

    due = PAID[0].event_time
    assert facts(bought("60", terms=Terms(due_at=due))).payment.invoice_due_at == due


def agreed(hours: float = 60, **more):
    of_a = (ReturnedPieces(line="a"),)
    return said(ReturnAuthorized, hours, "agreed", "shop", **{"rma": "R", "lines": of_a, **more})


def fee(amount: str):
    return (ReturnFee(kind="restocking", amount=eur(amount)),)


def test_the_last_statement_of_a_return_that_tells_fees_counts_once_it_came_back() -> None:
    story = [*PAID, *arrived(), agreed(fees=fee("5"))]
    assert money(*story).refund_due == 0
    assert money(*story, back("a")).refund_due == 55
    assert money(*story, back("a", fees=fee("7"))).refund_due == 53
    for none in ((), None):
        closed = said(ReturnClosed, 95, "closed", "shop", rma="R", fees=none)
        assert money(*story, back("a"), closed).refund_due == 60
        assert facts(*story, back("a"), closed).refund.due_since == closed.event_time


def test_the_fees_of_a_return_that_did_not_come_do_not_count() -> None:
    other = agreed(rma="S", fees=fee("5"))
    assert money(*PAID, *arrived(), other, back("a")).refund_due == 60


def test_a_fee_in_another_currency_counts_by_the_rate_of_the_payment() -> None:
    paid = capture(1, "110", "cap", money=usd, settles=eur("100"))
    in_dollars = (ReturnFee(kind="restocking", amount=usd("11")),)
    assert money(PAID[0], paid, *arrived(), back("a", fees=in_dollars)).refund_due == 50


def exchange(price: str):
    lines = bought("60", "40", price).lines
    return edited(70, lines=lines)


def test_a_piece_that_came_back_pays_for_the_line_that_replaces_it() -> None:
    assert balance(*PAID, *arrived(), exchange("60")) == (0, 0, 60)
    assert balance(*PAID, *arrived(), exchange("60"), back("a")) == (0, 0, 0)
    assert balance(*PAID, *arrived(), exchange("70"), back("a")) == (0, 0, 10)
    assert balance(*PAID, *arrived(), exchange("50"), back("a")) == (10, 0, 0)
    assert balance(*PAID, *arrived(), exchange("60"), back("a", fees=fee("5"))) == (0, 0, 5)


def test_a_piece_that_was_given_back_pays_for_nothing() -> None:
    story = [*PAID, *arrived(), exchange("60"), back("a")]
    assert balance(*story, refund(95, "60", "re", lines=(pieces("a"),))) == (0, 0, 60)
    assert balance(*story, refund(95, "20", "re", lines=(pieces("a", 0, "20"),))) == (0, 0, 20)


def test_a_piece_whose_return_is_agreed_counts_until_the_return_ends() -> None:
    story = [*PAID, *arrived(), agreed(), exchange("60")]
    assert balance(*story) == (0, 0, 0)
    closed = said(ReturnClosed, 200, "closed", "shop", rma="R")
    assert balance(*story, closed) == (0, 0, 60)
