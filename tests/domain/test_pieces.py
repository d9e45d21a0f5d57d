"""Where the pieces of an order are. Each piece is always in one place."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.goods import Goods
from domain.orders.purchase_signals import Component, Line
from domain.orders.return_signals import ReturnedPieces, ReturnReceived
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import (
    Delivered,
    HandedOver,
    LabelCreated,
    Scanned,
    ShipmentCancelled,
    ShipmentLost,
)
from domain.orders.signal_body import LinePieces, SignalRetracted
from domain.orders.signals import Signal
from domain.orders.stock_signals import Backordered, StockAllocated, StockUnavailable
from tests.domain.money import bought, dropped, edited, eur, facts, said
from tests.domain.signals import BOUNDED_SETTINGS, after

PLACES = (
    *("waiting", "allocated", "backordered", "unavailable", "in_parcels"),
    *("on_the_way", "delivered", "returned", "lost"),
)


def lines(**quantities: int) -> tuple[Line, ...]:
    return tuple(Line(id=id, quantity=n, price=eur("10")) for id, n in quantities.items())


def of(**quantities: int) -> tuple[LinePieces, ...]:
    return tuple(LinePieces(line=line, quantity=n) for line, n in quantities.items())


def goods(*signals: Signal) -> Goods:
    return facts(*signals).goods


def places(found: Goods, line: str = "a") -> dict[str, int]:
    """The places of a line that have pieces."""
    one = found.line(line)
    assert one is not None
    return {name: count for name in PLACES if (count := getattr(one, name))}


def scan(hours: float, status: ScanStatus, id: str, shipment: str = "P1") -> Any:
    return said(Scanned, hours, id, "carrier", shipment=shipment, status=status)


def test_a_line_is_split_between_parcels_and_what_waits() -> None:
    found = goods(
        bought(lines=lines(a=5)),
        said(HandedOver, 10, "p1", shipment="P1", lines=of(a=2)),
        said(LabelCreated, 11, "p2", shipment="P2", lines=of(a=1)),
        said(Delivered, 50, "here", shipment="P1"),
    )
    assert places(found) == {"waiting": 2, "in_parcels": 1, "delivered": 2}
    assert found.delivered_at is None


def test_pieces_of_a_cancelled_line_are_nowhere() -> None:
    found = goods(bought(lines=lines(a=2, b=1)), dropped(5, "a"))
    one = found.line("a")
    assert one is not None
    assert (one.kept, one.cancelled, places(found)) == (0, 2, {})
    assert places(found, "b") == {"waiting": 1}
    assert found.cancelled_at is None


def test_an_order_is_delivered_without_its_cancelled_pieces() -> None:
    found = goods(
        bought(lines=lines(a=2, b=1)),
        dropped(5, lines=of(a=1, b=1)),
        said(HandedOver, 10, "p1", shipment="P1", lines=of(a=1)),
        said(Delivered, 50, "here", shipment="P1"),
    )
    assert found.delivered_at == after(50)


def test_an_edit_states_the_lines_net_of_what_was_cancelled_before() -> None:
    cancelled = dropped(5, lines=of(a=1))
    found = goods(bought(lines=lines(a=3)), cancelled, edited(8, lines=lines(a=2)))
    assert places(found) == {"waiting": 2}
    found = goods(bought(lines=lines(a=3)), cancelled, edited(4, lines=lines(a=2)))
    assert places(found) == {"waiting": 1}


def test_a_parcel_without_lines_holds_all_that_is_nowhere_else() -> None:
    found = goods(
        bought(lines=lines(a=3, b=1)),
        said(HandedOver, 10, "p1", shipment="P1", lines=of(a=1)),
        said(HandedOver, 11, "p2", shipment="P2"),
    )
    assert (places(found), places(found, "b")) == ({"on_the_way": 3}, {"on_the_way": 1})
    assert found.pieces == {"P1": {"a": 1}, "P2": {"a": 2, "b": 1}}


def test_several_parcels_without_lines_deliver_when_all_of_them_are_delivered() -> None:
    story = [
        bought(lines=lines(a=2)),
        said(HandedOver, 10, "p1", shipment="P1"),
        said(HandedOver, 11, "p2", shipment="P2"),
        said(Delivered, 50, "first", shipment="P1"),
    ]
    found = goods(*story)
    assert (places(found), found.pieces, found.delivered_at) == ({"on_the_way": 2}, {}, None)
    found = goods(*story, said(Delivered, 60, "second", shipment="P2"))
    assert (places(found), found.delivered_at) == ({"delivered": 2}, after(60))


def test_a_parcel_that_is_delivered_after_its_return_is_back() -> None:
    found = goods(
        bought(lines=lines(a=2)),
        said(HandedOver, 10, "p1", shipment="P1"),
        scan(30, ScanStatus.RETURN_TO_SENDER, "back"),
        said(Delivered, 50, "here", shipment="P1"),
    )
    assert (places(found), found.delivered_at) == ({"returned": 2}, None)
    assert found.parcels[0].back_at == after(50)


def test_pieces_of_a_cancelled_parcel_wait_again() -> None:
    found = goods(
        bought(lines=lines(a=2)),
        said(LabelCreated, 10, "p1", shipment="P1", lines=of(a=2)),
        said(ShipmentCancelled, 12, "stop", shipment="P1"),
    )
    assert places(found) == {"waiting": 2}


def test_pieces_of_a_lost_parcel_are_lost_until_it_is_delivered() -> None:
    story = [
        bought(lines=lines(a=2)),
        said(HandedOver, 10, "p1", shipment="P1"),
        said(ShipmentLost, 40, "lost", shipment="P1"),
    ]
    assert places(goods(*story)) == {"lost": 2}
    found = goods(*story, said(Delivered, 50, "here", shipment="P1"))
    assert (places(found), found.delivered_at) == ({"delivered": 2}, after(50))


def test_what_the_warehouse_says_is_about_pieces_that_are_not_sent() -> None:
    found = goods(
        bought(lines=lines(a=5)),
        said(StockAllocated, 5, "all", lines=of(a=2)),
        said(Backordered, 6, "later", lines=of(a=1)),
        said(StockUnavailable, 7, "none", lines=of(a=1)),
        said(HandedOver, 10, "p1", shipment="P1", lines=of(a=1)),
    )
    assert places(found) == {
        "waiting": 1,
        "allocated": 1,
        "backordered": 1,
        "unavailable": 1,
        "on_the_way": 1,
    }


def test_a_returned_piece_is_no_longer_with_the_customer() -> None:
    received = said(ReturnReceived, 90, "back", "wms", lines=(ReturnedPieces(line="a"),))
    story = [bought(lines=lines(a=1)), said(Delivered, 50, "here"), received]
    assert places(goods(*story)) == {"returned": 1}
    assert places(goods(*story[:2])) == {"delivered": 1}


def test_a_statement_that_was_retracted_moves_no_piece() -> None:
    story = [bought(lines=lines(a=1)), said(Delivered, 50, "here")]
    found = goods(*story, said(SignalRetracted, 60, "never", of="here"))
    assert (places(found), found.delivered_at, found.parcels) == ({"waiting": 1}, None, ())


@st.composite
def statements(draw: st.DrawFn, n: int) -> Signal:
    """One statement about the pieces of an order of two lines."""
    hours, id = draw(st.integers(0, 60)), f"s{n}"
    some = tuple(
        LinePieces(line=line, quantity=draw(st.integers(1, 3)))
        for line in draw(st.sampled_from(["a", "b", "ab"]))
    )
    shipment = draw(st.sampled_from(["P1", "P2", "P3"]))
    kind = draw(st.sampled_from(["parcel"] * 4 + ["stock", "order", "other"]))
    if kind == "parcel":
        of = draw(st.sampled_from([LabelCreated, HandedOver, HandedOver, Delivered, ShipmentLost]))
        more = draw(st.sampled_from([{}, {"lines": some}]))
        return said(of, hours, id, "wms", shipment=shipment, **more)
    if kind == "stock":
        of = draw(st.sampled_from([StockAllocated, StockUnavailable, Backordered]))
        return said(of, hours, id, "wms", **draw(st.sampled_from([{}, {"lines": some}])))
    if kind == "order":
        return draw(
            st.sampled_from(
                [
                    dropped(hours, id=id),
                    dropped(hours, id=id, lines=some),
                    edited(hours, id, lines=lines(a=1, b=3)),
                    edited(hours, id, lines=lines(a=2)),
                ]
            )
        )
    returned = tuple(ReturnedPieces(line=one.line, quantity=one.quantity) for one in some)
    return draw(
        st.sampled_from(
            [
                scan(hours, ScanStatus.RETURN_TO_SENDER, id, shipment),
                scan(hours, ScanStatus.IN_TRANSIT, id, shipment),
                said(ShipmentCancelled, hours, id, "wms", shipment=shipment),
                said(ReturnReceived, hours, id, "wms", lines=returned),
                said(SignalRetracted, hours, id, "wms", of="s0"),
            ]
        )
    )


@st.composite
def stories(draw: st.DrawFn) -> list[Signal]:
    count = draw(st.integers(0, 9))
    return [bought(lines=lines(a=3, b=2)), *(draw(statements(n)) for n in range(count))]


@settings(BOUNDED_SETTINGS, max_examples=300)
@given(story=stories(), chance=st.randoms(use_true_random=False))
def test_each_piece_is_in_one_place_in_any_order_of_arrival(story, chance) -> None:
    found = goods(*story)
    assert goods(*chance.sample(story, len(story))) == found
    for one in found.lines:
        counts = [getattr(one, name) for name in PLACES]
        assert min(counts) >= 0
        assert sum(counts) == one.kept == one.line.quantity - one.cancelled >= 0


TWO_LINES_OF_ONE_PRODUCT = tuple(
    Line(id=id, sku="cup", quantity=2, price=eur("10")) for id in ("a", "b")
)


def cups(quantity: int | None) -> tuple[LinePieces, ...]:
    return (LinePieces(sku="cup", quantity=quantity),)


def test_a_shared_product_fills_its_lines_over_all_parcels() -> None:
    found = goods(
        bought(lines=TWO_LINES_OF_ONE_PRODUCT),
        said(Delivered, 10, "p1", shipment="P1", lines=cups(3)),
        said(HandedOver, 11, "p2", shipment="P2", lines=cups(1)),
    )
    assert places(found, "a") == {"delivered": 2}
    assert places(found, "b") == {"delivered": 1, "on_the_way": 1}


def test_pieces_that_name_their_line_come_before_those_of_a_shared_product() -> None:
    found = goods(
        bought(lines=TWO_LINES_OF_ONE_PRODUCT),
        said(HandedOver, 10, "p1", shipment="P1", lines=cups(3)),
        said(HandedOver, 11, "p2", shipment="P2", lines=of(a=1)),
    )
    assert (places(found, "a"), places(found, "b")) == ({"on_the_way": 2}, {"on_the_way": 2})


def test_lost_pieces_of_a_shared_product_can_be_sent_again() -> None:
    again = cups(4), cups(None)
    for pieces in again:
        found = goods(
            bought(lines=TWO_LINES_OF_ONE_PRODUCT),
            said(HandedOver, 10, "p1", shipment="P1", lines=cups(4)),
            said(ShipmentLost, 20, "lost", "carrier", shipment="P1"),
            said(Delivered, 30, "p2", shipment="P2", lines=pieces),
        )
        assert (places(found, "a"), places(found, "b")) == ({"delivered": 2}, {"delivered": 2})


def test_stock_of_a_shared_product_fills_its_lines_over_all_statements() -> None:
    found = goods(
        bought(lines=TWO_LINES_OF_ONE_PRODUCT),
        said(StockAllocated, 1, "s1", lines=cups(3)),
        said(Backordered, 2, "s2", lines=cups(1)),
    )
    assert places(found, "a") == {"allocated": 2}
    assert places(found, "b") == {"allocated": 1, "backordered": 1}


def received(hours: float, id: str, rma: str, source: str, *pieces: ReturnedPieces) -> Any:
    return said(ReturnReceived, hours, id, source, rma=rma, lines=pieces)


def test_a_bundle_is_returned_once_all_of_its_components_are() -> None:
    bundle = Line(
        id="a",
        sku="set",
        price=eur("10"),
        components=(Component(sku="cup", quantity=2), Component(sku="pot")),
    )
    out = (bought(lines=(bundle,)), said(Delivered, 10, "p1", shipment="P1"))
    back_cups = received(20, "r1", "R1", "wms", ReturnedPieces(sku="cup", quantity=2))
    back_pot = received(21, "r2", "R2", "wms", ReturnedPieces(sku="pot", quantity=1))
    assert places(goods(*out, back_cups)) == {"delivered": 1}
    assert places(goods(*out, back_cups, back_pot)) == {"returned": 1}


def test_two_systems_that_report_one_return_mean_the_same_pieces() -> None:
    out = (bought(lines=lines(a=3)), said(Delivered, 10, "p1", shipment="P1"))
    by_wms = received(20, "r1", "R1", "wms", ReturnedPieces(line="a", quantity=1))
    by_shop = received(21, "r2", "R1", "shop", ReturnedPieces(line="a", quantity=1))
    other = received(22, "r3", "R2", "shop", ReturnedPieces(line="a", quantity=1))
    assert places(goods(*out, by_wms, by_shop)) == {"delivered": 2, "returned": 1}
    assert places(goods(*out, by_wms, by_shop, other)) == {"delivered": 1, "returned": 2}


def test_only_pieces_that_arrived_come_back() -> None:
    found = goods(
        bought(lines=TWO_LINES_OF_ONE_PRODUCT),
        said(Delivered, 10, "p1", shipment="P1", lines=of(b=2)),
        received(20, "r1", "R1", "wms", ReturnedPieces(sku="cup", quantity=1)),
    )
    assert places(found, "b") == {"delivered": 1, "returned": 1}


def test_pieces_of_a_shared_product_are_those_that_were_not_cancelled() -> None:
    cancelled = dropped(9, id="c1", lines=of(a=2))
    sent = said(Delivered, 10, "p1", shipment="P1", lines=cups(2))
    found = goods(bought(lines=TWO_LINES_OF_ONE_PRODUCT), cancelled, sent)
    assert (places(found, "a"), places(found, "b")) == ({}, {"delivered": 2})
    more = said(Delivered, 10, "p1", shipment="P1", lines=cups(4))
    found = goods(bought(lines=TWO_LINES_OF_ONE_PRODUCT), cancelled, more)
    assert places(found, "b") == {"delivered": 2}
