"""Troubles with what is sent back."""

from datetime import datetime

from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnLabelFailed,
    ReturnRequested,
)
from infrastructure.sources.demonstration.shop import Shop
from infrastructure.sources.demonstration.signal_plan import SignalPlan, add_signal, hours


def return_requested(shop: Shop, at: datetime) -> SignalPlan:
    """The return is authorized only after a long delay."""
    plan = add_signal(shop.life(at), ReturnRequested, "returns", hours(144), reason="too small")
    return add_signal(plan, ReturnAuthorized, "returns", hours(240))


def return_label_fails(shop: Shop, at: datetime) -> SignalPlan:
    plan = add_signal(shop.life(at), ReturnRequested, "returns", hours(144), reason="wrong colour")
    plan = add_signal(plan, ReturnAuthorized, "returns", hours(146))
    return add_signal(
        plan, ReturnLabelFailed, "returns", hours(147), reason="no service to the address"
    )


def return_does_not_come(shop: Shop, at: datetime) -> SignalPlan:
    plan = add_signal(shop.life(at), ReturnRequested, "returns", hours(144), reason="unwanted")
    plan = add_signal(plan, ReturnAuthorized, "returns", hours(146))
    return add_signal(plan, ReturnLabelCreated, "returns", hours(147), carrier="parcelco")
