"""Money that goes back the way it came: to which payment, and no more than came by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from domain.adjustments.adjustment import COUNTED, Adjustment
from domain.adjustments.commands import ProposeAdjustment
from domain.adjustments.errors import MoreThanPaid, NoPaymentToRefund
from domain.adjustments.kinds import BY_PROVIDER
from domain.errors import Fault, Invalid
from domain.orders.order import Order
from domain.orders.signals import PaymentCaptured


def must_be_paid(
    ask: ProposeAdjustment, payment: str, order: Order, given: Sequence[Adjustment]
) -> None:
    """No more goes back than came, to the payment and for the order. Raises MoreThanPaid."""
    captures = [
        signal
        for signal in order.signals.values()
        if isinstance(signal, PaymentCaptured) and signal.amount.currency == ask.amount.currency
    ]
    ours = [one for one in given if one.kind in BY_PROVIDER and one.state in COUNTED]
    whole = _total(captures), _total(ours)
    of_payment = (
        _total(one for one in captures if (one.payment or one.id) == payment),
        _total(one for one in ours if one.payment == payment),
    )
    # What others gave back is told by signals, and what we gave, too, once the provider tells it.
    whole = whole[0], max(whole[1], order.facts.refund.issued)
    for what, (captured, counted) in (("", whole), (f" by payment {payment}", of_payment)):
        if counted + ask.amount.value > captured:
            raise MoreThanPaid(
                f"{captured:f} {ask.amount.currency} were captured{what}, {counted:f} count as given "
                f"back: {ask.amount.amount} more cannot be",
                captured=f"{captured:f}",
                counted=f"{counted:f}",
            )


def _total(those: Iterable[PaymentCaptured | Adjustment]) -> Decimal:
    return sum((one.amount.value for one in those), Decimal(0))


def payment_of(ask: ProposeAdjustment, order: Order) -> str:
    """The payment that the money goes back to."""
    known = list(
        dict.fromkeys(
            signal.payment or signal.id
            for signal in order.signals.values()
            if isinstance(signal, PaymentCaptured)
        )
    )
    if ask.payment is not None:
        if ask.payment not in known:
            told = ", ".join(known) or "none"
            detail = f"no payment {ask.payment} was captured for the order; known are: {told}"
            raise Invalid([Fault("/payment", detail)], "the adjustment")
        return ask.payment
    if len(known) != 1:
        raise NoPaymentToRefund(
            f"order {order.id} has {len(known)} captured payments", payments=known
        )
    return known[0]
