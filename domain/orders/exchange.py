"""Amounts of refunds and disputes in the currency of the order, and in that of their payment."""

from decimal import Decimal

from domain.money import ZERO, Money, round_money
from domain.orders.money_structs import PaymentMoney


def in_order(
    value: Decimal | None,
    own: str | None,
    settles: Money | None,
    payment: PaymentMoney | None,
    currency: str | None,
) -> Decimal | None:
    """The amount in the order's currency; None if there is no rate."""
    if value is None or own == currency:
        return value
    if settles is not None and settles.currency == currency:
        return settles.value
    if payment is None or payment.currency != own or payment.rate is None:
        return None
    if value == payment.captured:
        return payment.settled
    return round_money(value * payment.rate, currency)


def in_payment(
    value: Decimal,
    own: str | None,
    settles: Money | None,
    payment: PaymentMoney | None,
    currency: str | None,
) -> Decimal:
    """The amount in the currency of the payment; 0 if there is no rate."""
    if payment is None or own == payment.currency:
        return value
    if settles is not None and settles.currency == payment.currency:
        return settles.value
    if own == currency and payment.rate:
        if value == payment.settled:
            return payment.captured
        return round_money(value / payment.rate, payment.currency)
    return ZERO
