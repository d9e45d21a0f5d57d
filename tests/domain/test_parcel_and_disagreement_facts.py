"""Facts about parcels and about disagreements of systems, from a few signals each."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from domain.orders.facts import facts_of
from domain.orders.scan_status import IncidentReason
from tests.domain.exception_signals import (
    backordered,
    checked,
    decided,
    labelled,
    level,
    not_delivered,
    scan,
    screened,
    stated,
)
from tests.domain.signals import (
    after,
    allocated,
    approved,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    released,
)


def test_a_parcel_without_a_tracking_number_expects_no_scans() -> None:
    parcel = facts_of([handed_over(20), scan(30)]).parcel
    assert (parcel.last_heard_at, parcel.on_the_way) == (None, None)


def test_the_parcel_without_scans_for_longest_counts() -> None:
    signals = [
        handed_over(20, id="a", shipment="a", tracking="1"),
        handed_over(22, id="b", shipment="b", tracking="2"),
        scan(40, shipment="a"),
    ]
    assert facts_of(signals).parcel.last_heard_at == after(22)
    assert facts_of([*signals, scan(50)]).parcel.last_heard_at == after(50)
    arrived = facts_of([*signals, delivered(60, shipment="b")]).parcel
    assert (arrived.last_heard_at, arrived.on_the_way, arrived.all_arrived) == (
        after(40),
        True,
        False,
    )


def test_a_delivery_without_a_parcel_number_covers_all_parcels() -> None:
    signals = [labelled(3, "a", "1"), handed_over(20, shipment="b", tracking="2"), delivered(60)]
    parcel = facts_of(signals).parcel
    assert (parcel.known, parcel.all_arrived, parcel.on_the_way) == (Decimal(2), True, False)


def test_a_label_alone_starts_no_clock() -> None:
    assert facts_of([labelled(3, "a", "1")]).parcel.last_heard_at is None


def test_the_latest_incident_counts() -> None:
    signals = [
        scan(30, incident=IncidentReason.CUSTOMS_DELAY),
        not_delivered(40, incident=IncidentReason.CONSIGNEE_NOT_HOME),
    ]
    incident = facts_of(signals).incident
    assert (incident.reason, incident.fault_party) == ("consignee_not_home", "consignee")
    assert (incident.by_customs, incident.by_consignee) == (True, False)


@pytest.mark.parametrize(
    ("signals", "at"),
    [
        ([allocated(2), approved(1)], 2),
        ([allocated(2), captured(5), approved(4)], 4),
        ([allocated(2)], None),
        ([approved(1), captured(1)], None),
        ([allocated(2), approved(1), screened(3, "accept")], 3),
        ([allocated(2), approved(1), screened(3, "review")], None),
        ([allocated(2), approved(1), screened(3, "review"), decided(9, "accept")], 9),
    ],
)
def test_an_order_is_ready_when_stock_payment_and_screening_are_complete(signals, at) -> None:
    ready = facts_of(signals).milestones.ready_for_release_at
    assert ready == (None if at is None else after(at))


@pytest.mark.parametrize(
    ("signals", "due"),
    [
        ([approved(1, expires_at=after(100))], 76),
        ([approved(1, expires_at=after(100)), captured(2)], None),
        ([approved(1, expires_at=after(100)), captured(2, payment="q")], None),
        ([approved(1, payment="p", expires_at=after(100)), captured(2, payment="q")], 76),
        (
            [
                approved(1, payment="p", expires_at=after(100)),
                approved(50, id="again", payment="p", expires_at=after(200)),
            ],
            176,
        ),
        ([approved(1)], None),
    ],
)
def test_a_capture_is_due_a_day_before_its_authorization_expires(signals, due) -> None:
    at = facts_of(signals).payment.capture_due_at
    assert at == (None if due is None else after(due))


def test_half_of_the_promised_time_ends_half_way_but_not_before_the_first_warehouse_signal() -> (
    None
):
    promise = facts_of([promising()]).promise
    assert (promise.half_over_at, promise.half_over_in_warehouse_at) == (after(126), None)
    assert facts_of([promising(), released(6)]).promise.half_over_in_warehouse_at == after(126)
    assert facts_of([promising(), released(200)]).promise.half_over_in_warehouse_at == after(200)
    assert facts_of([promising(date(2018, 1, 9))]).promise.half_over_at is None


def test_a_backorder_without_a_promise_breaks_none() -> None:
    stock = facts_of([placed(), backordered(2, None)]).stock
    assert (stock.backorder_breaks_promise, stock.backorder_open) == (False, False)


def test_stock_is_counted_per_warehouse() -> None:
    signals = [level(2, -1, warehouse="north"), level(3, 5, warehouse="south")]
    assert facts_of(signals).stock.oversold_now
    assert not facts_of([*signals, level(4, 0, warehouse="north")]).stock.oversold_now


def test_the_latest_address_check_counts() -> None:
    signals = [checked(1, "incomplete"), checked(2, "corrected", id="again")]
    address = facts_of(signals).address
    assert (address.bad, address.open, address.verdict) == (True, False, "corrected")


@pytest.mark.parametrize(
    ("field", "one", "other", "differ"),
    [
        ("order_total", "10", "10.00", False),
        ("order_total", "10.50 EUR", "10.5eur", False),
        ("order_total", "100", "10", True),
        ("order_total", "10 EUR", "10 USD", True),
        ("payment_amount", "0.10", "0.1", False),
        ("payment_amount", "0.10", "0.01", True),
        ("shipping_address", "SW1A 1AA", "sw1a1aa", False),
        ("shipping_address", "01067", "1067", True),
        ("shipping_address", "a.10", "a.1", True),
        ("status", "Shipped", "shipped", False),
        ("quantity_shipped", "3", "2", True),
    ],
)
def test_stated_values_are_compared_by_their_type(field, one, other, differ) -> None:
    signals = [stated(1, "oms", field, one), stated(2, "wms", field, other)]
    found = facts_of(signals).disagreement
    since = [at for name in found.__struct_fields__ if (at := getattr(found, name)) == after(2)]
    assert bool(since) is differ


def test_the_latest_signal_of_each_system_counts() -> None:
    signals = [
        stated(1, "wms", "quantity_shipped", "1"),
        stated(2, "carrier", "quantity_shipped", "2"),
        stated(9, "wms", "quantity_shipped", "3"),
    ]
    found = facts_of(signals).disagreement
    assert (found.quantity_since, found.quantity_held) == (after(9), "carrier 2, wms 3 (of record)")


@pytest.mark.parametrize(
    ("more", "since"),
    [
        ([(9, "wms", "2")], 2),
        ([(9, "wms", "2"), (12, "oms", "3"), (20, "wms", "2")], 2),
        ([(9, "wms", " 2 ")], 2),
        ([(9, "carrier", "2")], 2),
        ([(9, "carrier", "4")], 9),
        ([(9, "wms", "1"), (12, "wms", "1")], 9),
        ([(9, "wms", "3"), (12, "wms", "2"), (15, "wms", "2")], 12),
        ([(9, "wms", "3"), (12, "wms", "3")], None),
    ],
)
def test_a_disagreement_counts_from_the_last_change_of_the_values(more, since) -> None:
    told = [(1, "oms", "3"), (2, "wms", "2"), *more]
    signals = [stated(hour, system, "quantity_shipped", value) for hour, system, value in told]
    expected = None if since is None else after(since)
    assert facts_of(signals).disagreement.quantity_since == expected
    assert facts_of(signals[::-1]).disagreement.quantity_since == expected


def test_an_amount_repeated_with_other_zeros_is_no_change() -> None:
    signals = [
        stated(1, "psp", "payment_amount", "10.00 EUR"),
        stated(2, "oms", "payment_amount", "9.50 EUR"),
        stated(9, "psp", "payment_amount", "10 eur"),
    ]
    assert facts_of(signals).disagreement.payment_since == after(2)
