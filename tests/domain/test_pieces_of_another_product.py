"""Pieces whose `sku` is not that of their line count for the line, and a notice says so."""

from __future__ import annotations

from typing import Any

import pytest

from domain.orders.order import Order
from domain.orders.payment_signals import RefundedPieces
from domain.orders.purchase_signals import Component, Line, OrderCancelled
from domain.orders.return_signals import ReturnedPieces, ReturnReceived
from domain.orders.shipment_signals import LabelCreated
from domain.orders.signal_body import LinePieces
from domain.orders.signals import Signal
from domain.orders.stock_signals import StockAllocated
from tests.domain.money import bought, eur, refund, said

CUPS = (Component(sku="cup", quantity=2),)
LINES = (
    Line(id="a", sku="kettle", price=eur("60")),
    Line(id="set", sku="tea-set", price=eur("40"), components=CUPS),
    Line(id="custom", price=eur("5")),
)


def ordered(*signals: Signal) -> Order:
    order = Order(id="o-1")
    for signal in (bought(lines=LINES), *signals):
        recorded = order.record(signal)
        assert recorded is not None
        order = order.after(recorded)
    return order


def of(kind: type[Any], **more: Any) -> Signal:
    signal: Signal = said(kind, 3, "s", "wms", **more)
    return signal


def statements(line: str, sku: str) -> list[Signal]:
    pieces = {"line": line, "sku": sku, "quantity": 1}
    return [
        of(OrderCancelled, lines=(LinePieces(**pieces),)),
        of(StockAllocated, lines=(LinePieces(**pieces),)),
        of(LabelCreated, shipment="P", lines=(LinePieces(**pieces),)),
        of(ReturnReceived, rma="R", lines=(ReturnedPieces(**pieces),)),
        refund(
            3, "1", "s", "wms", payment=None, lines=(RefundedPieces(**pieces, amount=eur("1")),)
        ),
    ]


@pytest.mark.parametrize("n", range(5))
def test_pieces_of_another_product_are_noticed(n: int) -> None:
    order = ordered(statements("a", "tea-set")[n])
    (notice,) = order.notices_about("wms/s")
    assert order.notices == (notice,)
    assert (notice.pointer, "line a is kettle, not tea-set" in notice.detail) == (
        "/lines/0/sku",
        True,
    )


@pytest.mark.parametrize(
    ("line", "sku"), [("a", "kettle"), ("set", "tea-set"), ("set", "cup"), ("custom", "engraving")]
)
def test_pieces_of_their_own_product_or_of_a_component_are_not(line: str, sku: str) -> None:
    for statement in statements(line, sku):
        assert ordered(statement).notices == ()
