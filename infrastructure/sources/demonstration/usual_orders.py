"""Orders without trouble: most are plain; the others have the variety that every shop sees."""

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET, structs

from domain.money import PositiveMoney
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    RefundedPieces,
    RefundIssued,
)
from domain.orders.purchase_signals import Customer, OrderCancelled, OrderEdited, OrderPlaced
from domain.orders.return_signals import (
    GoodsCondition,
    ReturnAuthorized,
    ReturnedPieces,
    ReturnLabelCreated,
    ReturnReceived,
    ReturnRequested,
)
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import Scanned
from domain.orders.signal_body import LinePieces, Refs, TrackingRef
from infrastructure.sources.demonstration.shop import MakePlan, Shop, total_of, value_of
from infrastructure.sources.demonstration.signal_plan import (
    SignalPlan,
    add_signal,
    changed,
    hours,
    order_of,
)

PAYMENT_TYPES: Final = (PaymentAuthorized, PaymentCaptured)
AFTERSHIP_CODES: Final = {
    ScanStatus.IN_TRANSIT: "InTransit",
    ScanStatus.OUT_FOR_DELIVERY: "OutForDelivery",
}


def without_discounts(plan: SignalPlan) -> SignalPlan:
    """The same order without a discount of the whole order, so that a line's price is what it costs."""
    placed = structs.replace(order_of(plan), discounts=UNSET)
    paid = PositiveMoney(f"{total_of(placed):.2f}", placed.lines[0].price.currency)
    plan = [(plan[0][0], placed), *plan[1:]]
    return changed(plan, PAYMENT_TYPES, amount=paid)


def plain(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at)


def two_parcels(shop: Shop, at: datetime) -> SignalPlan:
    """Each parcel has its own lines, and the payment is captured when it leaves, in two parts."""
    plan = shop.life(at, parcels=2)
    placed = order_of(plan)
    captured = next(s for _, s in plan if isinstance(s, PaymentCaptured))
    first = value_of(placed.lines[0])
    rest = captured.amount.value - first
    parts = []
    for n, value in enumerate((first, rest), start=1):
        later = captured.event_time + hours(24 + n)
        part = structs.replace(
            captured,
            id=f"{captured.id}-{n}",
            capture=f"{captured.capture}_{n}",
            amount=PositiveMoney(f"{value:.2f}", captured.amount.currency),
            event_time=later,
        )
        parts.append((later, part))
    return [*((t, s) for t, s in plan if s is not captured), *parts]


def gift_card_and_card(shop: Shop, at: datetime) -> SignalPlan:
    """A gift card pays ten, and a card the rest."""
    plan = shop.life(at, tenders=("gift_card", "card"))
    paid = total_of(order_of(plan))
    currency = order_of(plan).lines[0].price.currency
    by_card = PositiveMoney(f"{paid - 10:.2f}", currency)
    plan = changed(plan, PAYMENT_TYPES, amount=by_card)
    facts: dict[str, Any] = {
        "payment": f"gc_{order_of(plan).order}",
        "tender": "gift_card",
        "amount": PositiveMoney("10.00", currency),
    }
    return add_signal(plan, PaymentCaptured, "giftcards", timedelta(minutes=1), "-gift", **facts)


def paid_in_another_currency(shop: Shop, at: datetime) -> SignalPlan:
    """A wallet takes the money in the customer's currency, and says what it settles."""
    plan = shop.life(at)
    price = order_of(plan).lines[0].price
    total = total_of(order_of(plan))
    other, rate = ("EUR", "0.86") if price.currency == "USD" else ("USD", "1.17")
    taken = PositiveMoney(f"{float(total) * float(rate):.2f}", other)
    settles = PositiveMoney(f"{total:.2f}", price.currency)
    return changed(plan, PAYMENT_TYPES, amount=taken, settles=settles, tender="wallet")


def guest(shop: Shop, at: datetime) -> SignalPlan:
    plan = shop.life(at)
    buyer = Customer(email=f"{order_of(plan).order.lower()}@example.com")
    return changed(plan, (OrderPlaced,), customer=buyer)


def edited(shop: Shop, at: datetime) -> SignalPlan:
    """The customer adds a piece to the first line before the order is paid; revisions arrive in any order."""
    plan = shop.life(at, approved=hours(1))
    placed = order_of(plan)
    line = placed.lines[0]
    more = structs.replace(line, quantity=line.quantity + 1, discount=UNSET, tax=UNSET)
    lines = (more, *placed.lines[1:])
    after = total_of(structs.replace(placed, lines=lines))
    plan = changed(plan, (OrderPlaced,), revision=1)
    plan = changed(plan, PAYMENT_TYPES, amount=PositiveMoney(f"{after:.2f}", line.price.currency))
    return add_signal(plan, OrderEdited, "storefront", hours(0.5), lines=lines, revision=2)


