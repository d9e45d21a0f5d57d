"""The events of a case's adjustments. Tags are stored for ever: never rename or reuse one."""

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.adjustments.identity_kinds import Identity
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, Duty, LapseCause
from domain.cases.evidence import EvidenceRef, UnknownEvidence
from domain.money import PositiveMoney
from domain.orders.purchase_signals import ChargeKind
from domain.orders.signal_body import SourceId
from domain.people import Role
from domain.personal_data import PERSONAL_IF_FACT_IS
from domain.policy.decision import Decision, FactValue
from domain.texts import Note, lines, one_line

RequiredReason = Annotated[str, lines(4000, least=1)]
Reference = Annotated[str, one_line(200, least=1)]
"""The id of the payment at the provider, or in the system that carried it out."""
PaymentId = Annotated[str, one_line(200, least=1)]
PieceCount = Annotated[int, Meta(ge=1, le=100_000)]


class AdjustedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of an order line, by `line` or `sku`, and their part of the amount."""

    sku: Annotated[str, one_line(120, least=1)] | UnsetType = UNSET
    quantity: PieceCount = 1
    amount: PositiveMoney | UnsetType = UNSET
    """In the log, both are always given."""
    line: SourceId | UnsetType = UNSET

    def __post_init__(self) -> None:
        require_line_or_sku(self.line, self.sku)


def require_line_or_sku(line: str | UnsetType, sku: str | UnsetType) -> None:
    """Raises ValueError if neither is given."""
    if line is UNSET and sku is UNSET:
        raise ValueError("name the pieces by `line` or `sku`")


class AdjustedCharge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A charge beside the lines, and its part of the amount."""

    kind: ChargeKind
    id: SourceId | UnsetType = UNSET
    amount: PositiveMoney | UnsetType = UNSET
    """Left out in a proposal, what is left of the charge. In the log it is always given."""


class BoundFact(Struct, frozen=True):
    """A fact that was read for the proposal, and its value."""

    fact: str
    value: Annotated[FactValue | None, PERSONAL_IF_FACT_IS]


CaseParts = Annotated[tuple[Annotated[str, one_line(400, least=1)], ...], Meta(max_length=1000)]
"""Keys of the parts of the case, such as `parcel:P1`."""
AdjustedCharges = Annotated[tuple[AdjustedCharge, ...], Meta(max_length=200)]


class IdentitySum(Struct, frozen=True):
    """The sum over everything that was proposed or paid for orders with one identity, within the window."""

    of: Identity
    sum: str
    """In the matrix's currency."""
    orders: int
    """How many other orders it has."""


class ApprovalRequirement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who must approve an adjustment, by the policy's matrix when it was proposed.

    `counted` is the amount that the matrix was read by, in its currency. It is the largest of several sums:
    this amount with the others proposed or paid for the order, and with those for the customer, and for each
    identity of the customer, within the window.
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
    sums: tuple[IdentitySum, ...] = ()
    """For each kind of identity that policy sums over and that has other orders, the largest sum."""
    of_proposer: str | None = None
    """This amount with all that policy approved for the proposer's proposals within the window, where policy
    limits that."""
    beyond_value: str | None = None
    """By how much all that is given for the order exceeds its value with this adjustment, in the order's
    currency."""
    beyond_roles: tuple[Role, ...] = ()
    """Beyond the order's value, each approver also has one of these roles, where both the band and the policy's
    goodwill name roles."""


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
    charges: tuple[AdjustedCharge, ...] | UnsetType = UNSET
    settles: PositiveMoney | UnsetType = UNSET
    """The amount in the order's currency, where the payment was captured in another."""
    parts: CaseParts | UnsetType = UNSET
    """The parts of the case that it is for; left out, all of them."""
    facts: tuple[BoundFact, ...] | UnsetType = UNSET
    """The facts that were read for it. It lapses if one of them changes; a proposal without this field
    lapses with any change of the packet."""


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
    """It lapsed: its time ran out, or the facts, the packet or the policy that it is bound to changed."""

    cause: LapseCause
    was: str = ""
    now: str = ""
    """The facts that changed, with their values before and after; or digests of the packet or policy:
    the one that it was bound to, and the new one."""


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
    """Names with different duties in the case or its order turned out to be one person. The acts stay
    valid; a person must look at them."""

    duties: dict[str, Duty]
    """By name."""
    cases: dict[str, UUID] | UnsetType = UNSET
    """By name, the case of the order where it has this duty; left out if it is this case for all."""


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
