"""Refunds for pieces that were cancelled, edited out or are unavailable: as far as they were paid."""

from __future__ import annotations

import pytest

from domain.orders.payment_signals import RefundedCharge, RefundedPieces
from domain.orders.purchase_signals import ChargeKind, Line, OrderCancelled
from domain.orders.signal_body import LinePieces
from domain.orders.signals import Signal
from domain.orders.stock_signals import StockUnavailable
from tests.domain.money import (
    authorize,
    bought,
    capture,
    dropped,
    edited,
    eur,
    facts,
    money,
    pieces,
    refund,
    request,
    said,
    shipping,
)

PAID = [bought("60", "40"), capture(1, "100", "cap")]
WITHOUT_B = edited(24, lines=bought("60").lines)


def back(hours: float, line: str = "b", amount: str = "40", **more) -> Signal:
    id = f"re-{hours}-{line}"
    return refund(hours, amount, id, refund=id, lines=(pieces(line),), **more)


def too_much(*story: Signal) -> list[str]:
    """The lines and charges that were refunded too much."""
    parts = facts(*story).parts
    lines = [one.id for one in parts.line if one.refunded_too_much]
    return [*lines, *(one.id for one in parts.charge if one.too_much)]


def test_a_line_that_an_edit_removed_is_refunded_once() -> None:
    story = [*PAID, WITHOUT_B, back(30)]
    assert (too_much(*story), money(*story).refund_due) == ([], 0)
    again = [*story, back(60)]
    assert too_much(*again) == ["b"]
    (line,) = [one for one in facts(*again).parts.line if one.id == "b"]
    assert (line.ordered, line.refunded, line.refunded_pieces, line.left) == (0, 80, 2, -40)
    assert [one.too_much for one in money(*again).refunds] == [None, "twice"]


def test_a_removed_line_is_a_part_once_something_was_given_for_it() -> None:
    assert [one.id for one in facts(*PAID, WITHOUT_B).parts.line] == ["a"]
    assert [one.id for one in facts(*PAID, WITHOUT_B, back(30)).parts.line] == ["a", "b"]


@pytest.mark.parametrize("hours", [23.5, 30])
def test_a_line_that_was_cancelled_and_then_edited_out_is_refunded_once(hours) -> None:
    story = [*PAID, dropped(23, "b"), WITHOUT_B, back(hours)]
    assert too_much(*story) == []
    assert too_much(*story, back(60)) == ["b"]


def test_a_removed_line_is_named_by_its_product_too() -> None:
    def of_product(hours: float) -> Signal:
        id = f"re-{hours}"
        piece = RefundedPieces(sku="sku-b", quantity=1, amount=eur("40"))
        return refund(hours, "40", id, refund=id, lines=(piece,))

    story = [*PAID, WITHOUT_B, of_product(30)]
    assert (too_much(*story), money(*story).notices) == ([], ())
    assert too_much(*story, of_product(60)) == ["b"]


def test_the_value_of_a_removed_line_limits_its_refund() -> None:
    assert too_much(*PAID, WITHOUT_B, back(30, amount="40.01")) == ["b"]
    lowered = edited(20, "lowered", lines=bought("60", "30").lines)
    story = [*PAID, lowered, refund(21, "10", "less", refund="less", lines=(pieces("b", 0),))]
    assert too_much(*story, WITHOUT_B, back(30, amount="30")) == []
    assert too_much(*story, WITHOUT_B, back(30, amount="31")) == ["b"]


def test_a_removed_charge_is_refunded_once() -> None:
    def of_shipping(hours: float) -> Signal:
        id = f"re-{hours}"
        charge = RefundedCharge(kind=ChargeKind.SHIPPING, amount=eur("5"))
        return refund(hours, "5", id, refund=id, charges=(charge,))

    story = [bought("60", charges=(shipping("5"),)), capture(1, "65", "cap")]
    story += [edited(24, charges=None), of_shipping(30)]
    assert too_much(*story) == []
    assert too_much(*story, of_shipping(60)) == ["shipping"]


def test_a_line_that_was_cancelled_before_the_capture_was_not_paid() -> None:
    story = [bought("60", "40"), dropped(0.5, "b"), capture(1, "60", "cap")]
    assert too_much(*story) == []
    assert facts(*story).parts.line[1].left == 0
    assert too_much(*story, back(30)) == ["b"]
    assert [one.too_much for one in money(*story, back(30)).refunds] == ["more_than_line"]


