"""An id that a signal gives only in `refs` counts as its own field of that name."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec import UNSET, structs

from domain.orders import payment_signals as payments
from domain.orders import return_signals as returns
from domain.orders.events import SignalRecorded
from domain.orders.facts import facts_of
from domain.orders.order import Order
from domain.orders.references import is_same_statement
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import (
    ClaimKind,
    CustomerClaimed,
    Delivered,
    LabelCreated,
    Scanned,
)
from domain.orders.signal_body import Refs, TrackingRef
from domain.orders.signals import Signal
from tests.domain.money import bought, capture, eur, said
from tests.domain.signals import ORDER, after

PLACED = bought("10.00", "20.00")


def in_refs(signal: type[Any], hours: float, id: str, refs: Refs, **more: Any) -> Any:
    return signal(source="psp", id=id, order=ORDER, event_time=after(hours), refs=refs, **more)


def refund(hours: float, id: str, **more: Any) -> Any:
    return said(payments.RefundIssued, hours, id, amount=eur("3.00"), **more)


def told_pairs() -> list[tuple[list[Signal], list[Signal]]]:
    """Statements with their ids in `refs` alone, and the same with the ids in their own fields."""
    opened = {"amount": eur("5.00"), "reason": "fraud"}
    tracked = TrackingRef(carrier="dhl", code="JJD1")
    claim = in_refs(CustomerClaimed, 5, "c", Refs(shipment="S1"), kind=ClaimKind.DAMAGED)
    label = said(LabelCreated, 2, "label", "wms", shipment="S1", carrier="dhl", tracking="JJD1")
    return [
        (
            [capture(1, "10.00", "ch_1", payment=None, refs=Refs(payment="pi_3"))],
            [capture(1, "10.00", "ch_1", payment="pi_3")],
        ),
        (
            [capture(1, "30.00", "c"), refund(2, "r", refs=Refs(refund="re_1", payment="pay"))],
            [capture(1, "30.00", "c"), refund(2, "r", refund="re_1", payment="pay")],
        ),
        (
            [in_refs(payments.DisputeOpened, 3, "d", Refs(dispute="dp", payment="pay"), **opened)],
            [said(payments.DisputeOpened, 3, "d", dispute="dp", payment="pay", **opened)],
        ),
        (
            [in_refs(returns.ReturnRequested, 3, "r", Refs(rma="RMA-1"))],
            [said(returns.ReturnRequested, 3, "r", rma="RMA-1")],
        ),
        (
            [label, in_refs(Delivered, 5, "d", Refs(shipment="S1"))],
            [label, said(Delivered, 5, "d", shipment="S1")],
        ),
        ([label, claim], [label, structs.replace(claim, refs=UNSET, shipment="S1")]),
        (
            [in_refs(Scanned, 5, "s", Refs(tracking=tracked), status=ScanStatus.IN_TRANSIT)],
            [said(Scanned, 5, "s", carrier="dhl", tracking="JJD1", status=ScanStatus.IN_TRANSIT)],
        ),
        (
            [in_refs(Delivered, 5, "d", Refs(fulfilment="F1"))],
            [said(Delivered, 5, "d", fulfilment="F1")],
        ),
    ]


@pytest.mark.parametrize(("in_references", "in_fields"), told_pairs())
def test_the_facts_are_those_of_the_same_statement_with_its_own_field(
    in_references: list[Signal], in_fields: list[Signal]
) -> None:
    assert facts_of([PLACED, *in_references]) == facts_of([PLACED, *in_fields])
    assert all(
        is_same_statement(one, other) for one, other in zip(in_references, in_fields, strict=True)
    )


@pytest.mark.parametrize(("in_references", "_"), told_pairs())
def test_the_facts_do_not_depend_on_the_order_of_arrival(
    in_references: list[Signal], _: list[Signal]
) -> None:
    signals = [PLACED, *in_references]
    for arrived in permutations(signals):
        order = Order(id=ORDER)
        for signal in arrived:
            order = order.after(SignalRecorded(signal=signal))
            order.facts  # noqa: B018 - computed after each signal, so that the next one adds to it
        assert order.facts == facts_of(signals)


def test_the_recorded_statement_stays_as_it_was_sent() -> None:
    sent = capture(1, "10.00", "ch_1", payment=None, refs=Refs(payment="pi_3"))
    order = Order(id=ORDER).after(SignalRecorded(signal=sent))
    assert [one.id for one in order.facts.money.payments] == ["pi_3"]
    assert order.signals[sent.key] == sent


def test_a_field_of_its_own_counts_before_the_reference() -> None:
    facts = facts_of([PLACED, capture(1, "10.00", "c", payment="pi_1", refs=Refs(payment="pi_2"))])
    assert [one.id for one in facts.money.payments] == ["pi_1"]
    tracked = TrackingRef(carrier="dhl", code="JJD1")
    own = said(LabelCreated, 2, "l", carrier="ups", tracking="1Z", refs=Refs(tracking=tracked))
    (parcel,) = facts_of([PLACED, own]).goods.parcels
    assert (parcel.carrier, parcel.tracking) == ("ups", "1Z")


def test_the_carrier_of_the_reference_reads_the_carriers_code() -> None:
    refs = Refs(tracking=TrackingRef(carrier="easypost", code="1"))
    named = said(Scanned, 5, "s", carrier="easypost", code="delivered")
    referred = in_refs(Scanned, 5, "s", refs, code="delivered")
    assert named.status is ScanStatus.DELIVERED
    assert (referred.status, referred.mapping) == (named.status, named.mapping)
