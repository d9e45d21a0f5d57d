"""Refunds that systems told, beside our own adjustments: which are one and the same."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from domain.adjustments.adjustment import PAID_STATES, Adjustment
from domain.orders.money_ledger import OrderMoney, RefundMoney
from domain.orders.signal_body import OWN_SOURCE

SAME_WITHIN = timedelta(days=1)
"""Two systems that tell an equal amount of one payment this close together mean one refund."""


def own_signal_id(adjustment: UUID) -> str:
    """The id of our own statement that an adjustment was paid or carried out."""
    return f"adjustment:{adjustment}"


def find_told_refund(adjustment: Adjustment, money: OrderMoney) -> RefundMoney | None:
    """The told refund that is this adjustment; None while no system told it."""
    own = f"{OWN_SOURCE}/{own_signal_id(adjustment.id)}"
    for refund in money.refunds:
        if own in refund.sources or (adjustment.reference and refund.id == adjustment.reference):
            return refund
    if adjustment.state not in PAID_STATES or adjustment.executing_since is None:
        return None
    # It was paid before we made statements of our own, and the provider told it without its id.
    given, since = adjustment.given or adjustment.amount, adjustment.executing_since
    return next(
        (
            refund
            for refund in money.refunds
            if refund.payment == adjustment.payment
            and (refund.amount, refund.currency) == (given.value, given.currency)
            and timedelta() <= refund.at - since <= SAME_WITHIN
            and not is_own(refund)
        ),
        None,
    )


def is_own(refund: RefundMoney) -> bool:
    """Whether one of its statements is ours."""
    return any(key.startswith(f"{OWN_SOURCE}/adjustment:") for key in refund.sources)


def find_own_statements(money: OrderMoney) -> frozenset[str]:
    """The statements of our own refunds, and those that repeat them."""
    return frozenset(key for refund in money.refunds if is_own(refund) for key in refund.sources)


def find_refunds_of_others(money: OrderMoney, ours: Iterable[Adjustment]) -> Sequence[RefundMoney]:
    """The told refunds that are none of our adjustments."""
    told = {refund.id for one in ours if (refund := find_told_refund(one, money)) is not None}
    return [refund for refund in money.refunds if refund.id not in told and not is_own(refund)]
