"""Refunds: what was given back, for what, and whether it is too much."""

from __future__ import annotations

from datetime import datetime

import pytest

from domain.orders import payment_signals as payments
from domain.orders.money_ledger import RefundState
from domain.orders.payment_signals import RefundedCharge
from domain.orders.purchase_signals import ChargeKind, Line
from domain.orders.signals import Signal
from tests.domain.money import (
    bought,
    capture,
    dropped,
    edited,
    eur,
    facts,
    failure,
    money,
    payment,
    pieces,
    refund,
    refunds_by_id,
    request,
    shipping,
    usd,
)

PAID = [bought("50", "50"), capture(1, "100", "cap")]


def test_one_refund_that_two_sources_state_is_one() -> None:
    found = money(*PAID, refund(30, "50", "re_77"), refund(30.1, "50", "refund-9001", "shop"))
    (one,) = found.refunds
    assert (found.given_back, one.assumed, payment(found).left) == (50, True, 50)
    assert [notice.pointer for notice in found.notices] == ["/refund"]


def test_two_refunds_of_one_source_are_two() -> None:
    found = money(*PAID, refund(30, "50", "a"), refund(30, "50", "b"))
    assert (found.given_back, payment(found).left) == (100, 0)


def test_a_refund_of_ours_is_told_back_by_its_provider_and_the_storefront() -> None:
    ours = refund(30, "50", "adj-1", "casetrail", refund="re_1")
    webhook = refund(30.1, "50", "re_1", "psp")
    shop = refund(30.2, "50", "shop-re_1", "shop")
    found = money(*PAID, ours, webhook, shop)
    assert [one.id for one in found.refunds] == ["re_1"]
    assert (
        money(*PAID, ours, webhook, shop, refund(40, "50", "re_2", refund="re_2")).given_back == 100
    )


def test_a_refund_that_failed_is_owed_again_and_may_be_issued_again() -> None:
    story = [*PAID, dropped(), refund(30, "100", "re_1")]
    assert money(*story).refund_due == 0
    story.append(failure(50, "100", "re_1-failed"))
    assert (money(*story).refund_due, facts(*story).refund.issued) == (100, 0)
    assert refunds_by_id(money(*story))["re_1"].state is RefundState.FAILED
    assert facts(*story).parts.refund[0].failed_at == story[-1].event_time
    story.append(refund(60, "100", "re_2"))
    assert money(*story).refund_due == 0


def test_the_latest_statement_of_a_refund_counts() -> None:
    def state(*stated) -> RefundState:
        return money(*PAID, *stated).refunds[0].state

    one = {"refund": "r"}
    asked, given, failed = (
        request(30, "10", "a", **one),
        refund(31, "10", "b", **one),
        failure(32, "10", "c", **one),
    )
    assert state(asked) is RefundState.REQUESTED
    assert state(asked, given) is RefundState.ISSUED
    assert state(asked, given, failed) is RefundState.FAILED
    assert state(asked, given, failed, refund(33, "10", "d", **one)) is RefundState.ISSUED
    assert state(given, failure(31, "10", "e", **one)) is RefundState.FAILED
    assert state(given, request(31, "10", "f", **one)) is RefundState.ISSUED


def test_a_request_reserves_and_only_issuing_gives() -> None:
    asked = request(30, "40", "ask")
    found = money(*PAID, asked)
    assert (found.reserved, found.given_back, payment(found).left) == (40, 0, 60)
    part = facts(*PAID, asked).parts.refund[0]
    assert part.stalled_since == asked.event_time
    answered = money(*PAID, asked, refund(90, "40", "re_1", refund="re_1"))
    assert (answered.reserved, answered.given_back) == (0, 40)
    assert len(answered.refunds) == 1


def test_a_request_without_an_amount_stalls_until_a_refund_is_issued() -> None:
    asked = request(30, None, "ask")

    def stalled_since(*more: Signal) -> list[datetime]:
        refunds = facts(*PAID, asked, *more).parts.refund
        return [one.stalled_since for one in refunds if one.stalled_since is not None]

    assert stalled_since() == [asked.event_time]
    assert stalled_since(refund(2, "40", "re_0", refund="re_0")) == [asked.event_time]
    assert stalled_since(refund(90, "40", "re_1", refund="re_1")) == []


