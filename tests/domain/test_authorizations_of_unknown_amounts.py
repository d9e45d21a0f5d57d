"""An authorization that names its payment and no amount: what is not known is not zero."""

from __future__ import annotations

from decimal import Decimal

from domain.orders import payment_signals as payments
from domain.orders.facts import OrderFacts
from domain.orders.signals import Signal
from tests.domain.money import authorize, bought, capture, dropped, edited, eur, facts, said

ORDER = [bought("60", "40"), authorize(0.5, None)]


def mismatch(*story: Signal) -> Decimal | None:
    """What the shipped policy calls a mismatch: the difference, once the payments are complete."""
    found = facts(*story).payment
    return found.difference if found.complete else None


def voided(hours: float, amount: str | None, kind: type = payments.PaymentVoided) -> Signal:
    money = eur(amount) if amount is not None else None
    signal: Signal = said(kind, hours, f"void-{hours}", payment="pay", amount=money)
    return signal


def test_a_first_capture_of_a_part_is_no_mismatch() -> None:
    first = [*ORDER, capture(1, "60", "cap-1")]
    found = facts(*first)
    assert (
        mismatch(*first),
        found.payment.difference,
        found.parts.payment[0].authorization_open,
    ) == (None, 0, True)
    second = [*first, capture(2, "40", "cap-2")]
    assert (mismatch(*second), facts(*second).parts.payment[0].authorization_open) == (0, False)


def test_a_capture_of_all_ends_it() -> None:
    assert mismatch(*ORDER, capture(1, "100", "cap")) == 0
    assert mismatch(*ORDER, capture(1, "130", "cap")) == 30


def test_what_is_missing_once_it_is_ended_is_a_mismatch() -> None:
    assert mismatch(*ORDER, capture(1, "60", "cap", final=True)) == 40
    for ended in (voided(2, None), voided(2, None, payments.PaymentExpired), voided(2, "40")):
        assert mismatch(*ORDER, capture(1, "60", "cap"), ended) == 40


def test_it_is_for_what_the_order_costs_after_its_edits_and_cancellations() -> None:
    assert mismatch(*ORDER, dropped(0.7, "b"), capture(1, "60", "cap")) == 0
    fewer = edited(0.7, lines=bought("60").lines)
    assert mismatch(*ORDER, fewer, capture(1, "60", "cap")) == 0


def test_other_payments_count_towards_what_the_order_costs() -> None:
    card = [bought("60", "40", tenders=("gift_card", "card")), authorize(0.5, None)]
    gift = capture(0.1, "30", "gift", payment="gift")
    assert mismatch(*card, gift, capture(1, "70", "cap")) == 0
    reserved = authorize(0.1, "30", "gift-auth", payment="gift")
    assert facts(*card, reserved, capture(1, "70", "cap")).payment.difference == 0
    assert mismatch(*card, gift, capture(1, "40", "cap")) is None


def test_a_cancelled_order_waits_for_its_void() -> None:
    def to_void(found: OrderFacts) -> bool:
        return found.payment.voids_open

    assert to_void(facts(*ORDER, dropped(1)))
    assert not to_void(facts(*ORDER, dropped(1), voided(2, None)))
    assert not to_void(facts(*ORDER, dropped(1), voided(2, "100")))
    assert not to_void(facts(*ORDER, capture(0.7, "100", "cap"), dropped(1)))


def test_an_approval_that_names_no_payment_reserves_nothing() -> None:
    approval = authorize(0.5, None, payment=None)
    assert mismatch(ORDER[0], approval, capture(1, "60", "cap")) == 40


def test_an_order_of_unknown_cost_has_no_difference() -> None:
    story = [bought(lines=()), authorize(0.5, None), capture(1, "60", "cap")]
    assert (mismatch(*story), facts(*story).payment.difference) == (None, None)
    assert not facts(*story, dropped(2)).payment.voids_open
