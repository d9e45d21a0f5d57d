"""Troubles with the order itself: who placed it, where it goes, and who cancelled it."""

from datetime import datetime, timedelta

from msgspec import structs

from domain.orders.purchase_signals import OrderCancelled, OrderPlaced
from domain.orders.screening_signals import FraudDecided, FraudDecision, FraudScreened, FraudVerdict
from infrastructure.sources.demonstration.shop import Shop
from infrastructure.sources.demonstration.signal_plan import SignalPlan, add_signal, hours


def cancelled_after_handover(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(shop.life(at, until="shipment.handed_over"), OrderCancelled, "oms", hours(30))


def clocks_disagree(shop: Shop, at: datetime) -> SignalPlan:
    """The carrier's clock is behind the warehouse's: delivered before it was handed over."""
    return shop.life(at, delivered=hours(20))


def looks_like_fraud(shop: Shop, at: datetime) -> SignalPlan:
    plan = add_signal(
        shop.life(at), FraudScreened, "fraud", hours(0.01), verdict=FraudVerdict.REVIEW, score=710
    )
    return add_signal(plan, FraudDecided, "fraud", hours(5), decision=FraudDecision.ACCEPT)


def duplicate_purchase(shop: Shop, at: datetime) -> SignalPlan:
    """The customer pressed the button twice: a second, equal order is fulfilled as well."""
    plan, later = shop.life(at), timedelta(minutes=2)
    twin = [
        (
            time + later,
            structs.replace(
                signal,
                order=f"{signal.order}-again",
                id=f"{signal.id}-again",
                event_time=signal.event_time + later,
            ),
        )
        for time, signal in plan
    ]
    return [*plan, *twin]


def bad_address(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at)
    time, placed = plan[0]
    assert isinstance(placed, OrderPlaced)
    assert placed.ship_to is not None
    wrong = shop.chance.choice(({"postal_code": ""}, {"postal_code": "1"}, {"city": ""}))
    ship_to = structs.replace(placed.ship_to, **wrong)
    return [(time, structs.replace(placed, ship_to=ship_to)), *plan[1:]]


def vip_waits(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, tier="vip", handed_over=hours(100))


def expensive_goods_wait(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(
        at, tier="standard", is_dear=True, handed_over=hours(118), delivered=hours(140)
    )
