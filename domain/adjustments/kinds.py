"""The words of adjustments: what is given, why, and the duties that must fall to different people."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Duty(StrEnum):
    """What a person can have to do with the money of a case: one of these, for the whole of its
    history."""

    REVIEW = "review"
    """Worked the case: claimed it, added to it, recommended."""
    APPROVE = "approve"
    EXECUTE = "execute"
    RECONCILE = "reconcile"


class AdjustmentKind(StrEnum):
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    PRICE_ADJUSTMENT = "price_adjustment"
    APPEASEMENT = "appeasement"
    """Goodwill, beyond what is owed."""
    STORE_CREDIT = "store_credit"
    RESHIPMENT = "reshipment"
    """`amount` is the value of the goods."""
    WRITE_OFF = "write_off"


PROVIDER_PAID_KINDS: Final = frozenset(
    {
        AdjustmentKind.REFUND,
        AdjustmentKind.PARTIAL_REFUND,
        AdjustmentKind.PRICE_ADJUSTMENT,
        AdjustmentKind.APPEASEMENT,
    }
)
"""Money that goes back the way it came. The others are carried out elsewhere, under a reference."""


class AdjustmentReason(StrEnum):
    """Why the customer is given something."""

    REQUESTED_BY_CUSTOMER = "requested_by_customer"
    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    CANCELLED = "cancelled"
    NOT_RECEIVED = "not_received"
    DAMAGED = "damaged"
    DEFECTIVE = "defective"
    NOT_AS_DESCRIBED = "not_as_described"
    WRONG_ITEM = "wrong_item"
    RETURNED = "returned"
    LATE_DELIVERY = "late_delivery"
    PURCHASE_ERROR = "purchase_error"
    PRICE_ERROR = "price_error"
    GOODWILL = "goodwill"
    OTHER = "other"


class LapseCause(StrEnum):
    TIME = "time"
    PACKET = "packet"
    """What is known of the order has changed since it was proposed."""
    POLICY = "policy"
    """Another policy decides by now."""
