"""A statement with its order, and in `refs` a reference of another order: its sender is told."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec import UNSET, structs

from domain.money import PositiveMoney
from domain.orders import payment_signals as payments
from domain.orders.return_signals import ReturnAuthorized, ReturnReceived
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import HandedOver, LabelCreated, Scanned
from domain.orders.signal_body import Refs, TrackingRef
from domain.orders.signals import Signal
from domain.orders.stock_signals import Released
from tests.application.in_memory_service import InMemoryService
from tests.domain.money import eur
from tests.domain.signals import after, approved, captured, delivered, placed

SUM = PositiveMoney(amount=eur("10.00").amount, currency="EUR")
T1 = TrackingRef(code="T1", carrier="dhl")


def of(order: str, signal: Any, hours: float, id: str, **more: Any) -> Any:
    return signal(source="psp", id=id, order=order, event_time=after(hours), **more)


def wrong(refs: Refs, hours: float = 5, **more: Any) -> Any:
    """A statement of order o-2 with these references."""
    return captured(hours, id="wrong", order="o-2", refs=refs, **more)


OWN: list[tuple[Signal, Refs]] = [
    (placed(refs=Refs(order_number="#1001")), Refs(order_number="#1001")),
    (placed(refs=Refs(checkout="co_1")), Refs(checkout="co_1")),
    (approved(2, payment="pi_1"), Refs(payment="pi_1")),
    (of("o-1", payments.RefundIssued, 3, "r", refund="re_1", amount=SUM), Refs(refund="re_1")),
    (of("o-1", payments.DisputeOpened, 3, "d", dispute="dp_1"), Refs(dispute="dp_1")),
    (of("o-1", ReturnAuthorized, 3, "ra", rma="R1"), Refs(rma="R1")),
    (of("o-1", Released, 3, "f", refs=Refs(fulfilment="F1")), Refs(fulfilment="F1")),
    (of("o-1", LabelCreated, 3, "l", shipment="S1"), Refs(shipment="S1")),
    (of("o-1", LabelCreated, 3, "l", carrier="dhl", tracking="T1"), Refs(tracking=T1)),
]
by_reference = pytest.mark.parametrize(("own", "refs"), OWN)


@by_reference
def test_the_sender_is_told_whose_the_reference_is(own: Signal, refs: Refs) -> None:
    service = InMemoryService()
    service.take(placed(id="p"), own, placed(id="p", order="o-2"), at=after(4))
    (receipt,) = service.take(wrong(refs), at=after(6))
    (notice,) = receipt.notices
    (kind,) = structs.asdict(refs).keys() & {k for k, v in structs.asdict(refs).items() if v}
    assert receipt.outcome == "recorded"
    assert notice.pointer == f"/refs/{kind}"
    assert "is of order o-1. This statement counts for the order that it names" in notice.detail


@by_reference
def test_the_reference_still_leads_to_its_order(own: Signal, refs: Refs) -> None:
    for arrived in permutations([own, wrong(refs)]):
        service = InMemoryService()
        service.take(*arrived, at=after(6))
        (receipt,) = service.take(delivered(7, order="", refs=refs), at=after(8))
        assert receipt.orders == ("o-1",)


@by_reference
def test_a_signal_that_waits_finds_its_order_although_another_one_mentions_it(
    own: Signal, refs: Refs
) -> None:
    for arrived in permutations([own, wrong(refs), delivered(7, order="", refs=refs)]):
        service = InMemoryService()
        for signal in arrived:
            service.take(signal, at=after(8))
        order = service.order("o-1")
        assert "test/delivered" in {s.key for s in order.signals.values()}
        assert order.facts.milestones.delivered_at == after(7)


def test_one_batch_tells_the_same() -> None:
    service = InMemoryService()
    *_, receipt = service.take(
        placed(), approved(2, payment="pi_1"), wrong(Refs(payment="pi_1")), at=after(6)
    )
    assert [one.pointer for one in receipt.notices] == ["/refs/payment"]


def test_a_reference_of_its_own_order_is_not_odd() -> None:
    service = InMemoryService()
    service.take(placed(refs=Refs(order_number="#1")), approved(2, payment="pi_1"), at=after(4))
    refs = Refs(order_number="#1", payment="pi_1", refund="re_new")
    (receipt,) = service.take(captured(5, refs=refs), at=after(6))
    assert receipt.notices == []


def test_orders_of_two_shops_may_have_one_number() -> None:
    service = InMemoryService()
    service.take(placed(shop="de", refs=Refs(order_number="#1")), at=after(4))
    (receipt,) = service.take(placed(shop="fr", refs=Refs(order_number="#1")), at=after(4))
    assert receipt.notices == []


def test_two_orders_that_state_one_number_make_it_ambiguous_and_the_second_is_told() -> None:
    service = InMemoryService()
    service.take(placed(refs=Refs(order_number="#1")), at=after(4))
    second = placed(order="o-2", refs=Refs(order_number="#1"))
    (receipt,) = service.take(second, at=after(4))
    (notice,) = receipt.notices
    assert notice.pointer == "/refs/order_number"
    assert "is also named by order o-1" in notice.detail
    (held,) = service.take(captured(5, order="", refs=Refs(order_number="#1")), at=after(6))
    assert held.outcome == "held"


def test_several_orders_may_have_one_parcel() -> None:
    service = InMemoryService()
    service.take(of("o-1", LabelCreated, 3, "l1", carrier="dhl", tracking="T1"), at=after(4))
    second = of("o-2", HandedOver, 4, "h2", refs=Refs(tracking=T1))
    (receipt,) = service.take(second, at=after(4))
    assert receipt.notices == []
    scan = of("", Scanned, 9, "s", refs=Refs(tracking=T1), status=ScanStatus.DELIVERED)
    (found,) = service.take(scan, at=after(10))
    assert found.orders == ("o-1", "o-2")


def test_a_mention_days_later_does_not_take_the_parcel_away() -> None:
    service = InMemoryService()
    service.take(of("o-1", LabelCreated, 3, "l1", carrier="dhl", tracking="T1"), at=after(4))
    service.take(wrong(Refs(tracking=T1), 99), at=after(100))
    scan = of("", Scanned, 120, "s", refs=Refs(tracking=T1), status=ScanStatus.DELIVERED)
    (found,) = service.take(scan, at=after(120))
    assert found.orders == ("o-1",)


def test_where_each_order_only_mentions_it_at_one_time_nobody_knows_whose_it_is() -> None:
    service = InMemoryService()
    for order in ("o-1", "o-2"):
        service.take(captured(5, order=order, refs=Refs(checkout="co_1")), at=after(6))
    (held,) = service.take(delivered(7, order="", refs=Refs(checkout="co_1")), at=after(8))
    assert held.outcome == "held"
    (before,) = service.take(
        of("o-3", ReturnReceived, 2, "b", refs=Refs(checkout="co_1")), at=after(8)
    )
    assert before.notices == []
    assert "test/delivered" in service.order("o-3").signals


def test_a_notice_goes_away_when_the_wrong_statement_is_replaced() -> None:
    service = InMemoryService()
    service.take(placed(), approved(2, payment="pi_1"), wrong(Refs(payment="pi_1")), at=after(6))
    foreign = service.intake.foreign
    assert len(foreign.of_order(service.order("o-2"), lambda _: True)) == 1
    assert foreign.of_order(service.order("o-2"), lambda order: order.id != "o-1") == []
    right = captured(5, id="right", order="o-2", replaces="wrong", refs=UNSET)
    service.take(right, at=after(7))
    assert foreign.of_order(service.order("o-2"), lambda _: True) == []
