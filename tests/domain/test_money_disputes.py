"""Disputes: what counts as given back, and until when."""

from __future__ import annotations

from domain.orders import payment_signals as payments
from domain.orders.payment_signals import DisputeOutcome, DisputeStage
from tests.domain.money import (
    bought,
    capture,
    dropped,
    eur,
    facts,
    money,
    payment,
    refund,
    said,
    usd,
)

PAID = [bought("50", "50"), capture(1, "100", "cap")]


def dispute(kind, hours: float, id: str = "d-signal", **more):
    return said(kind, hours, id, **{"payment": "pay", "dispute": "dp", **more})


def test_an_open_or_lost_dispute_counts_as_given_back() -> None:
    opened = dispute(payments.DisputeOpened, 30, amount=eur("100"))
    story = [*PAID, dropped(), opened]
    assert (money(*story).refund_due, money(*story).disputed) == (0, 100)
    for outcome, due in (("lost", 0), ("won", 100), ("withdrawn", 100), ("prevented", 100)):
        end = dispute(payments.DisputeClosed, 60, "end", outcome=DisputeOutcome(outcome))
        assert money(*story, end).refund_due == due
        assert facts(*story, end).refund.outstanding == due
        assert facts(*story, end).parts.dispute[0].is_open is False


def test_a_dispute_without_an_amount_is_of_what_the_payment_had_left() -> None:
    opened = dispute(payments.DisputeOpened, 40)
    found = money(*PAID, refund(30, "30", "re"), opened, refund(50, "5", "later"))
    assert (found.disputes[0].amount, payment(found).left) == (70, -5)


def test_an_inquiry_moves_no_money_until_it_escalates() -> None:
    asked = dispute(payments.DisputeOpened, 30, amount=eur("100"), stage=DisputeStage.INQUIRY)
    assert money(*PAID, asked).disputed == 0
    taken = dispute(
        payments.DisputeOpened, 40, "more", amount=eur("100"), stage=DisputeStage.CHARGEBACK
    )
    found = money(*PAID, asked, taken)
    assert (len(found.disputes), found.disputed, found.disputes[0].stage) == (1, 100, "chargeback")


def test_a_dispute_that_was_won_is_open_again_in_its_second_stage() -> None:
    won = dispute(payments.DisputeClosed, 40, "won", outcome=DisputeOutcome.WON)
    second = dispute(payments.DisputeOpened, 50, "second", stage=DisputeStage.SECOND_CHARGEBACK)
    first = dispute(payments.DisputeOpened, 30, amount=eur("100"))
    found = money(*PAID, first, won, second)
    assert (found.disputes[0].is_open, found.disputed) == (True, 100)


def test_evidence_that_was_sent_is_known() -> None:
    opened = dispute(payments.DisputeOpened, 30, amount=eur("100"), respond_by=PAID[0].event_time)
    sent = dispute(payments.DisputeEvidenceSent, 35, "sent")
    part = facts(*PAID, opened, sent).parts.dispute[0]
    assert (part.sent_at, part.respond_by) == (sent.event_time, PAID[0].event_time)


def test_a_dispute_without_an_id_is_the_one_of_its_payment() -> None:
    found = money(
        *PAID,
        dispute(payments.DisputeOpened, 30, amount=eur("100")),
        dispute(payments.DisputeOpened, 31, "shop", source="shop", dispute=None, amount=eur("100")),
    )
    assert (len(found.disputes), found.disputed) == (1, 100)


def test_a_dispute_without_an_amount_leaves_out_earlier_ones_in_the_currency_of_the_payment() -> (
    None
):
    paid = capture(1, "110", "cap", money=usd, settles=eur("100"))
    first = dispute(payments.DisputeOpened, 30, "first", dispute="one", amount=eur("40"))
    second = dispute(payments.DisputeOpened, 40, "second", dispute="two")
    found = money(PAID[0], paid, first, second)
    assert [(d.amount, d.currency) for d in found.disputes] == [(40, "EUR"), (66, "USD")]
    assert (payment(found).disputed, payment(found).left, found.disputed) == (110, 0, 100)
