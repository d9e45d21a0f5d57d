"""The approval matrix of a policy document."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, field

from domain.adjustments.identity_kinds import ALL_IDENTITIES, Identity
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


class Goodwill(Part, frozen=True, kw_only=True):
    """What may be given beyond the value of an order, and who must approve it then. With both limits, the
    smaller counts."""

    rule: RuleName = "goodwill"
    up_to: Decimal | None = None
    """In the matrix's currency, for all that is given for an order beyond its value."""
    percent: Decimal | None = None
    """Of the order's value."""
    approvers: Annotated[int, Meta(ge=1, le=5)] = 1
    """At least this many; the band that fits may require more."""
    roles: tuple[Role, ...] = ()
    """The roles that may approve. If the band that fits names roles too, each approver needs one of both lists."""


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
    sums_over: tuple[Identity, ...] = ALL_IDENTITIES
    """The identities of the customer over which sums run too, within the window. Leave one out if many
    customers share it, such as an address of a hotel."""
    by_policy_per_proposer: Decimal | None = None
    """The most that policy approves by itself for the proposals of one person within the window."""
    goodwill: Goodwill | None = None
    """Without it, nothing is given beyond the value of an order."""
    requires: dict[AdjustmentKind, tuple[EvidenceType, ...]] = field(default_factory=dict)
    """The evidence that a proposal of each kind must cite."""
