"""Troubles with parcels on their way, and with what was in them."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET, structs

from domain.orders.carrier_codes import AFTERSHIP, KARRIO, map_carrier_code
from domain.orders.scan_status import IncidentReason, ScanStatus
from domain.orders.shipment_signals import (
    ClaimKind,
    CustomerClaimed,
    DamageReported,
    Delivered,
    DeliveryFailed,
    Scanned,
    ShipmentLost,
)
from domain.orders.signal_body import LinePieces, Refs, SignalRetracted, TrackingRef
from infrastructure.sources.demonstration.shop import CARRIER, Shop
from infrastructure.sources.demonstration.signal_plan import SignalPlan, add_signal, hours, order_of


def delivered_late(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, delivered=timedelta(days=shop.chance.uniform(8, 10)))


def carrier_is_silent(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, without=("shipment.scanned",), delivered=hours(125))


def delivery_fails(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, delivered=hours(120))
    reason = IncidentReason.CONSIGNEE_NOT_HOME
    return add_signal(plan, DeliveryFailed, "carrier", hours(96), incident=reason)


def carrier_incident(
    code: str, reason: str, after: timedelta, shop: Shop, at: datetime
) -> SignalPlan:
    """The carrier reports an incident on the way; a lost parcel does not arrive."""
    reading = map_carrier_code(KARRIO if reason else AFTERSHIP, code, reason)
    is_lost = reading.incident is IncidentReason.CARRIER_PARCEL_LOST
    without = ("shipment.delivered",) if is_lost else ()
    plan = shop.life(at, without=without, delivered=hours(120))
    facts: dict[str, Any] = {name: getattr(reading, name) for name in reading.__struct_fields__}
    return add_signal(plan, Scanned, "carrier", after, carrier="parcelco", **facts)


def delivered_and_in_transit(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, delivered=hours(100))
    facts: dict[str, Any] = {"status": ScanStatus.OUT_FOR_DELIVERY, "carrier": "parcelco"}
    return add_signal(plan, Scanned, "carrier", hours(120), **facts)


def delivered_damaged(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(
        shop.life(at), DamageReported, "support", hours(140), reason="a leg is broken"
    )


def one_of_two_lost(shop: Shop, at: datetime) -> SignalPlan:
    """The first parcel arrives, and the carrier loses the second one."""
    plan = shop.life(at, parcels=2, delivered=hours(120))
    lost = f"{order_of(plan).order}-2"
    plan = [(t, s) for t, s in plan if getattr(s, "shipment", None) != lost or t <= at + hours(60)]
    return add_signal(plan, ShipmentLost, "carrier", hours(90), shipment=lost)


def told_by_mistake(shop: Shop, at: datetime) -> SignalPlan:
    """The carrier reports a failed delivery, and takes it back: it was another parcel."""
    plan = shop.life(at, delivered=hours(120))
    plan = add_signal(plan, DeliveryFailed, "carrier", hours(96), reason="nobody at home")
    mistaken = plan[-1][1].id
    return add_signal(
        plan, SignalRetracted, "carrier", hours(96.02), of=mistaken, reason="another parcel"
    )


def comes_back(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, without=("shipment.delivered",), delivered=hours(120))
    facts: dict[str, Any] = {"status": ScanStatus.RETURN_TO_SENDER, "carrier": CARRIER}
    return add_signal(plan, Scanned, "carrier", hours(100), "-back", **facts)


def not_collected(shop: Shop, at: datetime) -> SignalPlan:
    """The parcel waits in a locker, and nobody comes for three days."""
    plan = shop.life(at, without=("shipment.delivered",), delivered=hours(80))
    facts: dict[str, Any] = {
        "status": ScanStatus.AVAILABLE_FOR_PICKUP,
        "carrier": CARRIER,
        "shipment": f"{order_of(plan).order}-1",
        "collect_by": at + hours(140),
    }
    plan = add_signal(plan, Scanned, "carrier", hours(78), "-locker", **facts)
    # Fetched a day late, so that it is not late for the promise as well.
    return add_signal(plan, Delivered, "carrier", hours(142), shipment=facts["shipment"])


def customer_claims(kind: ClaimKind, summary: str, shop: Shop, at: datetime) -> SignalPlan:
    """The customer says what is wrong with what the carrier delivered."""
    plan = shop.life(at, delivered=hours(100))
    placed = order_of(plan)
    facts: dict[str, Any] = {"kind": kind, "summary": summary}
    if kind is ClaimKind.NOT_RECEIVED:
        facts["shipment"] = f"{placed.order}-1"
    else:
        facts["lines"] = (LinePieces(line=str(placed.lines[0].id), quantity=1),)
    return add_signal(plan, CustomerClaimed, "support", hours(120), **facts)


def of_no_order(shop: Shop, at: datetime) -> SignalPlan:
    """The carrier scans a parcel that no label names."""
    plan = shop.life(at)
    order = order_of(plan).order
    facts: dict[str, Any] = {"status": ScanStatus.IN_TRANSIT, "carrier": CARRIER}
    plan = add_signal(plan, Scanned, "carrier", hours(60), "-stray", **facts)
    time, scan = plan.pop()
    refs = Refs(tracking=TrackingRef(carrier=CARRIER, code=f"PC{order}-9"))
    return [*plan, (time, structs.replace(scan, order="", shop=UNSET, refs=refs))]