def test_a_request_without_an_amount_is_answered_by_a_refund() -> None:
    found = money(*PAID, request(30, None, "ask"), refund(90, "40", "re_1"))
    assert [(one.state, one.amount) for one in found.refunds] == [(RefundState.ISSUED, 40)]


def test_a_total_refunded_so_far_replaces_the_total_before_it() -> None:
    found = money(
        *PAID,
        refund(30, "20", "a", cumulative=True),
        refund(40, "50", "b", cumulative=True),
        refund(50, "50", "c", cumulative=True),
    )
    assert [one.amount for one in found.refunds] == [20, 30]


def test_a_refund_without_an_amount_is_worth_its_lines_and_charges() -> None:
    story = [
        bought("50", "30", charges=(shipping("5"),)),
        capture(1, "85", "cap"),
        refund(
            30,
            None,
            "re",
            lines=(pieces("a"),),
            charges=(RefundedCharge(kind=ChargeKind.SHIPPING),),
        ),
    ]
    found = money(*story)
    assert found.refunds[0].amount == 55
    assert found.line_refunds == {"a": (1, 50)}
    assert found.charge_refunds == {"shipping": 5}
    assert (found.line_left, found.charge_left) == ({"a": 0, "b": 30}, {"shipping": 0})
    part = facts(*story).parts.charge[0]
    assert (part.kind, part.charged, part.refunded, part.left) == ("shipping", 5, 5, 0)


def test_lines_without_an_amount_share_it_by_value_and_the_largest_takes_the_rest() -> None:
    found = money(
        bought("10", "20", "30"),
        capture(1, "60", "cap"),
        refund(30, "10", "re", lines=(pieces("a"), pieces("b"), pieces("c"))),
    )
    shares = [f"{amount:f}" for _, amount in found.line_refunds.values()]
    assert shares == ["1.67", "3.33", "5.00"]


def test_the_last_piece_of_a_line_takes_the_rest() -> None:
    lines = (Line(id="a", quantity=3, price=eur("10"), discount=eur("20")),)
    one = {"lines": (pieces("a", 1),)}
    found = money(
        bought(lines=lines),
        capture(1, "10", "cap"),
        refund(30, None, "r1", **one),
        refund(31, None, "r2", **one),
        refund(32, None, "r3", **one),
    )
    assert [f"{r.amount:f}" for r in found.refunds] == ["3.33", "3.34", "3.33"]
    assert found.line_left == {"a": 0}


def test_pieces_of_a_product_that_lines_share_fill_them_in_their_order() -> None:
    lines = (
        Line(id="a", sku="mug", quantity=2, price=eur("10")),
        Line(id="b", sku="mug", quantity=2, price=eur("8")),
    )
    mugs = payments.RefundedPieces(sku="mug", quantity=3)
    found = money(
        bought(lines=lines), capture(1, "36", "cap"), refund(30, None, "re", lines=(mugs,))
    )
    assert found.line_refunds == {"a": (2, 20), "b": (1, 8)}


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (refund(31, "60", "b", lines=(pieces("a"),)), "twice"),
        (refund(31, "50", "b"), "more_than_captured"),
    ],
)
def test_more_than_was_captured_is_too_much(second, reason) -> None:
    first = refund(30, "60", "a", lines=(pieces("a"),))
    found = facts(*PAID, first, second)
    part = {one.id: one for one in found.parts.refund}["b"]
    assert (part.too_much, part.too_much_reason) == (True, reason)
    assert found.parts.payment[0].too_much
    assert money(*PAID, first, second).payments[0].left < 0


def test_more_than_a_line_costs_is_too_much() -> None:
    found = facts(
        *PAID,
        refund(30, "50", "a", lines=(pieces("a"),)),
        refund(31, "10", "b", lines=(pieces("a", 1),)),
    )
    assert [one.too_much_reason for one in found.parts.refund] == [None, "more_than_line"]
    assert [line.refunded_too_much for line in found.parts.line] == [True, False]
    assert not found.parts.payment[0].too_much


