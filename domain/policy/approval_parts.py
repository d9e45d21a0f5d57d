"""The approval matrix as it is written in a policy document."""

from __future__ import annotations

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
    """Who must approve an adjustment; the first band that fits counts. What is left out fits all."""

    rule: RuleName
    up_to: Decimal | None = None
    """In the matrix's currency, with all else that was given for the order, and to the customer
    within the window: whoever splits a sum gains nothing."""
    kinds: tuple[AdjustmentKind, ...] = ()
    reasons: tuple[AdjustmentReason, ...] = ()
    tiers: tuple[Name, ...] = ()
    when: Condition | None = None
    approvers: Annotated[int, Meta(ge=1, le=5)] = 1
    roles: tuple[Role, ...] = ()
    """Who may; left out, every role with a limit that is high enough."""
    by_policy: bool = False
    """No person needs to approve."""


class Approvals(Part, frozen=True, kw_only=True):
    """The delegation of authority: without it, nothing can be given to a customer."""

    currency: Currency
    rates: dict[Currency, Decimal] = field(default_factory=dict)
    """What one unit of another currency counts; one that is not told cannot be approved."""
    window: timedelta
    """Over how long what a customer was given is added up."""
    lapses_after: timedelta
    """How long a proposal waits to be approved, and an approval to be carried out."""
    limits: dict[Role, Decimal]
    """The most that each role may approve."""
    bands: Annotated[tuple[ApprovalBand, ...], Meta(min_length=1)]
    requires: dict[AdjustmentKind, tuple[EvidenceType, ...]] = field(default_factory=dict)
    """What must be attached to the case, and named, to propose one."""
