"""Our own statement that an adjustment was paid: a signal like that of any other system."""

from datetime import datetime

from msgspec import UNSET

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.events import AdjustmentExecuted
from domain.adjustments.kinds import GIVEN_BACK_KINDS, PART_OF_A_PIECE_KINDS, AdjustmentKind
from domain.adjustments.told_refunds import own_signal_id
from domain.orders.payment_signals import RefundedCharge, RefundedPieces, RefundIssued
from domain.orders.signal_body import DEFAULT_SHOP, OWN_SOURCE, given, split_order_key

STATED_KINDS = GIVEN_BACK_KINDS
"""Kinds that give money back. Of the others, nothing is stated."""


def own_statement(
    order: str, adjustment: Adjustment, executed: AdjustmentExecuted, at: datetime
) -> RefundIssued:
    """The statement of an executed adjustment; `order` is the order's key in the log."""
    id, shop = split_order_key(order)
    as_ordered = executed.amount.is_same_as(adjustment.amount)
    is_credit = adjustment.kind is AdjustmentKind.STORE_CREDIT
    return RefundIssued(
        source=OWN_SOURCE,
        id=own_signal_id(adjustment.id),
        order=id,
        shop=UNSET if shop == DEFAULT_SHOP else shop,
        event_time=at,
        amount=executed.amount,
        settles=adjustment.settles if as_ordered else UNSET,
        payment=adjustment.payment,
        refund=executed.reference,
        tender="store_credit" if is_credit else UNSET,
        lines=(_pieces(adjustment) or UNSET) if as_ordered else UNSET,
        charges=(_charges(adjustment) or UNSET) if as_ordered else UNSET,
    )


def _pieces(adjustment: Adjustment) -> tuple[RefundedPieces, ...]:
    """The pieces of each line; none where only a part of their value was given."""
    is_part = adjustment.kind in PART_OF_A_PIECE_KINDS
    return tuple(
        RefundedPieces(
            line=given(one.line),
            sku=given(one.sku),
            quantity=0 if is_part else one.quantity,
            amount=given(one.amount),
        )
        for one in adjustment.lines
    )


def _charges(adjustment: Adjustment) -> tuple[RefundedCharge, ...]:
    return tuple(
        RefundedCharge(kind=one.kind, id=given(one.id), amount=given(one.amount))
        for one in given(adjustment.charges) or ()
    )
