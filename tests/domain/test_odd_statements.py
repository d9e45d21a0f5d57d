"""A statement that does not fit the others is kept, and has a notice until it fits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any, get_args

import pytest

from domain.money import PositiveMoney
from domain.orders import payment_signals as payments
from domain.orders import return_signals as returns
from domain.orders import shipment_signals as shipments
from domain.orders import stock_signals as stock
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.orders.purchase_signals import (
    Charge,
    ChargeKind,
    Component,
    Line,
    OrderCancelled,
    OrderEdited,
    OrderPlaced,
)
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import (
    ClaimKind,
    CustomerClaimed,
    Direction,
    HandedOver,
    LabelCreated,
)
from domain.orders.signal_body import LinePieces
from domain.orders.signals import Signal
from tests.domain.money import bought, capture, edited, eur, said
from tests.domain.signals import ORDER

PLACED = bought("10.00", "20.00", charges=(Charge(kind=ChargeKind.SHIPPING, amount=eur("5.00")),))
"""Lines a and b of one piece each."""
PAID = capture(1, "35.00", "ch_1", payment="pi_1")


def order_of(signals: Sequence[Signal]) -> Order:
    order = Order(id=ORDER)
    for signal in signals:
        order = order.after(SignalRecorded(signal=signal))
        _ = order.facts
    return order


def notices(*signals: Signal) -> list[tuple[str, str]]:
    """The notices of the order: the same in any order of arrival, and each also given alone."""
    found = {
        tuple(sorted((n.signal, n.pointer, n.detail) for n in order_of(arrived).notices))
        for arrived in permutations(signals)
    }
    assert len(found) == 1
    order = order_of(signals)
    alone = [n for signal in signals for n in order.notices_about(signal.key)]
    assert sorted((n.signal, n.pointer) for n in alone) == sorted(
        (n.signal, n.pointer) for n in order.notices
    )
    return [(pointer, detail) for _, pointer, detail in found.pop()]


def pieces(line: str, quantity: int | None = 1) -> dict[str, Any]:
    return {"lines": (LinePieces(line=line, quantity=quantity),)}


NAMES_PIECES: list[tuple[type[Any], dict[str, Any]]] = [
    (returns.ReturnRequested, {}),
    (returns.ReturnAuthorized, {}),
    (returns.ReturnRefused, {}),
    (returns.ReturnLabelCreated, {}),
    (returns.ReturnLabelFailed, {}),
    (returns.ReturnReceived, {}),
    (returns.ReturnCancelled, {}),
    (returns.ReturnClosed, {}),
    (CustomerClaimed, {"kind": ClaimKind.DAMAGED}),
    (stock.StockAllocated, {}),
    (stock.StockUnavailable, {}),
    (stock.AllocationFailed, {}),
    (stock.Backordered, {}),
    (stock.Released, {}),
    (stock.FulfilmentHeld, {}),
    (stock.FulfilmentUnheld, {}),
    (stock.FulfilmentRejected, {}),
    (LabelCreated, {"shipment": "S1"}),
    (LabelCreated, {"shipment": "S1", "direction": Direction.BACK}),
    (HandedOver, {"shipment": "S1"}),
    (shipments.Scanned, {"shipment": "S1", "status": ScanStatus.IN_TRANSIT}),
    (shipments.Delivered, {"shipment": "S1"}),
    (shipments.DeliveryFailed, {"shipment": "S1"}),
    (shipments.DamageReported, {"shipment": "S1"}),
    (shipments.ShipmentLost, {"shipment": "S1"}),
    (OrderCancelled, {}),
]
NAMES_PRODUCTS: list[tuple[type[Any], dict[str, Any]]] = [
    (stock.StockLevelTold, {"on_hand": 3}),
    (stock.StockCounted, {"counted": 3, "system": 3}),
    (stock.SubstitutionProposed, {"substitute": "sku-z"}),
    (stock.SubstitutionDecided, {"approved": True}),
]


def pieces_told(kind: type[Any], more: dict[str, Any], line: str, quantity: int | None) -> Any:
    fields = {"source": "wms", "id": "odd", "order": ORDER, "event_time": PAID.event_time}
    return kind(**fields, **more, **pieces(line, quantity))


def test_every_statement_that_names_pieces_is_looked_at() -> None:
    named = {kind for kind in get_args(Signal) if "lines" in kind.__struct_fields__}
    refunds = {payments.RefundRequested, payments.RefundIssued, payments.RefundFailed}
    # A parcel whose label was cancelled holds nothing, so a wrong number of pieces in it does no harm.
    others = {*refunds, OrderPlaced, OrderEdited, shipments.ShipmentCancelled}
    assert named == {kind for kind, _ in NAMES_PIECES} | others


@pytest.mark.parametrize(
    "kind", [payments.RefundRequested, payments.RefundIssued, payments.RefundFailed]
)
def test_refunded_pieces_of_an_unknown_line_are_noticed(kind: type[Any]) -> None:
    begun = said(payments.RefundIssued, 40, "i", refund="re_1", amount=eur("3.00"))
    part = payments.RefundedPieces(line="z", quantity=1)
    odd = said(kind, 50, "r", "wms", refund="re_1", amount=eur("3.00"), lines=(part,))
    assert [pointer for pointer, _ in notices(PLACED, PAID, begun, odd)] == ["/lines/0"]


@pytest.mark.parametrize(("kind", "more"), NAMES_PIECES)
def test_pieces_of_an_unknown_line_are_noticed(kind: type[Any], more: dict[str, Any]) -> None:
    assert notices(PLACED, pieces_told(kind, more, "a", 1)) == []
    ((pointer, detail),) = notices(PLACED, pieces_told(kind, more, "z", 1))
    assert pointer == "/lines/0"
    assert "no line z; its lines are: a, b" in detail


@pytest.mark.parametrize(("kind", "more"), NAMES_PIECES)
def test_more_pieces_than_there_are_are_noticed(kind: type[Any], more: dict[str, Any]) -> None:
    ((pointer, detail),) = notices(PLACED, pieces_told(kind, more, "b", 3))
    assert pointer == "/lines/0/quantity"
    assert detail.startswith("2 more pieces of line b than the order has")


@pytest.mark.parametrize(("kind", "more"), NAMES_PIECES)
def test_before_the_order_was_placed_the_notice_says_so(
    kind: type[Any], more: dict[str, Any]
) -> None:
    early = pieces_told(kind, more, "b", 1)
    ((pointer, detail),) = notices(early)
    assert pointer == "/lines/0"
    assert "order.placed has not arrived yet" in detail
    assert notices(early, PLACED) == []


@pytest.mark.parametrize(("kind", "more"), NAMES_PIECES)
def test_zero_pieces_are_noticed(kind: type[Any], more: dict[str, Any]) -> None:
    ((pointer, detail),) = notices(PLACED, pieces_told(kind, more, "b", 0))
    assert pointer == "/lines/0/quantity"
    assert detail.startswith("0 pieces of line b count for nothing")


def test_a_line_of_zero_pieces_is_noticed_unless_an_edit_removes_it() -> None:
    def lines(quantity: int) -> dict[str, Any]:
        more = Line(id="z", quantity=quantity, price=eur("5"))
        return {"lines": (Line(id="a", price=eur("10")), more)}

    ((pointer, detail),) = notices(bought(**lines(0)))
    assert pointer == "/lines/1/quantity"
    assert detail.startswith("0 pieces of line z")
    assert [at for at, _ in notices(PLACED, edited(2, **lines(0)))] == ["/lines/1/quantity"]
    assert notices(bought(**lines(1)), edited(2, **lines(0))) == []
    product = Line(sku="cup", quantity=0, price=eur("5"))
    assert [at for at, _ in notices(bought(lines=(product,)))] == ["/lines/0/quantity"]


def test_zero_pieces_are_no_problem_of_stock() -> None:
    none = pieces("a", 0)
    said_so = (
        said(stock.StockUnavailable, 2, "u", "wms", **none),
        said(stock.AllocationFailed, 2, "f", "wms", **none),
    )
    facts = order_of([PLACED, *said_so]).facts
    assert not facts.order.unavailable
    assert not facts.stock.allocation_failed
    assert not facts.stock.allocation_open
    assert facts.stock.all_unavailable_at is None
    assert facts.goods.lines[0].waiting == 1


def test_money_may_be_given_back_for_a_line_without_its_pieces() -> None:
    def given_back(amount: PositiveMoney | None) -> Any:
        part = payments.RefundedPieces(line="a", quantity=0, amount=amount)
        return said(payments.RefundIssued, 50, "r", amount=eur("3.00"), lines=(part,))

    assert notices(PLACED, PAID, given_back(eur("3.00"))) == []
    ((pointer, _),) = notices(PLACED, PAID, given_back(None))
    assert pointer == "/lines/0/quantity"


@pytest.mark.parametrize(("kind", "more"), NAMES_PRODUCTS)
def test_a_product_that_the_order_does_not_have_is_noticed(
    kind: type[Any], more: dict[str, Any]
) -> None:
    assert notices(PLACED, said(kind, 2, "s", "wms", sku="sku-a", **more)) == []
    ((pointer, detail),) = notices(PLACED, said(kind, 2, "s", "wms", sku="sku-z", **more))
    assert pointer == "/sku"
    assert "no line with the sku sku-z; its skus are: sku-a, sku-b" in detail


def test_pieces_of_a_line_that_an_edit_removed_are_not_odd() -> None:
    left = Line(id="a", sku="sku-a", price=eur("10.00"))
    came = said(returns.ReturnReceived, 30, "r", "wms", **pieces("b"))
    assert notices(PLACED, edited(20, lines=(left,)), came) == []


def test_pieces_that_came_back_twice_are_noticed_once() -> None:
    first = said(returns.ReturnReceived, 30, "r1", "wms", **pieces("b"))
    again = said(returns.ReturnReceived, 40, "r2", "wms", **pieces("b"))
    ((pointer, detail),) = notices(PLACED, first, again)
    assert (pointer, detail[:6]) == ("/lines/0/quantity", "1 more")
    assert [n.signal for n in order_of([PLACED, again, first]).notices] == [again.key]


def test_components_of_a_bundle_are_counted_by_the_bundle() -> None:
    bundle = Line(id="set", price=eur("10.00"), components=(Component(sku="cup", quantity=4),))
    order = bought(lines=(bundle,))
    four = (LinePieces(line="set", sku="cup", quantity=4),)
    five = (LinePieces(line="set", sku="cup", quantity=5),)
    assert notices(order, said(returns.ReturnReceived, 30, "r", "wms", lines=four)) == []
    ((_, detail),) = notices(order, said(returns.ReturnReceived, 30, "r", "wms", lines=five))
    assert detail.startswith("1 more")


def test_more_pieces_in_parcels_than_the_order_has_are_noticed_with_the_last_parcel() -> None:
    one = said(LabelCreated, 2, "p1", "wms", shipment="S1", **pieces("b"))
    two = said(HandedOver, 3, "p2", "wms", shipment="S2", **pieces("b"))
    assert [pointer for pointer, _ in notices(PLACED, one, two)] == ["/lines/0/quantity"]


@pytest.mark.parametrize("kind", [payments.DisputeClosed, payments.DisputeEvidenceSent])
def test_a_dispute_that_nobody_opened_is_noticed_until_it_is(kind: type[Any]) -> None:
    outcome = {"outcome": payments.DisputeOutcome.WON} if kind is payments.DisputeClosed else {}
    late = said(kind, 50, "d2", dispute="dp_1", **outcome)
    ((pointer, detail),) = notices(PLACED, PAID, late)
    assert pointer == "/dispute"
    assert "no dispute.opened has told of dispute dp_1 yet" in detail
    assert notices(PLACED, PAID, late, said(payments.DisputeOpened, 40, "d1", dispute="dp_1")) == []


def test_a_dispute_that_was_prevented_needs_no_opening() -> None:
    prevented = payments.DisputeOutcome.PREVENTED
    assert notices(PLACED, PAID, said(payments.DisputeClosed, 50, "d", outcome=prevented)) == []


@pytest.mark.parametrize("kind", [payments.DisputeOpened, payments.FraudWarned])
def test_a_dispute_of_another_payment_is_noticed(kind: type[Any]) -> None:
    ((pointer, detail),) = notices(PLACED, PAID, said(kind, 50, "d", payment="pi_9"))
    assert pointer == "/payment"
    assert "no payment pi_9 yet; its payments are: pi_1" in detail
    assert notices(PLACED, PAID, said(kind, 50, "d", payment="pi_1")) == []


def test_a_failed_refund_that_nobody_told_is_noticed_until_it_is() -> None:
    failed = said(payments.RefundFailed, 60, "f", refund="re_1", amount=eur("3.00"))
    ((pointer, detail),) = notices(PLACED, PAID, failed)
    assert pointer == "/refund"
    assert "refund re_1 failed, and nobody has told of that refund yet" in detail
    issued = said(payments.RefundIssued, 50, "i", refund="re_1", amount=eur("3.00"))
    assert notices(PLACED, PAID, failed, issued) == []


def test_a_refund_that_names_a_payment_of_another_order_is_noticed() -> None:
    odd = said(payments.RefundIssued, 50, "i", payment="pi_other", amount=eur("3.00"))
    ((pointer, detail),) = notices(PLACED, PAID, odd)
    assert pointer == "/payment"
    assert "no payment pi_other yet; its payments are: pi_1" in detail


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (payments.PaymentVoided, {}),
        (payments.PaymentExpired, {}),
        (payments.PaymentFailed, {}),
        (payments.PaymentFailed, {"stage": payments.PaymentStage.CAPTURE}),
    ],
)
def test_the_end_of_a_payment_that_nobody_told_is_noticed_until_it_is(
    kind: type[Any], more: dict[str, Any]
) -> None:
    ended = said(kind, 30, "v", payment="pi_9", **more)
    ((pointer, detail),) = notices(PLACED, PAID, ended)
    assert pointer == "/payment"
    assert "nobody has told of that payment yet; the payments of the order are: pi_1" in detail
    begun = said(payments.PaymentAuthorized, 1, "a", payment="pi_9", amount=eur("35.00"))
    assert notices(PLACED, PAID, ended, begun) == []


def test_a_payment_that_fails_at_once_is_not_odd() -> None:
    assert notices(PLACED, said(payments.PaymentFailed, 1, "f", payment="pi_0")) == []
    at_first = payments.PaymentStage.AUTHORIZATION
    failed = said(payments.PaymentFailed, 1, "f", payment="pi_0", stage=at_first)
    assert notices(PLACED, PAID, failed) == []


def test_the_end_of_an_unnamed_payment_is_about_the_one_that_was_told() -> None:
    unnamed = said(payments.PaymentAuthorized, 1, "a", amount=eur("35.00"))
    assert notices(PLACED, unnamed, said(payments.PaymentVoided, 30, "v", payment="pi_9")) == []
    ((pointer, _),) = notices(PLACED, said(payments.PaymentVoided, 30, "v"))
    assert pointer == ""


def shipping_back(hours: float, amount: PositiveMoney, id: str, **more: Any) -> Any:
    charge = payments.RefundedCharge(kind=ChargeKind.SHIPPING, amount=amount)
    return said(payments.RefundIssued, hours, id, amount=amount, charges=(charge,), **more)


def test_more_shipping_given_back_than_it_cost_is_noticed() -> None:
    assert notices(PLACED, PAID, shipping_back(50, eur("5.00"), "r")) == []
    ((pointer, detail),) = notices(PLACED, PAID, shipping_back(50, eur("7.00"), "r"))
    assert pointer == "/charges/0/amount"
    assert detail.startswith("7.00 EUR were given back for shipping")
    two = (shipping_back(50, eur("3.00"), "r1"), shipping_back(90, eur("4.00"), "r2"))
    assert [pointer for pointer, _ in notices(PLACED, PAID, *two)] == ["/charges/0/amount"]
    free = bought("10.00", "20.00")
    ((pointer, detail),) = notices(free, PAID, shipping_back(50, eur("7.00"), "r"))
    assert (pointer, "it cost 0" in detail) == ("/charges/0/amount", True)


def test_a_failed_refund_of_shipping_gives_nothing_back() -> None:
    issued = shipping_back(50, eur("7.00"), "r", refund="re_1")
    failed = said(payments.RefundFailed, 60, "f", refund="re_1")
    assert notices(PLACED, PAID, issued, failed) == []