def test_the_same_line_again_is_twice() -> None:
    story = [refund(hours, None, f"r{hours}", lines=(pieces("a"),)) for hours in (30, 60)]
    found = facts(*PAID, *story)
    assert [one.too_much_reason for one in found.parts.refund] == [None, "twice"]


def test_a_price_that_was_lowered_takes_no_piece() -> None:
    lowered = refund(30, "20", "a", lines=(pieces("a", 0, "20"),))
    rest = refund(40, "30", "b", lines=(pieces("a", 1, "30"),))
    found = money(*PAID, lowered, rest)
    assert found.line_refunds["a"] == (1, 50)
    assert [one.too_much for one in found.refunds] == [None, None]


def test_charges_of_one_kind_without_ids_are_refunded_one_after_the_other() -> None:
    paid = [bought("50", charges=(shipping("5"), shipping("3"))), capture(1, "58", "cap")]
    charge = (RefundedCharge(kind=ChargeKind.SHIPPING),)
    found = money(*paid, refund(30, "5", "a", charges=charge), refund(31, "3", "b", charges=charge))
    assert found.charge_refunds == {"shipping": 5, "shipping#2": 3}
    assert [one.too_much for one in found.refunds] == [None, None]


def test_a_request_is_never_too_much() -> None:
    found = facts(*PAID, refund(30, "100", "a"), request(31, "50", "b"))
    assert [one.too_much for one in found.parts.refund] == [False, False]


def test_pieces_that_an_edit_removed_may_be_refunded() -> None:
    two = (Line(id="a", quantity=2, price=eur("30")),)
    one = (Line(id="a", quantity=1, price=eur("30")),)
    found = money(
        bought(lines=two),
        capture(1, "60", "cap"),
        edited(24, lines=one),
        refund(30, "30", "re", lines=(pieces("a", 1),)),
    )
    assert (found.refund_due, found.exceeded_lines, found.notices) == (0, frozenset(), ())


def test_a_refund_without_a_payment_is_of_the_only_one() -> None:
    found = money(*PAID, refund(30, "50", "re", payment=None))
    assert payment(found).given_back == 50


def test_a_refund_without_a_payment_counts_for_an_order_with_several() -> None:
    found = money(
        *PAID, capture(2, "10", "c", payment="other"), refund(30, "50", "re", payment=None)
    )
    assert (found.given_back, [one.given_back for one in found.payments]) == (50, [0, 0])


def test_a_refund_in_the_payments_currency_counts_by_what_was_settled() -> None:
    story = [bought("100"), capture(1, "116", "cap", money=usd, settles=eur("100")), dropped()]
    found = money(*story, refund(30, "58", "re", money=usd))
    assert (found.given_back, payment(found).given_back, found.refund_due) == (50, 58, 50)
    told = money(*story, refund(30, "58", "re", money=usd, settles=eur("51")))
    assert (told.given_back, payment(told).given_back) == (51, 58)
    whole = money(*story, refund(30, "116", "re", money=usd))
    assert (whole.refund_due, payment(whole).left) == (0, 0)
    theirs = money(*story, refund(30, "100", "re"))
    assert (theirs.given_back, payment(theirs).given_back) == (100, 116)


@pytest.mark.parametrize(
    ("odd", "pointer", "words"),
    [
        (refund(30, "5", "r", lines=(pieces("z"),)), "/lines/0", "no line z"),
        (refund(30, "5", "r", lines=(pieces("a", 3),)), "/lines/0/quantity", "2 more pieces"),
        (refund(30, "5", "r", payment="nope"), "/payment", "no payment nope"),
        (refund(30, "5", "r", money=usd), "/amount/currency", "USD"),
        (refund(30, "101", "r"), "/amount", "more than the 100"),
        (
            refund(30, "5", "r", charges=(RefundedCharge(kind=ChargeKind.DUTY),)),
            "/charges/0",
            "no charge duty",
        ),
    ],
)
def test_an_odd_refund_is_noticed(odd, pointer, words) -> None:
    (notice,) = money(*PAID, odd).notices
    assert (notice.signal, notice.pointer) == ("psp/r", pointer)
    assert words in notice.detail
