"""Commands on adjustments, as decoded from a request."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from domain.adjustments.events import (
    AdjustedCharges,
    AdjustedLines,
    CaseParts,
    PaymentId,
    Reference,
    RequiredReason,
)
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.evidence import EvidenceRef
from domain.cases.work_commands import CommandRequest
from domain.money import PositiveMoney
from domain.texts import Digest, Note


class ProposeAdjustment(CommandRequest, frozen=True, kw_only=True):
    kind: AdjustmentKind
    amount: PositiveMoney | UnsetType = UNSET
    """Left out, the sum of the lines and charges. It is in the order's currency, or in that of the payment."""
    reason: AdjustmentReason
    lines: AdjustedLines = ()
    """The pieces that it is for; their amounts and those of the charges add up to `amount`."""
    charges: AdjustedCharges = ()
    """The charges beside the lines that it is for, such as shipping."""
    parts: CaseParts = ()
    """The parts of the case that it is for, such as `parcel:P1`; left out, all of them."""
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(max_length=50)] = ()
    payment: PaymentId | None = None
    """The payment to refund; left out, the only payment with money left."""
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
