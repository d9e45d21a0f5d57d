"""Disagreements: two systems of the shop state different values of a field for too long."""

from datetime import datetime
from typing import Any, Final

from domain.orders.systems_of_record import StatedField, System, SystemStated
from infrastructure.sources.demonstration.shop import Shop
from infrastructure.sources.demonstration.signal_plan import SignalPlan, add_signal, hours


def disagreement_plan(
    field: StatedField, one: System, this: str, other: System, that: str, shop: Shop, at: datetime
) -> SignalPlan:
    plan = shop.life(at)
    for n, (system, value) in enumerate(((one, this), (other, that)), start=1):
        facts: dict[str, Any] = {"system": system, "field": field, "value": value}
        plan = add_signal(plan, SystemStated, system.value, hours(n), f"-{field}", **facts)
    return plan


DISAGREEMENTS: Final[tuple[tuple[StatedField, System, str, System, str], ...]] = (
    (StatedField.ORDER_TOTAL, System.STOREFRONT, "101.80", System.OMS, "108.70"),
    (StatedField.SHIPPING_ADDRESS, System.OMS, "10115", System.WMS, "10117"),
    (StatedField.QUANTITY_SHIPPED, System.WMS, "3", System.CARRIER, "2"),
    (StatedField.PAYMENT_AMOUNT, System.PSP, "95.90", System.OMS, "101.80"),
    (StatedField.STATUS, System.OMS, "shipped", System.WMS, "picking"),
)