def partly_cancelled(shop: Shop, at: datetime) -> SignalPlan:
    """All lines but the first are cancelled before it is sent, and its money given back within the hour."""
    plan = without_discounts(shop.life(at, parcels=2))
    placed = order_of(plan)
    lines = placed.lines[1:]
    gone = tuple(LinePieces(line=str(one.id), quantity=one.quantity) for one in lines)
    plan = [(t, s) for t, s in plan if getattr(s, "shipment", None) != f"{placed.order}-2"]
    plan = add_signal(plan, OrderCancelled, "storefront", hours(0.2), lines=gone, reason="too many")
    value = sum(value_of(one) for one in lines)
    amount = PositiveMoney(f"{value:.2f}", lines[0].price.currency)
    facts: dict[str, Any] = {
        "refund": f"re_{placed.order}",
        "payment": f"pi_{placed.order}",
        "amount": amount,
        "lines": tuple(RefundedPieces(line=str(o.id), quantity=o.quantity) for o in lines),
    }
    return add_signal(plan, RefundIssued, "psp", hours(0.9), **facts)


def carrier_with_codes(shop: Shop, at: datetime) -> SignalPlan:
    """The carrier sends its codes, and a mapping reads them."""
    return [
        (
            t,
            structs.replace(s, status=None, code=AFTERSHIP_CODES[s.status], mapping="aftership")
            if isinstance(s, Scanned) and s.status in AFTERSHIP_CODES
            else s,
        )
        for t, s in shop.life(at)
    ]


def known_by_references(shop: Shop, at: datetime) -> SignalPlan:
    """The provider and the carrier do not know the order. The capture comes first, and is held."""
    plan: SignalPlan = []
    for t, s in shop.life(at):
        if isinstance(s, PaymentCaptured):
            refs = Refs(payment=s.payment)
            plan.append((t - timedelta(seconds=5), structs.replace(s, order="", refs=refs)))
        elif isinstance(s, Scanned):
            code = TrackingRef(carrier=s.carrier, code=f"PC{s.order}-1")
            plan.append((t, structs.replace(s, order="", shipment=None, refs=Refs(tracking=code))))
        else:
            plan.append((t, s))
    return plan


def sent_back(shop: Shop, at: datetime) -> SignalPlan:
    """The customer sends one line back, and gets its money."""
    plan = without_discounts(shop.life(at, lines=2))
    placed = order_of(plan)
    line, rma = placed.lines[0], f"RMA-{placed.order}"
    pieces = (ReturnedPieces(line=str(line.id), quantity=line.quantity),)
    about: dict[str, Any] = {"rma": rma, "lines": pieces}
    plan = add_signal(plan, ReturnRequested, "returns", hours(144), reason="too small", **about)
    plan = add_signal(plan, ReturnAuthorized, "returns", hours(146), **about)
    plan = add_signal(plan, ReturnLabelCreated, "returns", hours(147), carrier="parcelco", **about)
    sellable = GoodsCondition.SELLABLE
    plan = add_signal(plan, ReturnReceived, "wms", hours(220), condition=sellable, **about)
    facts: dict[str, Any] = {
        "refund": f"re_{placed.order}",
        "payment": f"pi_{placed.order}",
        "amount": PositiveMoney(f"{value_of(line):.2f}", line.price.currency),
        "lines": (RefundedPieces(line=str(line.id), quantity=line.quantity),),
    }
    return add_signal(plan, RefundIssued, "psp", hours(224), **facts)


VARIETY: Final[tuple[tuple[MakePlan, int], ...]] = (
    (plain, 60),
    (two_parcels, 10),
    (gift_card_and_card, 5),
    (paid_in_another_currency, 5),
    (guest, 5),
    (edited, 4),
    (partly_cancelled, 4),
    (carrier_with_codes, 3),
    (known_by_references, 2),
    (sent_back, 2),
)
"""Each kind of order, and how many of a hundred are of it."""


def usual_order(shop: Shop, at: datetime) -> SignalPlan:
    plans, weights = zip(*VARIETY, strict=True)
    make: MakePlan = shop.chance.choices(plans, weights)[0]
    return make(shop, at)
