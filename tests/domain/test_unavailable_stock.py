"""Missing stock is a problem until its pieces are found, cancelled, edited out, sent, or given back."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from domain.orders.facts import facts_of
from domain.orders.purchase_signals import Line
from domain.orders.shipment_signals import HandedOver
from domain.orders.signals import Signal
from domain.orders.stock_signals import StockAllocated, StockUnavailable
from tests.domain.money import bought, capture, dropped, edited, eur, failure, pieces, refund, said
from tests.domain.signals import placed
from tests.domain.test_odd_statements import order_of
from tests.domain.test_pieces import of

PLACED = bought("10.00", "20.00")
PAID = capture(1, "30.00", "ch_1")
MISSING = said(StockUnavailable, 2, "u", "wms", lines=of(b=1))
LEFT = Line(id="a", sku="sku-a", price=eur("10.00"))


def is_open(*signals: Signal) -> bool | None:
    """The same in any order of arrival, and signal by signal."""
    found = {facts_of(arrived).stock.unavailable_open for arrived in permutations(signals)}
    found |= {order_of(a).facts.stock.unavailable_open for a in permutations(signals)}
    assert len(found) == 1
    return found.pop()


def test_without_a_word_of_it_nothing_is_known() -> None:
    assert is_open(PLACED, PAID) is None
    assert is_open(PLACED, PAID, MISSING) is True


GONE: list[Any] = [
    (said(StockAllocated, 5, "found", "wms", lines=of(b=1)),),
    (said(StockAllocated, 5, "found", "wms"),),
    (dropped(5, "b"),),
    (dropped(5),),
    (edited(5, lines=(LEFT,)),),
    (said(HandedOver, 5, "sent", "wms", shipment="P1", lines=of(b=1)),),
    (refund(5, "20.00", "r", lines=(pieces("b", 1),)),),
    (refund(5, "20.00", "r"),),
    (refund(5, "30.00", "r"),),
]


@pytest.mark.parametrize("more", GONE)
def test_it_is_gone(more: Any) -> None:
    assert is_open(PLACED, PAID, MISSING, *more) is False


STILL: list[Any] = [
    (said(StockAllocated, 5, "found", "wms", lines=of(a=1)),),
    (said(StockAllocated, 1, "before", "wms", lines=of(b=1)),),
    (dropped(5, "a"),),
    (refund(5, "10.00", "r", lines=(pieces("a", 1),)),),
    (refund(5, "5.00", "r"),),
    (refund(5, "20.00", "r"), failure(6, "20.00", "f")),
    (said(HandedOver, 5, "sent", "wms", shipment="P1", lines=of(a=1)),),
]


@pytest.mark.parametrize("more", STILL)
def test_it_is_not_gone(more: Any) -> None:
    assert is_open(PLACED, PAID, MISSING, *more) is True


def test_as_many_pieces_as_are_missing_are_to_be_given_back() -> None:
    order = bought(lines=(Line(id="a", price=eur("10.00"), quantity=3),))
    given = refund(5, "10.00", "r", lines=(pieces("a", 1),))
    assert is_open(order, PAID, structs.replace(MISSING, lines=of(a=1)), given) is False
    assert is_open(order, PAID, structs.replace(MISSING, lines=of(a=2)), given) is True


def test_where_the_lines_are_not_known_an_allocation_ends_it() -> None:
    unknown = placed(lines=(), lines_complete=False)
    missing = said(StockUnavailable, 2, "u", "wms", skus=("sku-b",))
    assert is_open(unknown, missing) is True
    assert is_open(unknown, missing, said(StockAllocated, 5, "f", "wms", skus=("sku-b",))) is False
    assert is_open(unknown, missing, said(StockAllocated, 5, "f", "wms", skus=("sku-c",))) is True
    assert is_open(unknown, PAID, missing, refund(5, "30.00", "r")) is False


def test_a_line_that_the_order_never_had_stays_a_problem() -> None:
    strange = structs.replace(MISSING, lines=of(z=1))
    assert is_open(PLACED, PAID, strange) is True
    right = structs.replace(MISSING, id="right", replaces="u")
    assert is_open(PLACED, PAID, strange, right) is True
    assert is_open(PLACED, PAID, strange, right, dropped(5, "b")) is False
