"""Commands on adjustments, as decoded from a request."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.adjustments.events import (
    AdjustedCharges,
    CaseParts,
    PaymentId,
    PieceCount,
    Reference,
    RequiredReason,
    require_line_or_sku,
)
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.evidence import EvidenceRef
from domain.moments import CommandRequest
from domain.money import PositiveMoney
from domain.orders.signal_body import SourceId
from domain.texts import Digest, Note, one_line


class ProposedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of an order line, by `line` or `sku`, and their part of the amount."""

    line: SourceId | UnsetType = UNSET
    sku: Annotated[str, one_line(120, least=1)] | UnsetType = UNSET
    quantity: PieceCount | UnsetType = UNSET
    """Required if the order has more than one piece of it."""
    amount: PositiveMoney | UnsetType = UNSET
    """Left out, the value of these pieces that is left."""

    def __post_init__(self) -> None:
        require_line_or_sku(self.line, self.sku)


class ProposeAdjustment(CommandRequest, frozen=True, kw_only=True):
    kind: AdjustmentKind
    amount: PositiveMoney | UnsetType = UNSET
    """Left out, the sum of the lines and charges. It is in the order's currency, or in that of the payment."""
    reason: AdjustmentReason
    lines: Annotated[tuple[ProposedLine, ...], Meta(max_length=1000)] = ()
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
