"""What is still to be paid of an order, and since when it is missing."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.money import ZERO, smallest_unit
from domain.orders.goods import Goods
from domain.orders.money_structs import OrderMoney, PaymentMoney
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signal_body import given

CASH_ON_DELIVERY: Final = "cash_on_delivery"


def invoice_due_at(current: OrderPlaced | None) -> datetime | None:
    """When an order on invoice is to be paid; None for all other orders."""
    terms = given(current.terms) if current is not None else None
    return terms.due_at if terms is not None else None


def is_above_all_charges(money: OrderMoney) -> bool:
    """More was captured than the order ever cost: no payment that may still come mends that."""
    highest = money.highest_charge
    return highest is not None and money.captured > highest + smallest_unit(money.currency)


def missing_amount(money: OrderMoney) -> Decimal | None:
    """What is charged, and neither captured nor set off; None while the charge is not known."""
    if money.charge is None:
        return None
    assumed = sum((one.settled for one in money.payments if one.rate_assumed), ZERO)
    return max(money.underpaid - assumed, ZERO)


def may_come_later(money: OrderMoney, goods: Goods, tenders: Sequence[str]) -> bool:
    """Whether what is missing may come with a delivery, with another parcel, or for what an edit added."""
    return bool(money.underpaid) and (
        CASH_ON_DELIVERY in tenders
        or _is_raised_since_paid(money, goods)
        or _is_captured_by_parcel(money, goods)
    )


def _is_raised_since_paid(money: OrderMoney, goods: Goods) -> bool:
    """The captures paid what the order cost then, and an edit made it dearer."""
    priced_at = goods.content.priced_at
    paid_at = max((c.at for one in money.payments for c in one.captures), default=None)
    if paid_at is None or priced_at is None or priced_at < paid_at:
        return False
    then = [cost for at, cost in money.earlier_charges if at is None or at <= paid_at]
    return bool(then) and money.captured + smallest_unit(money.currency) >= then[-1]


def _is_captured_by_parcel(money: OrderMoney, goods: Goods) -> bool:
    """Nothing was captured before a parcel was packed, and there is more than one."""
    paid_at = min((c.at for one in money.payments for c in one.captures), default=None)
    times = [at for p in goods.outbound for at in (p.labelled_at, p.handed_over_at)]
    packed_at = min((at for at in times if at is not None), default=None)
    if paid_at is None or packed_at is None or paid_at < packed_at:
        return False
    return len(goods.outbound) > 1 or any(one.unshipped for one in goods.lines)


def _handed_over_at(goods: Goods) -> Sequence[datetime]:
    return [p.handed_over_at for p in goods.outbound if p.handed_over_at is not None]


def _is_left_to_send(goods: Goods) -> bool:
    return any(one.unshipped or one.in_parcels for one in goods.lines)


def missing_since(
    money: OrderMoney, goods: Goods, tenders: Sequence[str], open_authorization: Decimal
) -> datetime | None:
    """Since when a part of the charge has no payment, where another part was paid.

    That is since the purchase, or the last edit that changed what it costs; in cash on delivery, since all
    is delivered; where each parcel is captured by itself, since the last was handed over. What was
    authorized, then voided or expired, may be captured under a new authorization: it is missing once
    everything is delivered.
    """
    content = goods.content
    if not money.underpaid or content.placed is None or invoice_due_at(content.current) is not None:
        return None
    least = smallest_unit(money.currency)
    rest = money.underpaid - open_authorization
    if rest <= least or any(one.is_open and one.is_amount_unknown for one in money.payments):
        return None
    if not any(one.captures for one in money.payments):
        return None
    times = [content.placed.event_time, content.priced_at]
    ended = sum((_ended_authorization(one) for one in money.payments), ZERO)
    if CASH_ON_DELIVERY in tenders or rest - ended <= least:
        if goods.delivered_at is None:
            return None
        times.append(goods.delivered_at)
    elif _is_captured_by_parcel(money, goods):
        if _is_left_to_send(goods):
            return None
        times += _handed_over_at(goods)
    return max(at for at in times if at is not None)


def _ended_authorization(payment: PaymentMoney) -> Decimal:
    """What of it was authorized and not captured, and may not be captured any more; in the order's currency."""
    if payment.is_open or payment.authorized is None:
        return ZERO
    return max(payment.authorized - payment.captured, ZERO) * (payment.rate or 1)
