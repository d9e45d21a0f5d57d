"""What left stays in its parcel, also if a later edit or cancellation takes it from the order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from domain.orders.goods import Goods
from domain.orders.purchase_signals import Component, Line
from domain.orders.return_signals import ReturnedPieces, ReturnReceived
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import Delivered, HandedOver, LabelCreated, ShipmentLost
from domain.orders.signal_body import LinePieces
from domain.orders.signals import Signal
from tests.domain.money import bought, capture, dropped, edited, eur, facts, said
from tests.domain.signals import BOUNDED_SETTINGS
from tests.domain.test_odd_statements import notices
from tests.domain.test_pieces import cups, lines, of, places, scan, stories
from tests.domain.test_pieces_added_later import goods

THREE = bought(lines=lines(a=3))
UNTOLD = said(HandedOver, 10, "p1", shipment="P1")
TOLD = said(HandedOver, 10, "p1", shipment="P1", lines=of(a=3))
ALL = said(HandedOver, 10, "p1", shipment="P1", lines=(LinePieces(line="a"),))
CAME = said(Delivered, 50, "d1", shipment="P1")
TO_ONE = edited(60, lines=lines(a=1))


def surplus(found: Goods) -> dict[str, int]:
    return {one.line.id: one.surplus for one in (*found.lines, *found.removed) if one.surplus}


@pytest.mark.parametrize("left", [UNTOLD, TOLD, ALL])
def test_an_edit_takes_nothing_out_of_a_parcel_that_left(left: Signal) -> None:
    found = goods(THREE, left, CAME, TO_ONE)
    assert found.pieces == {"P1": {"a": 3}}
    assert (places(found), surplus(found)) == ({"delivered": 1}, {"a": 2})
    moving = goods(THREE, left, TO_ONE)
    assert moving.pieces == {"P1": {"a": 3}}
    assert (places(moving), surplus(moving)) == ({"on_the_way": 1}, {"a": 2})


@pytest.mark.parametrize("left", [UNTOLD, TOLD, ALL])
def test_nor_does_a_cancellation(left: Signal) -> None:
    found = goods(THREE, left, CAME, dropped(60, lines=of(a=2)))
    assert found.pieces == {"P1": {"a": 3}}
    assert (places(found), surplus(found)) == ({"delivered": 1}, {"a": 2})
    whole = goods(THREE, left, dropped(60))
    assert (places(whole), surplus(whole), whole.pieces) == ({}, {"a": 3}, {"P1": {"a": 3}})


@pytest.mark.parametrize("left", [UNTOLD, TOLD])
def test_a_line_that_an_edit_removes_is_still_in_its_parcel(left: Signal) -> None:
    both = of(a=3, b=1) if left is TOLD else TOLD.lines
    sent = structs.replace(left, lines=both) if left is TOLD else left
    found = goods(bought(lines=lines(a=3, b=1)), sent, CAME, edited(60, lines=lines(a=3)))
    assert found.pieces == {"P1": {"a": 3, "b": 1}}
    assert (places(found), surplus(found)) == ({"delivered": 3}, {"b": 1})


def test_what_was_taken_away_before_the_parcel_left_is_not_in_it() -> None:
    for early in (edited(5, lines=lines(a=1)), dropped(5, lines=of(a=2))):
        found = goods(THREE, early, UNTOLD, CAME)
        assert (places(found), surplus(found)) == ({"delivered": 1}, {})
        assert found.pieces == {"P1": {"a": 1}}


def test_pieces_in_a_parcel_that_did_not_leave_are_taken_out_of_it() -> None:
    found = goods(THREE, said(LabelCreated, 10, "p1", shipment="P1"), TO_ONE)
    assert (places(found), surplus(found)) == ({"in_parcels": 1}, {})


def test_what_comes_back_or_is_lost_is_of_the_surplus_first() -> None:
    back = said(ReturnReceived, 70, "r", "wms", lines=(ReturnedPieces(line="a", quantity=2),))
    for order in ((TO_ONE, back), (structs.replace(back, event_time=CAME.event_time), TO_ONE)):
        found = goods(THREE, TOLD, CAME, *order)
        assert (places(found), surplus(found)) == ({"delivered": 1}, {})
    more = said(ReturnReceived, 80, "r2", "wms", lines=(ReturnedPieces(line="a", quantity=1),))
    assert places(goods(THREE, TOLD, CAME, TO_ONE, back, more)) == {"returned": 1}
    lost = said(ShipmentLost, 70, "l", "carrier", shipment="P1")
    returning = scan(70, ScanStatus.RETURN_TO_SENDER, "s"), said(Delivered, 90, "home")
    for gone, where in (((lost,), "lost"), (returning, "returned")):
        found = goods(THREE, TOLD, TO_ONE, *gone)
        assert (places(found), surplus(found)) == ({where: 1}, {})


def test_the_customer_is_owed_the_pieces_that_an_edit_took_away_once() -> None:
    """An edit, and the return of the pieces that it took away, are one reason to give the money back."""
    back = said(ReturnReceived, 70, "r", "wms", lines=(ReturnedPieces(line="a", quantity=2),))
    paid = capture(1, "30.00", "c")
    assert facts(THREE, paid, TOLD, CAME, TO_ONE).refund.due == 20
    assert facts(THREE, paid, TOLD, CAME, TO_ONE, back).refund.due == 20


def test_a_later_edit_may_give_them_back_to_the_order() -> None:
    found = goods(THREE, TOLD, TO_ONE, edited(70, "e2", lines=lines(a=3)))
    assert (places(found), surplus(found)) == ({"on_the_way": 3}, {})


def test_components_and_shared_products_stay_in_their_parcel_too() -> None:
    def bundle(quantity: int) -> tuple[Line, ...]:
        parts = (Component(sku="cup", quantity=2), Component(sku="pot"))
        return (Line(id="a", sku="set", price=eur("10"), quantity=quantity, components=parts),)

    pieces = LinePieces(sku="cup", quantity=4), LinePieces(sku="pot", quantity=2)
    sent = said(HandedOver, 10, "p1", shipment="P1", lines=pieces)
    found = goods(bought(lines=bundle(2)), sent, edited(60, lines=bundle(1)))
    assert (found.pieces, surplus(found)) == ({"P1": {"a": 2}}, {"a": 1})

    def shared(*quantities: int) -> tuple[Line, ...]:
        named = zip("ab", quantities, strict=False)
        return tuple(Line(id=id, sku="cup", quantity=n, price=eur("10")) for id, n in named)

    sent = said(HandedOver, 10, "p1", shipment="P1", lines=cups(4))
    found = goods(bought(lines=shared(2, 2)), sent, edited(60, lines=shared(2, 1)))
    assert (found.pieces, surplus(found)) == ({"P1": {"a": 2, "b": 2}}, {"b": 1})
    found = goods(bought(lines=shared(2, 2)), sent, edited(60, lines=shared(2)))
    assert (found.pieces, surplus(found)) == ({"P1": {"a": 2, "b": 2}}, {"b": 2})


def test_more_pieces_than_the_order_ever_had_are_noticed_and_no_surplus() -> None:
    five = said(HandedOver, 10, "p1", shipment="P1", lines=of(a=5))
    assert surplus(goods(THREE, five)) == {}
    assert surplus(goods(THREE, five, TO_ONE)) == {"a": 2}
    assert [detail[:13] for _, detail in notices(THREE, five)] == ["2 more pieces"]


def test_the_edit_that_takes_away_what_left_has_a_notice_until_it_is_back() -> None:
    """And no statement of the warehouse becomes odd by it."""
    ((pointer, detail),) = notices(THREE, TOLD, TO_ONE)
    assert (pointer, detail[:21]) == ("/lines", "of line a, 2 had left")
    ((_, removed),) = notices(bought(lines=lines(a=3, b=1)), UNTOLD, edited(60, lines=lines(a=3)))
    assert removed.startswith("of line b, 1 had left")
    back = said(ReturnReceived, 70, "r", "wms", lines=(ReturnedPieces(line="a", quantity=2),))
    assert notices(THREE, TOLD, CAME, TO_ONE, back) == []
    assert notices(THREE, edited(5, lines=lines(a=1)), UNTOLD) == []
    assert notices(THREE, TOLD, dropped(60, lines=of(a=2))) == []


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(
    story=stories(),
    last=st.sampled_from(
        [
            *(edited(90, "last", lines=lines(a=a, b=b)) for a in (1, 2, 3) for b in (1, 2, 4)),
            *(edited(90, "last", lines=lines(a=n)) for n in (1, 3)),
            *(dropped(90, id="last", lines=of(a=n)) for n in (1, 2)),
            dropped(90, id="last"),
        ]
    ),
)
def test_no_later_edit_or_cancellation_makes_a_piece_vanish(story: list[Any], last: Any) -> None:
    before, after = facts(*story).goods, facts(*story, last).goods
    ordered = {one.line.id: one.line.quantity for one in before.lines}
    # Where an edit adds pieces, a parcel that did not leave may hold these.
    assume(all(one.line.quantity <= ordered.get(one.line.id, 0) for one in after.lines))
    left = {p.id for p in before.outbound if p.is_handed_over}
    untold = [p for p in before.outbound if p.told is None]
    for id in left & before.pieces.keys():
        if all(p.id in left for p in untold):
            assert after.pieces[id] == before.pieces[id]
    for one in after.lines:
        counts = [
            *(one.waiting, one.allocated, one.backordered, one.unavailable, one.in_parcels),
            *(one.on_the_way, one.delivered, one.returned, one.lost, one.surplus),
        ]
        assert min(counts) >= 0
        assert sum(counts) - one.surplus == one.kept
