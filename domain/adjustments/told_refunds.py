"""Refunds that systems told, beside our own adjustments: which are one and the same.

One told refund answers for at most one adjustment, and one adjustment for at most one told refund. A person
types the reference of what no payment provider pays, so such a reference never says that a refund was ours.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from domain.adjustments.adjustment import PAID_STATES, Adjustment
from domain.adjustments.kinds import PROVIDER_PAID_KINDS
from domain.orders.money_ledger import OrderMoney, RefundMoney, RefundState
from domain.orders.order import Order
from domain.orders.payment_signals import RefundFailed, RefundIssued
from domain.orders.signal_body import OWN_SOURCE
from domain.orders.signals import Signal

SAME_WITHIN = timedelta(days=1)
"""Two systems that tell an equal amount of one payment this close together mean one refund."""
STORE_CREDIT = "store_credit"
"""The tender of refunds that are paid as store credit."""


def own_signal_id(adjustment: UUID) -> str:
    """The id of our own statement that an adjustment was paid or carried out."""
    return f"adjustment:{adjustment}"


def match_told_refunds(
    adjustments: Iterable[Adjustment], order: Order, money: OrderMoney
) -> Mapping[UUID, RefundMoney]:
    """The told refund of each adjustment of the order that one of its statements tells, by adjustment.

    Our own statement comes first, then the provider's reference, then an equal amount of the payment.
    """
    ours = [*adjustments]
    free = [one for one in money.refunds if not _is_of_others_too(one, order)]
    found: dict[UUID, RefundMoney] = {}
    for is_same in (_is_stated, _is_referred_to, _looks_alike):
        _match(ours, free, is_same, found)
    return found


def _match(
    ours: Iterable[Adjustment],
    free: list[RefundMoney],
    is_same: Callable[[Adjustment, RefundMoney], bool],
    found: dict[UUID, RefundMoney],
) -> None:
    """Add to `found`, and take what is found from the `free` refunds."""
    for one in ours:
        if one.id in found:
            continue
        told = next((refund for refund in free if is_same(one, refund)), None)
        if told is not None:
            found[one.id] = told
            free.remove(told)


def _is_stated(one: Adjustment, refund: RefundMoney) -> bool:
    return f"{OWN_SOURCE}/{own_signal_id(one.id)}" in refund.sources


def _is_referred_to(one: Adjustment, refund: RefundMoney) -> bool:
    return one.kind in PROVIDER_PAID_KINDS and refund.id == one.reference


def _looks_alike(one: Adjustment, refund: RefundMoney) -> bool:
    """It was paid before we made statements of our own, and the provider told it without its id."""
    if one.kind not in PROVIDER_PAID_KINDS or one.state not in PAID_STATES:
        return False
    given, since = one.given or one.amount, one.executing_since
    return (
        since is not None
        and one.payment is not None
        and refund.payment == one.payment
        and (refund.amount, refund.currency) == (given.value, given.currency)
        and timedelta() <= refund.at - since <= SAME_WITHIN
        and not is_own(refund)
    )


def is_own(refund: RefundMoney) -> bool:
    """Whether one of its statements is ours."""
    return any(_is_own_key(key) for key in refund.sources)


def _is_own_key(key: str) -> bool:
    return key.startswith(f"{OWN_SOURCE}/adjustment:")


def _is_of_others_too(refund: RefundMoney, order: Order) -> bool:
    """Whether our store credit has the reference of a refund that another system made in other money."""
    issued = [one for one in _statements(refund, order) if isinstance(one, RefundIssued)]
    credits = [one.tender == STORE_CREDIT for one in issued if _is_own_key(one.key)]
    return any(credits) and any(
        one.tender != STORE_CREDIT for one in issued if not _is_own_key(one.key)
    )


def is_taken_back(one: Adjustment, refund: RefundMoney, order: Order) -> bool:
    """Whether the refund of this adjustment failed, as the provider that paid it says.

    What another system says of our payment does not make room to pay it again.
    """
    return refund.state is RefundState.FAILED and any(
        isinstance(said, RefundFailed) and said.source == one.provider
        for said in _statements(refund, order)
    )


def _statements(refund: RefundMoney, order: Order) -> list[Signal]:
    found = (order.recorded(key) for key in refund.sources)
    return [signal for signal in found if signal is not None]


def find_own_statements(money: OrderMoney) -> frozenset[str]:
    """The statements of our own refunds, and those that repeat them."""
    return frozenset(key for refund in money.refunds if is_own(refund) for key in refund.sources)


def find_refunds_of_others(
    order: Order, money: OrderMoney, matched: Collection[RefundMoney]
) -> Sequence[RefundMoney]:
    """The told refunds that are none of our adjustments; `matched` are those that are."""
    return [
        refund
        for refund in money.refunds
        if refund not in matched and (not is_own(refund) or _is_of_others_too(refund, order))
    ]
