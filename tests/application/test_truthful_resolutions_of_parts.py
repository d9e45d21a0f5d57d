"""What was done for one part of a case shows nothing for another: by the lines that each is about."""

from __future__ import annotations

from typing import Any

import pytest

from domain.cases.errors import NotDoneYet
from domain.cases.reasons import ResolutionReason as Reason
from domain.cases.truthful import require_truthful
from domain.orders.order import Order, order_stream
from domain.orders.payment_signals import RefundedPieces, RefundIssued
from domain.orders.shipment_signals import HandedOver, ShipmentLost
from domain.orders.signal_body import LinePieces
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService
from tests.domain.signals import ORDER, after, captured, line, money, placed, signal_fields


@pytest.fixture
def service() -> InMemoryService:
    """Lines A and B, each in a parcel of its own, and a third parcel of which nobody told what it holds;
    all three are lost."""
    found = InMemoryService(SHIPPED_RULEBOOK)
    lines = (line("30.00", id="A"), line("70.00", id="B"), line("5.00", id="C"))
    found.take(placed(lines=lines), captured(amount="105.00"), at=after(1))
    for shipment, held in (("P1", "A"), ("P2", "B"), ("P3", None)):
        pieces: dict[str, Any] = {"lines": (LinePieces(line=held, quantity=1),)} if held else {}
        over = HandedOver(**signal_fields(20, f"over-{shipment}", shipment=shipment, **pieces))
        lost = ShipmentLost(**signal_fields(40, f"lost-{shipment}", shipment=shipment))
        found.take(over, lost, at=after(41))
    return found


def is_shown(service: InMemoryService, reason: Reason, part: str) -> bool:
    order: Order = service.orders.current([order_stream(ORDER)])[order_stream(ORDER)]
    try:
        require_truthful(reason, service.only_case("lost"), order, [part])
    except NotDoneYet:
        return False
    return True


def refund(id: str, amount: str, *lines: str) -> RefundIssued:
    pieces = tuple(RefundedPieces(line=one, quantity=1) for one in lines)
    told = {"lines": pieces} if pieces else {}
    return RefundIssued(**signal_fields(42, id, refund=id, amount=money(amount), **told))


def test_a_refund_of_a_line_is_for_the_parcel_that_held_it(service: InMemoryService) -> None:
    parts = ("parcel:P1", "parcel:P2", "line:A", "line:B", "")
    assert not any(is_shown(service, Reason.REFUNDED, part) for part in parts)
    service.take(refund("re_1", "70.00", "B"), at=after(43))
    assert {part for part in parts if is_shown(service, Reason.REFUNDED, part)} == {
        *("parcel:P2", "line:B", "")
    }
    assert is_shown(service, Reason.REFUNDED, "refund:re_1")
    # The only parcel without lines holds what is nowhere else.
    assert not is_shown(service, Reason.REFUNDED, "parcel:P3")
    service.take(refund("re_2", "5.00", "C"), at=after(44))
    assert is_shown(service, Reason.REFUNDED, "parcel:P3")


def test_a_refund_of_an_amount_is_for_every_parcel(service: InMemoryService) -> None:
    service.take(refund("re_1", "70.00"), at=after(43))
    for part in ("parcel:P1", "parcel:P2", "parcel:P3", "line:A", "payment:captured"):
        assert is_shown(service, Reason.REFUNDED, part), part


def test_a_new_parcel_shows_that_its_lines_were_sent_again(service: InMemoryService) -> None:
    pieces = (LinePieces(line="A", quantity=1),)
    again = HandedOver(**signal_fields(45, "again", shipment="P9", lines=pieces))
    service.take(again, at=after(46))
    assert is_shown(service, Reason.RESHIPPED, "parcel:P1")
    assert not is_shown(service, Reason.RESHIPPED, "parcel:P2")
