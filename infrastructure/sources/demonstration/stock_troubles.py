"""Troubles in the warehouse."""

from datetime import datetime, timedelta
from typing import Any

from domain.orders.purchase_signals import OrderPlaced
from domain.orders.shipment_signals import HandedOver, LabelCreated
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    StockCounted,
    StockLevelTold,
    StockUnavailable,
    SubstitutionProposed,
)
from infrastructure.sources.demonstration.shop import PROMISED_WITHIN, SHIP_WITHIN, Shop
from infrastructure.sources.demonstration.signal_plan import SignalPlan, add_signal, hours


def _product(plan: SignalPlan) -> str | None:
    """A product of the order."""
    return next(s.lines[0].sku for _, s in plan if isinstance(s, OrderPlaced))


def never_shipped(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, until="fulfilment.released")


def out_of_stock(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(shop.life(at, until="payment.captured"), StockUnavailable, "wms", hours(9))


def scanned_late(shop: Shop, at: datetime) -> SignalPlan:
    """Handed over in time, but the signal arrives after the limit: evidence that clears the case."""
    plan = shop.life(at, until="shipment.handed_over")
    late = at + SHIP_WITHIN + timedelta(seconds=20)
    return [(late if isinstance(s, HandedOver) else t, s) for t, s in plan]


def not_allocated(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, without=("stock.allocated",))
    return add_signal(
        plan, AllocationFailed, "wms", timedelta(minutes=10), reason="stock is locked"
    )


def oversold(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at)
    facts: dict[str, Any] = {"on_hand": 2, "allocated": 5, "warehouse": "north"}
    return add_signal(
        plan, StockLevelTold, "inventory", timedelta(minutes=20), sku=_product(plan), **facts
    )


def backordered(shop: Shop, at: datetime) -> SignalPlan:
    day = (at + PROMISED_WITHIN + timedelta(days=5)).date()
    plan = shop.life(at, without=("stock.allocated",))
    return add_signal(plan, Backordered, "wms", timedelta(minutes=30), expected_on=day)


def substitute(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at)
    facts = {"sku": _product(plan), "substitute": "lamp-beech"}
    return add_signal(plan, SubstitutionProposed, "wms", hours(2), **facts)


def miscounted(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at)
    facts: dict[str, Any] = {"counted": 3, "system": 5, "warehouse": "north"}
    return add_signal(plan, StockCounted, "wms", hours(3), sku=_product(plan), **facts)


def release_stalls(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, released=hours(28))


def ships_in_parts(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, ship_complete=True)
    for n, parcel in enumerate("ab"):
        plan = add_signal(plan, LabelCreated, "wms", hours(20 + n), parcel, shipment=parcel)
    return plan
