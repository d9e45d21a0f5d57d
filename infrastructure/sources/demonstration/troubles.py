"""The troubles of the demonstration's shop: one for each kind of exception."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from msgspec import structs

from domain.money import PositiveMoney
from domain.orders.carrier_codes import AFTERSHIP, KARRIO, map_carrier_code
from domain.orders.payment_signals import PaymentFailed, PaymentStage, RefundRequested
from domain.orders.purchase_signals import OrderCancelled, OrderPlaced, PriceFlagged
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnLabelFailed,
    ReturnRequested,
)
from domain.orders.scan_status import IncidentReason, ScanStatus
from domain.orders.screening_signals import FraudDecided, FraudDecision, FraudScreened, FraudVerdict
from domain.orders.shipment_signals import (
    DamageReported,
    DeliveryFailed,
    HandedOver,
    LabelCreated,
    Scanned,
)
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    StockCounted,
    StockLevelTold,
    StockUnavailable,
    SubstitutionProposed,
)
from infrastructure.sources.demonstration.disagreements import DISAGREEMENTS, disagreement_plan
from infrastructure.sources.demonstration.shop import (
    PROMISED_WITHIN,
    SHIP_WITHIN,
    Shop,
    SignalPlan,
    add_signal,
    hours,
)

MakePlan = Callable[[Shop, datetime], SignalPlan]


class Trouble(NamedTuple):
    """A kind of trouble and the time after the purchase at which it shows."""

    plan: MakePlan
    shows_after: timedelta


def delivered_late(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, delivered=timedelta(days=shop.chance.uniform(8, 10)))


def never_shipped(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, until="fulfilment.released")


def payment_stalls(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, approved=hours(shop.chance.uniform(80, 120)))


def overcharged(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, extra=shop.chance.choice(("4.31", "11.08", "0.57")))


def nothing_paid(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, until="order.placed", tenders=())


def out_of_stock(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(shop.life(at, until="payment.captured"), StockUnavailable, "wms", hours(9))


def cancelled_and_paid(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(shop.life(at, until="stock.allocated"), OrderCancelled, "oms", hours(3))


def cancelled_after_handover(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(shop.life(at, until="shipment.handed_over"), OrderCancelled, "oms", hours(30))


def clocks_disagree(shop: Shop, at: datetime) -> SignalPlan:
    """The carrier's clock is behind the warehouse's: delivered before it was handed over."""
    return shop.life(at, delivered=hours(20))


def scanned_late(shop: Shop, at: datetime) -> SignalPlan:
    """Handed over in time, but the signal arrives after the limit: evidence that clears the case."""
    plan = shop.life(at, until="shipment.handed_over")
    late = at + SHIP_WITHIN + timedelta(seconds=20)
    return [(late if isinstance(s, HandedOver) else t, s) for t, s in plan]


def capture_fails(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, until="payment.authorized")
    reason = "card expired"
    return add_signal(
        plan, PaymentFailed, "psp", hours(1), stage=PaymentStage.CAPTURE, reason=reason
    )


def authorization_expires(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, without=("payment.captured",), expires=timedelta(days=4))


def refund_stalls(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(
        shop.life(at), RefundRequested, "support", hours(30), reason="one piece too many"
    )


def price_glitch(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at)
    placed = plan[0][1]
    assert isinstance(placed, OrderPlaced)
    line = placed.lines[0]
    usual = PositiveMoney(f"{line.price.value * 4:.2f}", line.price.currency)
    facts: dict[str, Any] = {"sku": line.sku, "price": line.price, "usual_price": usual}
    return add_signal(plan, PriceFlagged, "pricing", timedelta(minutes=1), **facts)


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


def not_allocated(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, without=("stock.allocated",))
    return add_signal(
        plan, AllocationFailed, "wms", timedelta(minutes=10), reason="stock is locked"
    )


def oversold(shop: Shop, at: datetime) -> SignalPlan:
    facts: dict[str, Any] = {"sku": "kettle-17", "on_hand": 2, "allocated": 5, "warehouse": "north"}
    return add_signal(shop.life(at), StockLevelTold, "inventory", timedelta(minutes=20), **facts)


def backordered(shop: Shop, at: datetime) -> SignalPlan:
    day = (at + PROMISED_WITHIN + timedelta(days=5)).date()
    plan = shop.life(at, without=("stock.allocated",))
    return add_signal(plan, Backordered, "wms", timedelta(minutes=30), expected_on=day)


def substitute(shop: Shop, at: datetime) -> SignalPlan:
    facts: dict[str, Any] = {"sku": "lamp-oak", "substitute": "lamp-beech"}
    return add_signal(shop.life(at), SubstitutionProposed, "wms", hours(2), **facts)


def miscounted(shop: Shop, at: datetime) -> SignalPlan:
    facts: dict[str, Any] = {"sku": "rug-220", "counted": 3, "system": 5, "warehouse": "north"}
    return add_signal(shop.life(at), StockCounted, "wms", hours(3), **facts)


def release_stalls(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, released=hours(28))


def ships_in_parts(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at, ship_complete=True)
    for n, parcel in enumerate("ab"):
        plan = add_signal(plan, LabelCreated, "wms", hours(20 + n), parcel, shipment=parcel)
    return plan


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


def vip_waits(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, tier="vip", handed_over=hours(100))


def expensive_goods_wait(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(
        at, tier="standard", is_dear=True, handed_over=hours(118), delivered=hours(140)
    )


TROUBLES: Final[tuple[Trouble, ...]] = (
    Trouble(delivered_late, timedelta(days=7, hours=12)),
    Trouble(never_shipped, SHIP_WITHIN),
    Trouble(payment_stalls, hours(72)),
    Trouble(overcharged, hours(4)),
    Trouble(nothing_paid, timedelta()),
    Trouble(out_of_stock, hours(9)),
    Trouble(cancelled_and_paid, hours(3)),
    Trouble(cancelled_after_handover, hours(30)),
    Trouble(clocks_disagree, hours(24)),
    Trouble(scanned_late, SHIP_WITHIN),
    Trouble(capture_fails, hours(1)),
    Trouble(authorization_expires, hours(72)),
    Trouble(refund_stalls, hours(30 + 72)),
    Trouble(price_glitch, timedelta(minutes=1)),
    Trouble(looks_like_fraud, hours(0.01)),
    Trouble(duplicate_purchase, timedelta(minutes=2)),
    Trouble(bad_address, timedelta()),
    Trouble(not_allocated, timedelta(minutes=10)),
    Trouble(oversold, timedelta(minutes=20)),
    Trouble(backordered, timedelta(minutes=30)),
    Trouble(substitute, hours(2)),
    Trouble(miscounted, hours(3)),
    Trouble(release_stalls, hours(24.1)),
    Trouble(ships_in_parts, hours(21)),
    Trouble(carrier_is_silent, hours(24 + 72)),
    Trouble(delivery_fails, hours(96)),
    Trouble(partial(carrier_incident, "on_hold", "customs_documentation", hours(50)), hours(50)),
    Trouble(partial(carrier_incident, "Exception_013", "", hours(70)), hours(70)),
    Trouble(delivered_and_in_transit, hours(120)),
    Trouble(delivered_damaged, hours(140)),
    Trouble(return_requested, hours(144 + 48)),
    Trouble(return_label_fails, hours(147)),
    Trouble(return_does_not_come, hours(147) + timedelta(days=14)),
    Trouble(vip_waits, hours(87)),
    Trouble(expensive_goods_wait, hours(111)),
    *(Trouble(partial(disagreement_plan, *difference), hours(26)) for difference in DISAGREEMENTS),
)
