"""What is still to be paid of an order, and since when it is missing."""

from __future__ import annotations

from datetime import datetime

import pytest

from domain.orders.payment_signals import PaymentExpired
from domain.orders.purchase_signals import Terms
from domain.orders.shipment_signals import Delivered, HandedOver, LabelCreated
from domain.orders.signal_body import LinePieces
from domain.orders.signals import Signal
from tests.domain.money import authorize, bought, capture, edited, facts, said, shipping
from tests.domain.signals import after

TWO = ("gift_card", "card")


def since(*story: Signal) -> datetime | None:
    return facts(*story).payment.missing_since


def parcel(hours: float, line: str, delivered: float | None = None) -> list[Signal]:
    of = (LinePieces(line=line),)
    sent = said(HandedOver, hours, f"out-{line}", "wms", shipment=line, lines=of)
    if delivered is None:
        return [sent]
    return [sent, said(Delivered, delivered, f"in-{line}", "dhl", shipment=line)]


def test_one_of_two_payments_is_missing_since_the_purchase() -> None:
    story = [bought("50", tenders=TWO), capture(1, "30", "cap")]
    assert (since(*story), facts(*story).payment.missing) == (after(0), 20)
    assert since(*story, capture(2, "20", "card", payment="other")) is None
    assert since(story[0], capture(1, "50", "cap")) is None  # one payment pays for all


def test_nothing_is_missing_before_the_first_capture() -> None:
    assert since(bought("50", tenders=TWO)) is None
    assert since(bought("50", tenders=TWO), authorize(1, "30")) is None


def test_what_is_authorized_may_still_be_captured() -> None:
    story = [bought("50", tenders=TWO), capture(1, "30", "cap"), authorize(1, "20", payment="card")]
    assert since(*story) is None
    ended = [*story, said(PaymentExpired, 100, "expired", payment="card")]
    assert since(*ended) is None  # a new authorization may come with the parcel
    assert since(*ended, *parcel(120, "a", 150)) == after(150)


def test_an_authorization_of_an_unknown_amount_may_be_for_all_of_it() -> None:
    story = [bought("50", tenders=TWO), capture(1, "30", "cap")]
    assert since(*story, authorize(1, None, payment="card")) is None


def test_cash_on_delivery_is_missing_once_everything_is_delivered() -> None:
    story = [bought("50", "30", tenders=("cash_on_delivery",)), *parcel(24, "a", 48)]
    story += [capture(48, "50", "cash", tender="cash_on_delivery")]
    assert (since(*story), facts(*story).payment.underpaid) == (None, 0)
    assert facts(*story).payment.difference == 0
    assert since(*story, *parcel(60, "b", 90)) == after(90)


def test_where_parcels_are_captured_one_by_one_the_rest_is_due_after_the_last() -> None:
    story = [bought("50", "30"), *parcel(24, "a"), capture(25, "50", "cap")]
    found = facts(*story).payment
    assert (found.missing_since, found.underpaid, found.difference) == (None, 0, 0)
    assert since(*story, *parcel(60, "b")) == after(60)
    labelled = said(LabelCreated, 20, "label", "wms", shipment="a", lines=(LinePieces(line="a"),))
    assert facts(story[0], labelled, capture(21, "50", "cap")).payment.underpaid == 0
    early = [bought("50", "30"), capture(1, "50", "cap"), *parcel(24, "a")]
    assert facts(*early).payment.underpaid == 30


def test_what_an_edit_added_is_due_since_the_edit() -> None:
    story = [bought("50"), capture(1, "50", "cap"), edited(24, charges=(shipping("5"),))]
    found = facts(*story).payment
    assert (found.missing_since, found.underpaid, found.difference) == (after(24), 0, 5)
    assert since(*story, capture(25, "5", "more")) is None
    late = facts(*story, capture(25, "2", "more")).payment
    assert (late.missing_since, late.underpaid) == (None, 3)  # what came does not pay for it


def test_an_edit_does_not_excuse_what_was_missing_before() -> None:
    story = [bought("50"), capture(1, "30", "cap"), edited(24, charges=(shipping("5"),))]
    assert facts(*story).payment.underpaid == 25


@pytest.mark.parametrize("amount", ["20", "50"])
def test_an_invoice_is_missing_nothing_until_it_is_due(amount: str) -> None:
    story = [bought("50", tenders=("invoice",), terms=Terms(due_at=after(300)))]
    found = facts(*story, capture(200, amount, "cap")).payment
    assert (found.underpaid or 0, found.difference, found.missing_since) == (0, 0, None)
    assert found.missing == 50 - int(amount)
    assert facts(*story, capture(200, "60", "cap")).payment.overpaid == 10


def test_more_than_the_order_ever_cost_needs_no_second_payment_to_be_seen() -> None:
    story = [bought("50", tenders=TWO), capture(1, "60", "cap")]
    assert (facts(*story).payment.complete, facts(*story).payment.overpaid) == (True, 10)
