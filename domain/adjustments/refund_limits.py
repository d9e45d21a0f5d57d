"""Limits of a refund: which payment it goes back to, and no more than was captured."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from domain.adjustments.adjustment import COUNTED_STATES, Adjustment
from domain.adjustments.commands import ProposeAdjustment
from domain.adjustments.errors import MoreThanPaid, NoPaymentToRefund
from domain.adjustments.kinds import PROVIDER_PAID_KINDS
from domain.errors import Fault, Invalid
from domain.orders.order import Order
from domain.orders.payment_signals import PaymentCaptured


def require_within_captured(
    ask: ProposeAdjustment, payment: str, order: Order, given: Sequence[Adjustment]
) -> None:
    """Raises MoreThanPaid if more goes back than was captured by the payment or for the order."""
    captures = [
        signal
        for signal in order.signals.values()
        if isinstance(signal, PaymentCaptured) and signal.amount.currency == ask.amount.currency
    ]
    ours = [one for one in given if one.kind in PROVIDER_PAID_KINDS and one.state in COUNTED_STATES]
    whole = _sum_amounts(captures), _sum_amounts(ours)
    of_payment = (
        _sum_amounts(one for one in captures if (one.payment or one.id) == payment),
        _sum_amounts(one for one in ours if one.payment == payment),
    )
    # Signals report refunds made elsewhere, and ours too once the provider reports them.
    whole = whole[0], max(whole[1], order.facts.refund.issued)
    for what, (captured, counted) in (("", whole), (f" by payment {payment}", of_payment)):
        if counted + ask.amount.value > captured:
            raise MoreThanPaid(
                f"{captured:f} {ask.amount.currency} was captured{what} and {counted:f} of it counts as "
                f"refunded: {ask.amount.amount} more is too much",
                captured=f"{captured:f}",
                counted=f"{counted:f}",
            )


def _sum_amounts(items: Iterable[PaymentCaptured | Adjustment]) -> Decimal:
    return sum((one.amount.value for one in items), Decimal(0))


def find_refund_payment(ask: ProposeAdjustment, order: Order) -> str:
    """The payment that the money goes back to. Raises Invalid, NoPaymentToRefund."""
    known = list(
        dict.fromkeys(
            signal.payment or signal.id
            for signal in order.signals.values()
            if isinstance(signal, PaymentCaptured)
        )
    )
    if ask.payment is not None:
        if ask.payment not in known:
            names = ", ".join(known) or "none"
            detail = f"no payment {ask.payment} was captured for the order; known are: {names}"
            raise Invalid([Fault("/payment", detail)], "the adjustment")
        return ask.payment
    if len(known) != 1:
        raise NoPaymentToRefund(
            f"order {order.id} has {len(known)} captured payments", payments=known
        )
    return known[0]
