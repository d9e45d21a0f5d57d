"""The approval matrix of a policy document."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, field

from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.evidence import EvidenceType
from domain.money import Currency
from domain.people import Role
from domain.policy.document_types import Condition, Name, Part, RuleName


class ApprovalBand(Part, frozen=True, kw_only=True):
    """Who must approve an adjustment; the first band that fits counts. An absent test fits all."""

    rule: RuleName
    up_to: Decimal | None = None
    """In the matrix's currency, summed with earlier adjustments of the order, and of the customer within
    the window: so splitting an amount does not avoid a limit."""
    kinds: tuple[AdjustmentKind, ...] = ()
    reasons: tuple[AdjustmentReason, ...] = ()
    tiers: tuple[Name, ...] = ()
    when: Condition | None = None
    approvers: Annotated[int, Meta(ge=1, le=5)] = 1
    roles: tuple[Role, ...] = ()
    """The roles that may approve; by default every role with a high enough limit."""
    by_policy: bool = False
    """The policy approves it; no person needs to."""


class Approvals(Part, frozen=True, kw_only=True):
    """The delegation of authority; without it, no adjustment is possible."""

    currency: Currency
    rates: dict[Currency, Decimal] = field(default_factory=dict)
    """The value of one unit of another currency; a currency without a rate cannot be approved."""
    window: timedelta
    """The period over which the adjustments of a customer are summed."""
    lapses_after: timedelta
    """How long a proposal waits for approval, and an approval for execution."""
    limits: dict[Role, Decimal]
    """The most that each role may approve."""
    bands: Annotated[tuple[ApprovalBand, ...], Meta(min_length=1)]
    requires: dict[AdjustmentKind, tuple[EvidenceType, ...]] = field(default_factory=dict)
    """The evidence that a proposal of each kind must cite."""
