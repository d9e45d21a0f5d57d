"""Split sums as an answer shows them: proposals that are each within a limit and together above it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class SplitScope(StrEnum):
    """What the parts have in common."""

    ORDER = "order"
    CUSTOMER = "customer"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    INSTRUMENT = "instrument"
    PROPOSER = "proposer"
    """All were proposed by one person, and policy approved them."""


class SplitPart(Struct, frozen=True, kw_only=True):
    """One of the proposals of a split sum."""

    adjustment: UUID
    case: UUID
    order: str
    shop: str
    position: int
    at: datetime
    proposed_by: str | None
    approved_by: Sequence[str]
    state: str
    amount: str
    currency: str
    counts: str
    """The amount in the currency of the matrix."""
    was_counted: str
    """The amount that the matrix counted, with what else it knew of."""


class SplitSum(Struct, frozen=True, kw_only=True):
    of: SplitScope
    same: str
    """What the parts have in common, in words; never the email or another value itself."""
    ledger: UUID
    """The ledger of the order, the customer, the identity or the proposer, from a keyed digest; only the orders
    say who the customer is."""
    limit: str
    """The largest limit that each part is within and all together exceed."""
    limit_is: str
    currency: str
    together: str
    within: timedelta
    parts: Sequence[SplitPart]
    is_counted_together: bool
    """Whether the matrix counted the whole sum for the last part, so that the split had no effect."""


class FoundSplits(Struct, frozen=True, kw_only=True):
    window: timedelta | None
    """The window of the question; None if each policy's own window was used."""
    threshold: str | None
    proposals: int
    """How many proposals of the period were compared with others."""
    splits: Sequence[SplitSum]
    came_to_nothing: int
    """Groups that exceed a limit only with withdrawn, rejected, lapsed or failed proposals."""
    without_rate: int
    """Proposals in a currency without a rate in their matrix."""