def test_a_line_that_was_edited_out_before_the_capture_was_not_paid() -> None:
    story = [bought("60", "40"), edited(0.5, lines=bought("60").lines), capture(1, "60", "cap")]
    assert too_much(*story, back(30)) == ["b"]


def test_a_line_that_was_cancelled_after_the_capture_is_refunded() -> None:
    story = [*PAID, dropped(24, "b"), back(30)]
    assert too_much(*story) == []


def test_a_line_that_was_captured_although_it_was_cancelled_is_refunded() -> None:
    story = [bought("60", "40"), dropped(0.5, "b"), capture(1, "100", "cap")]
    assert too_much(*story, back(30)) == []


def test_lines_that_were_not_paid_share_what_was_taken_for_them() -> None:
    story = [bought("60", "40", "40"), dropped(0.5, "b", "c"), capture(1, "100", "cap")]
    assert too_much(*story, back(30, "b")) == []
    assert too_much(*story, back(30, "b"), back(31, "c")) == ["c"]


def test_while_more_may_be_captured_a_line_that_was_cancelled_later_is_refunded() -> None:
    first = [authorize(0.5, "130"), capture(1, "90", "cap-1", capture="cap-1")]
    story = [bought("60", "40", "30"), *first, dropped(24, "c")]
    assert too_much(*story, back(30, "c", "30")) == []
    assert too_much(*story, back(30, "c", "30"), capture(40, "40", "cap-2", capture="cap-2")) == []


def test_a_gift_card_that_was_captured_first_gives_back_a_line_cancelled_before_the_card() -> None:
    story = [
        bought("60", "40", "30", tenders=("gift_card", "card")),
        capture(0.1, "30", "gift", payment="gift", tender="gift_card"),
        dropped(2, "c"),
    ]
    refunded = back(3, "c", "30", payment="gift")
    assert too_much(*story, refunded) == []
    assert too_much(*story, refunded, capture(40, "100", "card", payment="card")) == []


def test_a_part_of_a_line_that_was_cancelled_before_the_capture_leaves_the_rest_its_value() -> None:
    three = bought(lines=(Line(id="a", quantity=3, price=eur("30")),))
    one_less = said(OrderCancelled, 0.5, "c", "test", lines=(LinePieces(line="a", quantity=1),))
    story = [three, one_less, capture(1, "60", "cap")]
    broken = refund(30, "30", "re", refund="re", lines=(pieces("a", 1),))
    assert too_much(*story, broken) == []
    rest = refund(31, "30", "re2", refund="re2", lines=(pieces("a", 1),))
    assert too_much(*story, broken, rest) == []
    last = refund(32, "30", "re3", refund="re3", payment=None, lines=(pieces("a", 1),))
    assert too_much(*story, broken, rest, last) == ["a"]


def test_a_cent_of_rounding_is_no_refund_above_what_was_paid() -> None:
    story = [bought("60", "40"), capture(1, "99.99", "cap"), dropped(24, "b")]
    assert too_much(*story, back(30)) == []


def test_pieces_that_were_unavailable_when_the_rest_was_captured_were_not_paid() -> None:
    gone = said(StockUnavailable, 0.5, "gone", "wms", lines=(LinePieces(line="b"),))
    assert too_much(bought("60", "40"), gone, capture(1, "60", "cap"), back(30)) == ["b"]
    assert too_much(*PAID, gone, back(30)) == []


def test_what_was_not_captured_yet_says_nothing() -> None:
    story = [bought("60", "40"), dropped(0.5, "b"), back(30)]
    assert too_much(*story) == []
    asked = request(30, "40", "ask", lines=(pieces("b"),))
    assert too_much(bought("60", "40"), dropped(0.5, "b"), capture(1, "60", "cap"), asked) == []


def test_a_refund_of_unknown_value_says_that_it_counts_for_nothing_yet() -> None:
    of_line = refund(30, None, "re", lines=(pieces("a", 1),))
    unknown = [bought(lines=()), capture(1, "60", "cap"), of_line]
    assert [one.pointer for one in money(*unknown).notices] == ["/amount"]
    assert money(bought("60"), *unknown[1:]).notices == ()
    told = refund(30, None, "re", lines=(pieces("a", 1, "60"),))
    assert money(bought(lines=()), capture(1, "60", "cap"), told).notices == ()
