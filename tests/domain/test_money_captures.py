"""Captures and authorizations: one happening that two systems state counts once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.orders.payment_signals import PaymentExpired, PaymentFailed, PaymentStage, PaymentVoided
from tests.domain.money import (
    amounts,
    authorize,
    bought,
    capture,
    dropped,
    edited,
    eur,
    facts,
    money,
    payment,
    said,
    usd,
)


def capture_failed(hours: float, capture: str | None, id: str = "failed", **more):
    extra = {"capture": capture} if capture is not None else {}
    return said(
        PaymentFailed, hours, id, payment="pay", stage=PaymentStage.CAPTURE, **extra, **more
    )


def test_one_capture_that_two_sources_state_counts_once() -> None:
    found = money(bought("60"), capture(1, "60", "ch_1"), capture(1.1, "60", "txn-501", "shop"))
    (one,) = payment(found).captures
    assert (found.captured, one.assumed, one.sources) == (60, True, ("psp/ch_1", "shop/txn-501"))
    assert [notice.signal for notice in found.notices] == ["shop/txn-501"]


def test_two_captures_of_one_source_are_two() -> None:
    found = money(bought("60", "40"), capture(1, "60", "a"), capture(2, "60", "b"))
    assert found.captured == 120


def test_the_same_capture_id_is_one_capture_of_any_source_and_amount_stated_last() -> None:
    found = money(
        bought("98"),
        capture(1, "89", "a", capture="c1"),
        capture(2, "98", "b", "shop", capture="c1"),
    )
    (one,) = payment(found).captures
    assert (one.id, one.amount, one.assumed) == ("c1", 98, False)


def test_two_capture_ids_are_two_captures_of_equal_amounts() -> None:
    found = money(
        bought("60"),
        capture(1, "60", "a", capture="c1"),
        capture(1, "60", "b", "shop", capture="c2"),
    )
    assert found.captured == 120


def test_equal_amounts_are_matched_one_to_one_in_order_of_time() -> None:
    found = money(
        bought("60", "60"),
        capture(1, "60", "a"),
        capture(2, "60", "b"),
        capture(1.1, "60", "c", "shop"),
        capture(2.1, "60", "d", "shop"),
        capture(3, "60", "e", "shop"),
    )
    assert found.captured == 180
    assert [one.sources for one in payment(found).captures] == [
        ("psp/a", "shop/c"),
        ("psp/b", "shop/d"),
        ("shop/e",),
    ]


@pytest.mark.parametrize(("hours", "captured"), [(25, 60), (25.1, 120)])
def test_equal_amounts_match_within_a_day(hours, captured) -> None:
    found = money(bought("60"), capture(1, "60", "a"), capture(hours, "60", "b", "shop"))
    assert found.captured == captured


def test_captures_are_matched_in_pairs_and_never_in_chains() -> None:
    found = money(
        bought("60"),
        capture(1, "60", "a", "psp"),
        capture(21, "60", "b", "shop"),
        capture(41, "60", "c", "bank"),
    )
    assert found.captured == 120


def test_three_sources_state_one_capture() -> None:
    found = money(
        bought("60"),
        capture(1, "60", "a", "psp"),
        capture(2, "60", "b", "shop"),
        capture(3, "60", "c", "bank"),
    )
    assert found.captured == 60


def test_a_capture_without_a_payment_is_a_payment_of_its_own_unless_another_source_states_it() -> (
    None
):
    found = money(
        bought("60", "40"),
        capture(1, "60", "one", payment=None),
        capture(1.5, "60", "two", "shop", payment="pay"),
        capture(2, "40", "three", payment=None),
    )
    assert {one.id: one.captured for one in found.payments} == {"pay": 60, "three": 40}


def test_two_sources_with_the_same_id_are_two_payments() -> None:
    found = money(
        bought("60", "40"),
        capture(1, "60", "1", payment=None),
        capture(1.5, "40", "1", "shop", payment=None),
    )
    assert {one.id: one.captured for one in found.payments} == {"1": 60, "shop/1": 40}


def test_a_total_so_far_replaces_the_total_before_it() -> None:
    story = [
        bought("60", "40"),
        capture(1, "60", "a", cumulative=True),
        capture(2, "100", "b", cumulative=True),
    ]
    assert amounts(c.amount for c in payment(money(*story)).captures) == ["60", "40"]
    assert money(*story, capture(3, "100", "c", cumulative=True)).captured == 100
    assert money(*story, capture(3, "90", "c", cumulative=True)).captured == 90
    assert money(*story, capture(2.1, "40", "d", "shop")).captured == 100


def test_a_capture_that_fails_is_taken_away_and_a_later_one_gives_it_back() -> None:
    story = [bought("60"), capture(1, "60", "a", capture="c1"), capture_failed(2, "c1")]
    assert money(*story).captured == 0
    assert not facts(*story).payment.received
    assert money(*story, capture(3, "60", "b", capture="c1")).captured == 60


def test_a_failure_at_the_time_of_the_capture_counts() -> None:
    assert (
        money(bought("60"), capture(1, "60", "a", capture="c"), capture_failed(1, "c")).captured
        == 0
    )


def test_a_failed_attempt_without_a_capture_takes_nothing_away() -> None:
    assert money(bought("60"), capture(1, "60", "a"), capture_failed(2, None)).captured == 60


def test_what_is_not_captured_of_an_authorization_stays_open() -> None:
    story = [bought("60", "40"), authorize(0, "100"), capture(1, "60", "a")]
    assert payment(money(*story)).open_authorization == 40
    assert payment(money(*story, capture(2, "40", "b"))).open_authorization == 0
    assert payment(money(*story, capture(2, "10", "b", final=True))).open_authorization == 0
    void = said(PaymentVoided, 2, "void", payment="pay")
    assert not payment(money(*story, void)).is_open
    part = said(PaymentVoided, 2, "void", payment="pay", amount=eur("15"))
    assert payment(money(*story, part)).open_authorization == 25
    assert not payment(money(*story, said(PaymentExpired, 2, "gone", payment="pay"))).is_open


def test_a_second_authorization_replaces_the_amount() -> None:
    found = payment(
        money(
            bought("60"),
            authorize(0, "100"),
            said(PaymentVoided, 1, "void", payment="pay"),
            authorize(2, "50", "again"),
        )
    )
    assert (found.authorized, found.open_authorization) == (50, 50)


def test_two_parts_of_one_authorization_are_no_mismatch() -> None:
    story = [bought("60", "40"), authorize(0, "100", expires_at=None), capture(1, "60", "a")]
    part = facts(*story).payment
    assert not part.complete  # the rest may still be captured
    assert part.difference == 0
    whole = facts(*story, capture(2, "40", "b")).payment
    assert (whole.complete, whole.captured, whole.difference) == (True, 100, 0)


def test_several_captures_of_one_payment_do_not_make_two_tenders_complete() -> None:
    story = [
        bought("60", "40", tenders=("card", "gift_card")),
        capture(1, "60", "a"),
        capture(2, "10", "b"),
    ]
    assert not facts(*story).payment.complete
    gift = capture(3, "30", "c", payment="gift", tender="gift_card")
    assert facts(*story, gift).payment.complete
    assert payment(money(*story, gift), "gift").tender == "gift_card"


def test_a_payment_in_another_currency_settles_the_order() -> None:
    story = [bought("100"), capture(1, "116", "a", money=usd, settles=eur("100"))]
    paid = facts(*story).payment
    assert (paid.captured, paid.currency_conflict, paid.difference) == (100, False, 0)
    assert payment(money(*story)).captured == 116


def test_the_settled_amount_matches_the_shops_own_capture() -> None:
    found = money(
        bought("100"),
        capture(1, "100", "txn", "shop"),
        capture(1.1, "116", "ch", money=usd, settles=eur("100")),
    )
    assert (found.captured, payment(found).currency, payment(found).captured) == (100, "USD", 116)


def test_a_payment_in_another_currency_without_a_rate_is_a_conflict_and_still_owed() -> None:
    story = [bought("100"), capture(1, "116", "a", money=usd), dropped()]
    found = facts(*story)
    assert found.payment.currency_conflict
    assert found.payment.captured == 116
    assert (found.refund.outstanding, found.refund.due) == (100, 100)


def test_the_same_failure_again_does_not_move_its_time() -> None:
    def failed(hours: float, id: str, reason: str = "insufficient funds"):
        return said(
            PaymentFailed, hours, id, payment="pay", stage=PaymentStage.AUTHORIZATION, reason=reason
        )

    story = [bought("60"), failed(1, "a"), failed(2, "b")]
    first = facts(*story).payment
    assert (first.failed_at, first.failure_open) == (story[1].event_time, True)
    other = failed(3, "c", "expired card")
    assert facts(*story, other).payment.failed_at == other.event_time
    again = failed(5, "d")
    later = facts(*story, authorize(4, None), again).payment
    assert (later.failed_at, later.failure_open) == (again.event_time, True)
    assert facts(*story, authorize(4, None)).payment.failure_open is False


def test_a_free_order_has_no_payment_to_choose() -> None:
    assert not facts(bought("0", tenders=())).payment.none_chosen
    assert facts(bought("1", tenders=())).payment.none_chosen
    free = facts(bought("0", tenders=()), capture(1, "0", "a")).payment
    assert (free.difference, free.overpaid) == (0, 0)


def test_an_order_that_is_paid_on_delivery_says_so() -> None:
    assert facts(bought("30", tenders=("cash_on_delivery",))).payment.on_delivery
    assert not facts(bought("30", tenders=("card", "cash_on_delivery"))).payment.on_delivery


def test_an_open_authorization_of_a_cancelled_order_is_to_be_voided() -> None:
    story = [bought("60"), authorize(1, "60", expires_at=None), dropped(24)]
    found = facts(*story)
    assert found.payment.voids_open
    assert found.payment.to_void_since == story[2].event_time
    assert found.parts.payment[0].to_void_since == story[2].event_time
    void = said(PaymentVoided, 25, "void", payment="pay")
    assert not facts(*story, void).payment.voids_open
    assert not facts(bought("60"), authorize(1, "60")).payment.voids_open


def test_an_edited_order_is_paid_by_two_payments() -> None:
    lines = bought("50", "20").lines
    found = facts(
        bought("50"),
        capture(1, "50", "a"),
        edited(24, lines=lines, tenders=("card", "card")),
        capture(25, "20", "b", payment="pay-2"),
    )
    assert (found.charge.total, found.payment.difference, found.payment.underpaid) == (70, 0, 0)


def test_unknown_lines_have_no_charge_and_no_difference() -> None:
    found = facts(bought(), capture(1, "50", "a"))
    assert found.charge.total is None
    assert found.payment.difference is None
    assert money(capture(1, "50", "a")).captured == Decimal(50)
