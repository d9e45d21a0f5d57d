"""Troubles with money: payments, refunds, prices, disputes."""

from datetime import datetime, timedelta
from typing import Any

from domain.money import PositiveMoney
from domain.orders.payment_signals import (
    DisputeOpened,
    DisputeStage,
    PaymentFailed,
    PaymentStage,
    RefundedPieces,
    RefundFailed,
    RefundIssued,
    RefundRequested,
)
from domain.orders.purchase_signals import OrderCancelled, OrderPlaced, PriceFlagged, Terms
from infrastructure.sources.demonstration.shop import Shop, total_of, value_of
from infrastructure.sources.demonstration.signal_plan import (
    SignalPlan,
    add_signal,
    changed,
    hours,
    order_of,
)


def payment_stalls(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, approved=hours(shop.chance.uniform(80, 120)))


def overcharged(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, extra=shop.chance.choice(("4.31", "11.08", "0.57")))


def nothing_paid(shop: Shop, at: datetime) -> SignalPlan:
    return shop.life(at, until="order.placed", tenders=())


def cancelled_and_paid(shop: Shop, at: datetime) -> SignalPlan:
    return add_signal(shop.life(at, until="stock.allocated"), OrderCancelled, "oms", hours(3))


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


def refund_fails(shop: Shop, at: datetime) -> SignalPlan:
    """The account is closed: the refund is back with us a day later."""
    plan = shop.life(at)
    about = refund_of(plan, "30.00")
    plan = add_signal(plan, RefundIssued, "psp", hours(30), **about)
    return add_signal(plan, RefundFailed, "psp", hours(54), reason="account closed", **about)


def refunded_twice(shop: Shop, at: datetime) -> SignalPlan:
    """Support and the storefront each give the money of the first line back."""
    plan = shop.life(at)
    line = order_of(plan).lines[0]
    pieces = (RefundedPieces(line=str(line.id), quantity=line.quantity),)
    for n, source in enumerate(("psp", "storefront"), start=1):
        about = refund_of(plan, f"{value_of(line):.2f}", f"-{n}")
        plan = add_signal(plan, RefundIssued, source, hours(30 + n), lines=pieces, **about)
    return plan


def disputed(shop: Shop, at: datetime) -> SignalPlan:
    """The bank takes the money back, and wants an answer within a week."""
    plan = shop.life(at)
    placed = order_of(plan)
    facts: dict[str, Any] = {
        "dispute": f"dp_{placed.order}",
        "payment": f"pi_{placed.order}",
        "stage": DisputeStage.CHARGEBACK,
        "amount": amount_of(plan, f"{total_of(placed):.2f}"),
        "respond_by": at + timedelta(days=13),
        "reason": "product_not_received",
    }
    return add_signal(plan, DisputeOpened, "psp", timedelta(days=6), **facts)


def not_voided(shop: Shop, at: datetime) -> SignalPlan:
    """Cancelled before it was captured; the money stays reserved."""
    plan = shop.life(at, until="payment.authorized", expires=timedelta(days=7))
    return add_signal(plan, OrderCancelled, "oms", hours(3))


def total_unexplained(shop: Shop, at: datetime) -> SignalPlan:
    """The storefront charges more than the parts of the order come to."""
    plan = shop.life(at, extra="3.00")
    total = amount_of(plan, f"{total_of(order_of(plan)) + 3:.2f}")
    return changed(plan, (OrderPlaced,), total=total)


def invoice_unpaid(shop: Shop, at: datetime) -> SignalPlan:
    terms = Terms(due_at=at + timedelta(days=10))
    plan = shop.life(at, without=("payment.authorized", "payment.captured"), tenders=("invoice",))
    return changed(plan, (OrderPlaced,), terms=terms)


def amount_of(plan: SignalPlan, amount: str) -> PositiveMoney:
    return PositiveMoney(amount, order_of(plan).lines[0].price.currency)


def refund_of(plan: SignalPlan, amount: str, which: str = "") -> dict[str, Any]:
    order = order_of(plan).order
    return {
        "refund": f"re_{order}{which}",
        "payment": f"pi_{order}",
        "amount": amount_of(plan, amount),
    }
