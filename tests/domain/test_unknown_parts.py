"""A statement that names a part which nobody else has told is kept, and has a notice: a misspelt id."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET, structs

from domain.orders import payment_signals as payments
from domain.orders import return_signals as returns
from domain.orders import shipment_signals as shipments
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import ClaimKind, Direction, HandedOver, LabelCreated
from domain.orders.signal_body import Refs, TrackingRef
from tests.domain.money import bought, capture, eur, said
from tests.domain.signals import ORDER, after
from tests.domain.test_odd_statements import notices, order_of, pieces

PLACED = bought("10.00", "20.00")
"""Lines a and b of one piece each."""
BOTH = {"lines": (*pieces("a")["lines"], *pieces("b")["lines"])}
PACKED = said(HandedOver, 2, "p1", "wms", shipment="P1", carrier="dhl", tracking="T1", **BOTH)
REQUESTED = said(returns.ReturnRequested, 20, "rq", rma="R1")

OF_PARCELS: list[tuple[type[Any], dict[str, Any]]] = [
    (shipments.Scanned, {"status": ScanStatus.IN_TRANSIT}),
    (shipments.Delivered, {}),
    (shipments.DeliveryFailed, {}),
    (shipments.DamageReported, {}),
    (shipments.ShipmentLost, {}),
    (shipments.ShipmentCancelled, {}),
]
by_parcel_statement = pytest.mark.parametrize(("kind", "more"), OF_PARCELS)


@by_parcel_statement
def test_a_parcel_that_nobody_packed_is_noticed_until_somebody_does(
    kind: type[Any], more: dict[str, Any]
) -> None:
    assert notices(PLACED, PACKED, said(kind, 5, "s", "dhl", shipment="P1", **more)) == []
    odd = said(kind, 5, "s", "dhl", shipment="P1x", **more)
    ((pointer, detail),) = notices(PLACED, PACKED, odd)
    assert pointer == "/shipment"
    assert "nobody has told of parcel P1x yet; the parcels of the order are: P1." in detail
    one = said(HandedOver, 2, "p1", "wms", shipment="P1", **pieces("a"))
    other = said(LabelCreated, 3, "p2", "wms", shipment="P1x", **pieces("b"))
    assert notices(PLACED, one, other, odd) == []


@by_parcel_statement
def test_a_shop_whose_warehouse_tells_no_parcels_gets_no_notice(
    kind: type[Any], more: dict[str, Any]
) -> None:
    assert notices(PLACED, said(kind, 5, "s", "dhl", shipment="P1", **more)) == []


@by_parcel_statement
def test_a_parcel_is_also_noticed_by_its_tracking_code(
    kind: type[Any], more: dict[str, Any]
) -> None:
    ((pointer, detail),) = notices(PLACED, PACKED, said(kind, 5, "s", tracking="T9", **more))
    assert pointer == "/tracking"
    assert "T9" in detail
    tracked = Refs(tracking=TrackingRef(code="T9", carrier="dhl"))
    ((pointer, _),) = notices(PLACED, PACKED, said(kind, 5, "s", refs=tracked, **more))
    assert pointer == "/refs/tracking"
    known = Refs(tracking=TrackingRef(code="T1", carrier="dhl"))
    assert notices(PLACED, PACKED, said(kind, 5, "s", refs=known, **more)) == []


def test_what_comes_back_is_a_parcel_of_its_own() -> None:
    back = said(shipments.Scanned, 30, "s", status=ScanStatus.IN_TRANSIT, shipment="B1")
    sent = structs.replace(back, direction=Direction.BACK, rma="R1")
    assert notices(PLACED, PACKED, REQUESTED, sent) == []


def test_a_statement_about_every_parcel_is_not_odd() -> None:
    assert notices(PLACED, PACKED, said(shipments.Delivered, 5, "s")) == []


@pytest.mark.parametrize("kind", [LabelCreated, HandedOver])
def test_a_parcel_without_pieces_is_noticed_until_it_has_some(kind: type[Any]) -> None:
    empty = said(kind, 4, "p2", "wms", shipment="P2")
    ((pointer, detail),) = notices(PLACED, PACKED, empty)
    assert pointer == "/shipment"
    assert "parcel P2 holds nothing: all pieces are in other parcels, which are: P1." in detail
    first = structs.replace(PACKED, **pieces("a"))
    assert notices(PLACED, first, empty) == []


def test_parcels_of_lines_that_nobody_knows_yet_are_not_empty() -> None:
    two = said(HandedOver, 4, "p2", "wms", shipment="P2", **pieces("a"))
    assert [pointer for pointer, _ in notices(PACKED, two)] == [*(f"/lines/{n}" for n in (0, 1, 0))]
    strange = said(HandedOver, 4, "p2", "wms", shipment="P2", **pieces("z"))
    assert [pointer for pointer, _ in notices(PLACED, PACKED, strange)] == ["/lines/0"]


def test_a_claim_about_a_parcel_that_the_order_does_not_have_is_noticed() -> None:
    claim = shipments.CustomerClaimed(
        source="crm",
        id="c",
        order=ORDER,
        event_time=after(60),
        kind=ClaimKind.NOT_RECEIVED,
        shipment="P1x",
    )
    ((pointer, detail),) = notices(PLACED, PACKED, claim)
    assert pointer == "/shipment"
    assert "no parcel P1x yet; its parcels are: P1." in detail
    assert notices(PLACED, PACKED, structs.replace(claim, shipment="P1")) == []
    assert notices(PLACED, PACKED, structs.replace(claim, shipment=None)) == []
    assert notices(PLACED, claim) == []


OF_RETURNS: list[tuple[type[Any], dict[str, Any]]] = [
    (returns.ReturnAuthorized, {}),
    (returns.ReturnRefused, {}),
    (returns.ReturnLabelCreated, {}),
    (returns.ReturnLabelFailed, {}),
    (returns.ReturnReceived, pieces("a")),
    (returns.ReturnCancelled, {}),
    (returns.ReturnClosed, {}),
    (LabelCreated, {"direction": Direction.BACK}),
    (shipments.Scanned, {"direction": Direction.BACK, "status": ScanStatus.IN_TRANSIT}),
]


@pytest.mark.parametrize(("kind", "more"), OF_RETURNS)
def test_a_return_that_nobody_requested_is_noticed_until_somebody_does(
    kind: type[Any], more: dict[str, Any]
) -> None:
    assert notices(PLACED, REQUESTED, said(kind, 30, "r", "wms", rma="R1", **more)) == []
    odd = said(kind, 30, "r", "wms", rma="R1x", **more)
    ((pointer, detail),) = notices(PLACED, REQUESTED, odd)
    assert pointer == "/rma"
    assert "return R1x yet; the returns of the order are: R1." in detail
    second = said(returns.ReturnRequested, 25, "rq2", rma="R1x")
    assert notices(PLACED, REQUESTED, odd, second) == []
    unnamed = structs.replace(REQUESTED, rma="")
    assert notices(PLACED, unnamed, odd) == []


def test_a_return_may_begin_without_a_request_but_not_end_without_one() -> None:
    for kind in (returns.ReturnAuthorized, returns.ReturnLabelCreated, returns.ReturnReceived):
        assert notices(PLACED, said(kind, 30, "r", "wms", rma="R1", **pieces("a"))) == []
    for kind in (returns.ReturnCancelled, returns.ReturnClosed):
        ((pointer, _),) = notices(PLACED, said(kind, 30, "r", "wms", rma="R1"))
        assert pointer == "/rma"
        received = said(returns.ReturnReceived, 25, "rc", "wms", rma="R1", **pieces("a"))
        assert notices(PLACED, received, said(kind, 30, "r", "wms", rma="R1")) == []


def test_a_capture_of_a_misspelt_payment_is_noticed_until_the_other_one_ends() -> None:
    begun = said(payments.PaymentAuthorized, 1, "a", payment="pi_1", amount=eur("30.00"))
    odd = capture(5, "30.00", "ch_1", payment="pi_x")
    ((pointer, detail),) = notices(PLACED, begun, odd)
    assert pointer == "/payment"
    assert "authorized and not captured of payment pi_1" in detail
    ended = said(payments.PaymentVoided, 6, "v", payment="pi_1")
    assert notices(PLACED, begun, odd, ended) == []
    assert notices(PLACED, begun, capture(5, "30.00", "ch_1", payment="pi_1")) == []
    gift_card = capture(5, "12.00", "gc", payment="gc_1")
    assert notices(PLACED, begun, gift_card) == []


def test_a_refund_with_a_misspelt_id_is_noticed_until_the_requested_one_ends() -> None:
    paid = capture(1, "30.00", "ch_1", payment="pi_1")
    asked = said(payments.RefundRequested, 20, "q", refund="re_1", amount=eur("3.00"))
    odd = said(payments.RefundIssued, 30, "i", refund="re_x", amount=eur("3.00"))
    ((pointer, detail),) = notices(PLACED, paid, asked, odd)
    assert pointer == "/refund"
    assert "requested and not issued as refund re_1" in detail
    right = structs.replace(odd, id="i2", refund="re_1")
    assert notices(PLACED, paid, asked, odd, right) == []
    assert notices(PLACED, paid, asked, structs.replace(odd, amount=eur("4.00"))) == []
    assert notices(PLACED, paid, asked, structs.replace(odd, refund=UNSET)) == []


def test_a_notice_about_an_id_in_refs_points_there() -> None:
    paid = capture(1, "30.00", "ch_1", payment="pi_1")
    odd = said(
        payments.RefundIssued, 30, "i", amount=eur("3.00"), refs=Refs(payment="pi_9", refund="re_1")
    )
    assert [pointer for pointer, _ in notices(PLACED, paid, odd)] == ["/refs/payment"]
    ended = said(payments.PaymentVoided, 30, "v", refs=Refs(payment="pi_9"))
    assert [pointer for pointer, _ in notices(PLACED, paid, ended)] == ["/refs/payment"]


def test_the_misspelt_parcel_is_kept_beside_the_right_one() -> None:
    lost = said(shipments.ShipmentLost, 50, "l", "dhl", shipment="P1x")
    order = order_of([PLACED, PACKED, lost])
    assert [(one.id, one.lost_at) for one in order.facts.parts.parcel] == [
        ("P1", None),
        ("P1x", lost.event_time),
    ]
