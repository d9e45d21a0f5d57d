"""The events of a case's adjustments. Tags are stored for ever: never rename or reuse one."""

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct

from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, Duty, LapseCause
from domain.cases.evidence import EvidenceRef, UnknownEvidence
from domain.money import PositiveMoney
from domain.people import Role
from domain.policy.decision import Decision
from domain.texts import Note, lines, one_line

RequiredReason = Annotated[str, lines(4000, least=1)]
Reference = Annotated[str, one_line(200, least=1)]
"""The id of the payment at the provider, or in the system that carried it out."""
PaymentId = Annotated[str, one_line(200, least=1)]


class AdjustedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order line that the adjustment is about, and its part of the amount."""

    sku: Annotated[str, one_line(120, least=1)]
    quantity: Annotated[int, Meta(ge=1, le=100_000)] = 1
    amount: PositiveMoney


class ApprovalRequirement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who must approve an adjustment, by the policy's matrix when it was proposed.

    `counted` is the amount that the matrix was read by, in its currency. It is the larger of two sums:
    this amount with the others proposed or paid for the order, and with those for the customer within
    the window.
    """

    policy: str
    policy_digest: str
    rule: str
    approvers: int
    """How many people must approve; 0 if policy approves by itself."""
    counted: str
    currency: str
    of_order: str
    of_customer: str | None = None
    roles: tuple[Role, ...] = ()
    """The roles that may approve, within their limits; empty means every role with a limit."""


class AdjustmentFact(Struct, frozen=True, kw_only=True):
    """The first field of every event of an adjustment."""

    adjustment: UUID


class AdjustmentProposed(
    AdjustmentFact, frozen=True, kw_only=True, omit_defaults=True, tag="case.adjustment_proposed"
):
    """The case's holder proposed to give the customer something. `digest` is the SHA-256 of all that
    an approval is bound to."""

    kind: AdjustmentKind
    amount: PositiveMoney
    reason: AdjustmentReason
    packet: str
    digest: str
    requirement: ApprovalRequirement
    lapses_at: datetime
    lines: tuple[AdjustedLine, ...] = ()
    evidence: tuple[EvidenceRef, ...] = ()
    payment: PaymentId | None = None
    note: Note = ""
    unknown_evidence: UnknownEvidence = UNSET


class AdjustmentApproved(
    AdjustmentFact, frozen=True, kw_only=True, omit_defaults=True, tag="case.adjustment_approved"
):
    """A person with the authority approved what the digest names; `complete` if no more must approve."""

    digest: str
    role: Role
    limit: str
    """How much the role may approve, in the matrix's currency."""
    complete: bool
    lapses_at: datetime
    note: Note = ""


class AdjustmentSystemApproved(
    AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_system_approved"
):
    """Policy approved it by itself; `decision` names the rule."""

    digest: str
    decision: Decision
    lapses_at: datetime


class AdjustmentRejected(AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_rejected"):
    """An approver rejected it."""

    digest: str
    reason: RequiredReason


class AdjustmentWithdrawn(
    AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_withdrawn"
):
    """The proposer or the case's holder withdrew it."""

    reason: RequiredReason


class AdjustmentLapsed(
    AdjustmentFact, frozen=True, kw_only=True, omit_defaults=True, tag="case.adjustment_lapsed"
):
    """It lapsed: its time ran out, or the packet or the policy that it is bound to changed."""

    cause: LapseCause
    was: str = ""
    now: str = ""
    """Digests of the packet or policy: the one that it was bound to, and the new one."""


class ExecutionStarted(
    AdjustmentFact,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="case.adjustment_execution_started",
):
    """A third person ordered the payment. The provider only ever gets it under the adjustment's id as
    key, so a lost answer cannot pay it twice."""

    digest: str
    provider: str
    payment: PaymentId | None = None


class OutcomeInDoubt(
    AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_outcome_in_doubt"
):
    """The provider's answer was lost. The service asks the provider until it knows the outcome; this is
    recorded once."""

    detail: str


class AdjustmentExecuted(AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_executed"):
    """It was paid or carried out; `reference` is its id at the provider or in the executing system."""

    provider: str
    reference: Reference
    amount: PositiveMoney


class AmountDiffers(
    AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_amount_differs"
):
    """The provider reports another amount than was ordered. It cannot be reconciled: people must
    settle it."""

    ordered: PositiveMoney
    given: PositiveMoney


class ExecutionFailed(
    AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_execution_failed"
):
    """The provider refused it: nothing was paid, and nothing will be under this approval."""

    provider: str
    detail: str


class AdjustmentReconciled(
    AdjustmentFact, frozen=True, kw_only=True, tag="case.adjustment_reconciled"
):
    """A fourth person found it in the provider's statement, with the same amount."""

    statement: str
    """SHA-256 of the statement."""
    reference: Reference


PaymentOutcome: TypeAlias = OutcomeInDoubt | AdjustmentExecuted | AmountDiffers | ExecutionFailed
"""The events of a payment's outcome, which the service records without a person's decision."""


class DutiesConflicted(Struct, frozen=True, kw_only=True, tag="case.duties_conflicted"):
    """Names with different duties in the case turned out to be one person. The acts stay valid; a person
    must look at them."""

    duties: dict[str, Duty]
    """By name."""


SystemAdjustmentEvent: TypeAlias = AdjustmentSystemApproved | AdjustmentLapsed | DutiesConflicted
AdjustmentEvent: TypeAlias = (
    AdjustmentProposed
    | AdjustmentApproved
    | AdjustmentRejected
    | AdjustmentWithdrawn
    | ExecutionStarted
    | AdjustmentReconciled
    | PaymentOutcome
    | AdjustmentSystemApproved
    | AdjustmentLapsed
)
"""The events of one adjustment; `DutiesConflicted` is about the case."""
