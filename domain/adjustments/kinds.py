"""Kinds and reasons of adjustments, and the duties that different people must have."""

from enum import StrEnum
from typing import Final


class Duty(StrEnum):
    """A person's part in the money of a case: one for the whole history of the case."""

    REVIEW = "review"
    """Worked on the case: claimed it, added to it, or proposed an adjustment."""
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
"""Kinds that the payment provider pays back. Other systems carry out the rest, under a reference."""
GIVEN_BACK_KINDS: Final = PROVIDER_PAID_KINDS | {AdjustmentKind.STORE_CREDIT}
"""Kinds that give back what was paid. A refund counts store credit against the payments; store credit itself is
limited by the order's value."""
PART_OF_A_PIECE_KINDS: Final = frozenset({AdjustmentKind.PRICE_ADJUSTMENT})
"""Kinds that give a part of a piece's value: the piece may be refunded later, for what is left of it."""
GOODWILL_KINDS: Final = frozenset({AdjustmentKind.APPEASEMENT})
"""Kinds that are beside the value of lines and charges: they are bare amounts."""


class AdjustmentReason(StrEnum):
    """Why the customer gets something."""

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
    """The known facts of the order have changed since it was proposed."""
    POLICY = "policy"
    """Another policy is active now."""
    FACTS = "facts"
    """A fact that it is bound to has changed since it was proposed."""
