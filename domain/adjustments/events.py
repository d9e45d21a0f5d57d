"""What happens to the adjustments of a case. A tag is written down for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, Duty, LapseCause
from domain.cases.evidence import EvidenceRef
from domain.money import PositiveMoney
from domain.people import Role
from domain.personal_data import PERSONAL
from domain.policy.decision import Decision
from domain.texts import END, lines, one_line

AdjustmentNote = Annotated[str, lines(4000), PERSONAL]
SaidReason = Annotated[str, lines(4000, least=1)]
Reference = Annotated[str, one_line(200, least=1)]
"""What the provider, or the system that carried it out, calls it."""
PaymentId = Annotated[str, one_line(200, least=1)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + END)]


class AdjustedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the order that it is about, and how much of the amount falls on it."""

    sku: Annotated[str, one_line(120, least=1)]
    quantity: Annotated[int, Meta(ge=1, le=100_000)] = 1
    amount: PositiveMoney


class Requirement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who must approve: what the policy's matrix asked of the amount when it was proposed.

    `counted` is what it was measured by: the largest of this amount with what else was proposed or
    paid for the order, and for the customer within the window; in the matrix's currency.
    """

    policy: str
    policy_digest: str
    rule: str
    approvers: int
    """How many people; 0 where policy approves by itself."""
    counted: str
    currency: str
    of_order: str
    of_customer: str | None = None
    roles: tuple[Role, ...] = ()
    """Who may, beyond the limits of each role; empty: whoever has a limit."""


class AdjustmentProposed(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="case.adjustment_proposed"
):
    """Somebody who works the case recommends to give the customer something. `digest` is the
    SHA-256 of all that an approval is bound to."""

    adjustment: UUID
    kind: AdjustmentKind
    amount: PositiveMoney
    reason: AdjustmentReason
    packet: str
    digest: str
    requirement: Requirement
    lapses_at: datetime
    lines: tuple[AdjustedLine, ...] = ()
    evidence: tuple[EvidenceRef, ...] = ()
    payment: PaymentId | None = None
    note: AdjustmentNote = ""


class AdjustmentApproved(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="case.adjustment_approved"
):
    """A person with the authority approved what the digest names; `complete` if nobody else needs to."""

    adjustment: UUID
    digest: str
    role: Role
    limit: str
    """How much the role may approve, in the matrix's currency."""
    complete: bool
    lapses_at: datetime
    note: AdjustmentNote = ""


class AdjustmentSystemApproved(
    Struct, frozen=True, kw_only=True, tag="case.adjustment_system_approved"
):
    """Policy approved it by itself, and says by which rule."""

    adjustment: UUID
    digest: str
    decision: Decision
    lapses_at: datetime


class AdjustmentRejected(Struct, frozen=True, kw_only=True, tag="case.adjustment_rejected"):
    adjustment: UUID
    digest: str
    reason: SaidReason


class AdjustmentWithdrawn(Struct, frozen=True, kw_only=True, tag="case.adjustment_withdrawn"):
    """Whoever works the case does not recommend it any more."""

    adjustment: UUID
    reason: SaidReason


class AdjustmentLapsed(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="case.adjustment_lapsed"
):
    """What was proposed, or approved, is not what it was decided on any more; or nobody decided."""

    adjustment: UUID
    cause: LapseCause
    was: str = ""
    now: str = ""
    """Digests of the packet or policy that it was bound to, and that there is now."""


class ExecutionStarted(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="case.adjustment_execution_started"
):
    """A third person ordered the payment. From here on it is never sent under another key than the
    adjustment's own, whatever becomes of the answer."""

    adjustment: UUID
    digest: str
    provider: str
    payment: PaymentId | None = None


class OutcomeInDoubt(Struct, frozen=True, kw_only=True, tag="case.adjustment_outcome_in_doubt"):
    """The provider's answer was lost: it is asked what became of it until it tells. Said once."""

    adjustment: UUID
    detail: str


class AdjustmentExecuted(Struct, frozen=True, kw_only=True, tag="case.adjustment_executed"):
    """It is done; `reference` is what the provider, or the system that did it, calls it."""

    adjustment: UUID
    provider: str
    reference: Reference
    amount: PositiveMoney


class AmountDiffers(Struct, frozen=True, kw_only=True, tag="case.adjustment_amount_differs"):
    """The provider says that it gave another amount than was ordered: people have to look, and it is
    never reconciled as if it were right."""

    adjustment: UUID
    ordered: PositiveMoney
    given: PositiveMoney


class ExecutionFailed(Struct, frozen=True, kw_only=True, tag="case.adjustment_execution_failed"):
    """The provider said a definite no: nothing was paid, and nothing will be under this approval."""

    adjustment: UUID
    provider: str
    detail: str


class AdjustmentReconciled(Struct, frozen=True, kw_only=True, tag="case.adjustment_reconciled"):
    """A fourth person found it in the provider's own list, with the same amount."""

    adjustment: UUID
    statement: str
    """SHA-256 of the list."""
    reference: Reference


PaymentTold: TypeAlias = OutcomeInDoubt | AdjustmentExecuted | AmountDiffers | ExecutionFailed
"""What becomes known of a payment, with nobody deciding anything."""


class DutiesConflicted(Struct, frozen=True, kw_only=True, tag="case.duties_conflicted"):
    """Names that had different duties in the case turned out to be one human's. What was done stays
    done; somebody has to look at it."""

    duties: dict[str, Duty]
    """By name."""


ByPolicy: TypeAlias = AdjustmentSystemApproved | AdjustmentLapsed | DutiesConflicted
AdjustmentEvent: TypeAlias = (
    AdjustmentProposed
    | AdjustmentApproved
    | AdjustmentRejected
    | AdjustmentWithdrawn
    | ExecutionStarted
    | AdjustmentReconciled
    | PaymentTold
    | AdjustmentSystemApproved
    | AdjustmentLapsed
)
"""What happens to one of them; that duties conflicted is of the case."""
