"""Commands on adjustments, as decoded from a request."""

from typing import Annotated

from msgspec import Meta

from domain.adjustments.events import AdjustedLine, PaymentId, Reference, RequiredReason
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.evidence import EvidenceRef
from domain.cases.work_commands import CommandRequest
from domain.money import PositiveMoney
from domain.texts import Digest, Note


class ProposeAdjustment(CommandRequest, frozen=True, kw_only=True):
    kind: AdjustmentKind
    amount: PositiveMoney
    reason: AdjustmentReason
    lines: Annotated[tuple[AdjustedLine, ...], Meta(max_length=1000)] = ()
    """The order lines that it is about; if given, their amounts must add up to `amount`."""
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(max_length=50)] = ()
    payment: PaymentId | None = None
    """The payment to refund; left out, the order's only payment."""
    note: Note = ""


class ApproveAdjustment(CommandRequest, frozen=True, kw_only=True):
    digest: Digest
    """The `digest` of the adjustment as you read it."""
    note: Note = ""


class RejectAdjustment(CommandRequest, frozen=True, kw_only=True):
    digest: Digest
    reason: RequiredReason


class WithdrawAdjustment(CommandRequest, frozen=True, kw_only=True):
    reason: RequiredReason


class ExecuteAdjustment(CommandRequest, frozen=True, kw_only=True):
    digest: Digest
    reference: Reference | None = None
    """The executing system's reference; only for kinds that no payment provider pays."""
