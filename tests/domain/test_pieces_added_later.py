"""What was told of an order or its parcels later is not in a parcel that left before."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from domain.orders.facts import facts_of
from domain.orders.goods import Goods
from domain.orders.order import Order
from domain.orders.purchase_signals import Line
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnedPieces,
    ReturnLabelCreated,
    ReturnReceived,
    ReturnRequested,
)
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import Delivered, HandedOver, LabelCreated, Scanned
from domain.orders.signals import Signal
from tests.domain.money import bought, capture, edited, eur, facts, said
from tests.domain.signals import after
from tests.domain.test_odd_statements import notices, order_of
from tests.domain.test_pieces import lines, of, places

SENT = said(HandedOver, 10, "p1", shipment="P1")
CAME = said(Delivered, 50, "d1", shipment="P1")


def goods(*signals: Signal) -> Goods:
    """The goods: the same in any order of arrival, and signal by signal."""
    found = facts_of(signals)
    assert all(order_of(arrived).facts == found for arrived in permutations(signals))
    return found.goods


@pytest.mark.parametrize("left", [(SENT, CAME), (CAME,)])
def test_a_piece_that_an_edit_adds_is_not_in_the_parcel_that_left_before(left: Any) -> None:
    more = goods(bought(lines=lines(a=2)), *left, edited(60, lines=lines(a=3, b=1)))
    assert places(more) == {"delivered": 2, "waiting": 1}
    assert places(more, "b") == {"waiting": 1}
    assert more.delivered_at is None
    assert more.pieces == {"P1": {"a": 2}}


def test_a_piece_that_an_edit_added_before_the_parcel_left_is_in_it() -> None:
    found = goods(bought(lines=lines(a=2)), edited(5, lines=lines(a=3)), SENT, CAME)
    assert places(found) == {"delivered": 3}
    assert found.delivered_at == after(50)


def test_lines_that_nobody_told_before_the_parcel_left_are_in_it() -> None:
    unknown = bought(lines=(), lines_complete=False)
    for first in (unknown, bought(lines=())):
        found = goods(first, SENT, CAME, edited(60, lines=lines(a=2)))
        assert places(found) == {"delivered": 2}
    late = structs.replace(bought(lines=lines(a=2)), event_time=after(70))
    assert places(goods(late, SENT, CAME)) == {"delivered": 2}


def test_the_added_piece_arrives_with_a_parcel_of_its_own() -> None:
    story = bought(lines=lines(a=2)), SENT, CAME, edited(60, lines=lines(a=3))
    told = said(HandedOver, 70, "p2", shipment="P2", lines=of(a=1))
    assert places(goods(*story, told)) == {"delivered": 2, "on_the_way": 1}
    untold = structs.replace(told, lines=CAME.lines)
    came = said(Delivered, 90, "d2", shipment="P2")
    assert places(facts(*story, untold).goods) == {
        "on_the_way": 3
    }  # which piece is where is unknown
    assert facts(*story, untold, came).goods.delivered_at == after(90)


def test_pieces_in_a_parcel_with_lines_that_left_before_are_not_in_the_other() -> None:
    first = said(HandedOver, 9, "p0", shipment="P0", lines=of(a=1))
    found = facts(bought(lines=lines(a=3)), first, SENT, CAME, edited(60, lines=lines(a=4))).goods
    assert places(found) == {"on_the_way": 1, "delivered": 2, "waiting": 1}


def test_a_line_without_an_id_may_get_another_name() -> None:
    def pots(*prices: str) -> tuple[Line, ...]:
        return tuple(Line(sku="POT", price=eur(price)) for price in prices)

    found = goods(bought(lines=pots("1.00")), SENT, CAME, edited(60, lines=pots("1.00", "2.00")))
    assert [one.line.id for one in found.lines] == ["POT#1", "POT#2"]
    assert found.delivered_at == after(50)


@pytest.mark.parametrize(
    "said_so", [said(Delivered, 50, "d"), said(Scanned, 50, "d", status=ScanStatus.DELIVERED)]
)
def test_a_delivery_without_a_parcel_is_of_those_that_were_told_by_then(said_so: Signal) -> None:
    first = said(HandedOver, 10, "p1", shipment="P1", lines=of(a=1))
    second = said(LabelCreated, 60, "p2", shipment="P2", lines=of(a=1))
    found = goods(bought(lines=lines(a=2)), first, second, said_so)
    assert places(found) == {"delivered": 1, "in_parcels": 1}
    both = goods(
        bought(lines=lines(a=2)), first, structs.replace(second, event_time=after(20)), said_so
    )
    assert places(both) == {"delivered": 2}
    # Where no parcel was told by then, a clock is wrong: it is of all of them.
    late = structs.replace(first, event_time=after(70))
    assert places(goods(bought(lines=lines(a=2)), late, second, said_so)) == {"delivered": 2}


RECEIVED = said(ReturnReceived, 90, "back", "wms", rma="R1")


def test_a_return_of_the_only_piece_is_of_that_one() -> None:
    story = bought("50.00"), capture(1, "50.00", "c"), SENT, CAME, RECEIVED
    assert places(goods(*story)) == {"returned": 1}
    assert facts(*story).refund.due == 50
    assert notices(*story) == []


@pytest.mark.parametrize("order", [bought(lines=lines(a=2)), bought("5.00", "6.00")])
def test_a_return_of_unknown_pieces_is_noticed_until_somebody_tells_them(order: Signal) -> None:
    story = order, SENT, CAME, RECEIVED
    assert places(goods(*story)).get("returned", 0) == 0
    ((pointer, detail),) = notices(*story)
    assert (pointer, detail[:42]) == ("", "nobody has told which pieces came back, so")
    pieces = (ReturnedPieces(line="a", quantity=1),)
    for kind in (ReturnRequested, ReturnAuthorized, ReturnLabelCreated):
        told = said(kind, 80, "told", rma="R1", lines=pieces)
        assert places(goods(*story, told))["returned"] == 1
        order_with = (*story, told)
        assert notices(*order_with) == []


def test_a_return_before_the_lines_are_known_is_not_odd() -> None:
    assert notices(RECEIVED) == []
    assert Order(id="o").notices == ()
