"""Signals about money: payments, refunds, disputes."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.money import PositiveMoney
from domain.orders.purchase_signals import ChargeKind
from domain.orders.signal_body import LinePieces, ReasonText, SignalBody, SourceId
from domain.orders.signal_times import Moment, normalize_moment
from domain.personal_data import PERSONAL
from domain.texts import Text, one_line

Tender = Annotated[str, one_line(64, least=1)]
"""card, gift_card, store_credit, invoice, cash_on_delivery, or a provider's own word."""
Instrument = Annotated[str, one_line(200, least=1), PERSONAL]
"""The provider's fingerprint of the card or account."""


class PaymentStage(StrEnum):
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"


class PaymentPending(SignalBody, frozen=True, kw_only=True, tag="payment.pending"):
    """A payment was begun and is not authorized yet."""

    payment: SourceId | None = None
    amount: PositiveMoney | None = None
    tender: Tender | None = None
    expires_at: Moment | None = None
    instrument: Instrument | None = None
    reason: Text = ""

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        normalize_moment(self, "expires_at")


class PaymentAuthorized(SignalBody, frozen=True, kw_only=True, tag="payment.authorized"):
    """The payment desk or provider approved the payment of the order."""

    payment: SourceId | None = None
    amount: PositiveMoney | None = None
    expires_at: Moment | None = None
    """When the authorization ends; a capture must come before."""
    tender: Tender | UnsetType = UNSET
    settles: PositiveMoney | UnsetType = UNSET
    instrument: Instrument | UnsetType = UNSET
    final: bool | UnsetType = UNSET
    cumulative: bool | UnsetType = UNSET
    reason: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        normalize_moment(self, "expires_at")


class PaymentCaptured(SignalBody, frozen=True, kw_only=True, tag="payment.captured"):
    """Money was captured, which also approves it. A payment may have several captures."""

    amount: PositiveMoney
    payment: SourceId | None = None
    method: Text = ""
    installments: Annotated[int, Meta(ge=0, le=360)] = 1
    capture: SourceId | UnsetType = UNSET
    """The provider's id of the capture."""
    final: bool | UnsetType = UNSET
    """Nothing more will be captured of the payment."""
    cumulative: bool | UnsetType = UNSET
    """The amount is the total so far."""
    tender: Tender | UnsetType = UNSET
    settles: PositiveMoney | UnsetType = UNSET
    """The amount in the shop's currency, where it was taken in another."""
    instrument: Instrument | UnsetType = UNSET
    expires_at: Moment | UnsetType = UNSET
    reason: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        if isinstance(self.expires_at, datetime):
            normalize_moment(self, "expires_at")


class PaymentVoided(SignalBody, frozen=True, kw_only=True, tag="payment.voided"):
    """An authorization was voided; without an amount, the rest of it."""

    payment: SourceId | None = None
    amount: PositiveMoney | None = None
    reason: Text = ""
    tender: Tender | None = None


class PaymentExpired(SignalBody, frozen=True, kw_only=True, tag="payment.expired"):
    """An authorization expired: the rest of it cannot be captured."""

    payment: SourceId | None = None
    amount: PositiveMoney | None = None
    reason: Text = ""
    tender: Tender | None = None


class PaymentFailed(SignalBody, frozen=True, kw_only=True, tag="payment.failed"):
    """An authorization or a capture failed."""

    payment: SourceId | None = None
    reason: Text = ""
    stage: PaymentStage | None = None
    """What failed; None if unknown."""
    capture: SourceId | UnsetType = UNSET
    """The capture that failed; it no longer counts."""
    amount: PositiveMoney | UnsetType = UNSET
    tender: Tender | UnsetType = UNSET
    instrument: Instrument | UnsetType = UNSET


class RefundedPieces(LinePieces, frozen=True, kw_only=True, omit_defaults=True):
    """Pieces that were refunded, with their part of the amount if it is known."""

    amount: PositiveMoney | None = None


class RefundedCharge(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """A charge beside the lines that was refunded; all of it without an amount."""

    kind: ChargeKind
    id: SourceId | None = None
    amount: PositiveMoney | None = None


RefundedLines = Annotated[tuple[RefundedPieces, ...], Meta(max_length=1000)]
RefundedCharges = Annotated[tuple[RefundedCharge, ...], Meta(max_length=200)]


class RefundRequested(SignalBody, frozen=True, kw_only=True, tag="refund.requested"):
    """A refund was requested or begun, and is not paid yet."""

    amount: PositiveMoney | None = None
    payment: SourceId | None = None
    reason: ReasonText = ""
    refund: SourceId | UnsetType = UNSET
    cumulative: bool | UnsetType = UNSET
    settles: PositiveMoney | UnsetType = UNSET
    tender: Tender | UnsetType = UNSET
    lines: RefundedLines | UnsetType = UNSET
    charges: RefundedCharges | UnsetType = UNSET
    restock: bool | UnsetType = UNSET


class RefundIssued(SignalBody, frozen=True, kw_only=True, tag="refund.issued"):
    """A refund was paid: of pieces, of charges, or of an amount."""

    amount: PositiveMoney | None = None
    payment: SourceId | None = None
    refund: SourceId | UnsetType = UNSET
    cumulative: bool | UnsetType = UNSET
    settles: PositiveMoney | UnsetType = UNSET
    tender: Tender | UnsetType = UNSET
    lines: RefundedLines | UnsetType = UNSET
    charges: RefundedCharges | UnsetType = UNSET
    restock: bool | UnsetType = UNSET
    reason: ReasonText | UnsetType = UNSET

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        if self.amount is None and not (self.lines or self.charges):
            raise ValueError("give `amount`, or the `lines` or `charges` that were refunded")


class RefundFailed(SignalBody, frozen=True, kw_only=True, tag="refund.failed"):
    """A refund failed, perhaps days after it was issued: the money is owed again."""

    amount: PositiveMoney | None = None
    payment: SourceId | None = None
    refund: SourceId | None = None
    cumulative: bool = False
    settles: PositiveMoney | None = None
    tender: Tender | None = None
    lines: RefundedLines = ()
    charges: RefundedCharges = ()
    restock: bool | None = None
    reason: ReasonText = ""


class DisputeStage(StrEnum):
    INQUIRY = "inquiry"
    CHARGEBACK = "chargeback"
    SECOND_CHARGEBACK = "second_chargeback"


class DisputeOutcome(StrEnum):
    WON = "won"
    LOST = "lost"
    WITHDRAWN = "withdrawn"
    PREVENTED = "prevented"


class _DisputeBody(SignalBody, frozen=True, kw_only=True):
    """The fields of every signal about a dispute."""

    dispute: SourceId | None = None
    stage: DisputeStage | None = None
    payment: SourceId | None = None
    amount: PositiveMoney | None = None
    reason: ReasonText = ""
    respond_by: Moment | None = None
    outcome: DisputeOutcome | None = None

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        normalize_moment(self, "respond_by")


class DisputeOpened(_DisputeBody, frozen=True, kw_only=True, tag="dispute.opened"):
    """The customer's bank asks, or takes the money back."""


class DisputeEvidenceSent(_DisputeBody, frozen=True, kw_only=True, tag="dispute.evidence_sent"):
    """Evidence was sent to the provider."""


class DisputeClosed(_DisputeBody, frozen=True, kw_only=True, tag="dispute.closed"):
    """The dispute ended."""

    def __post_init__(self) -> None:
        _DisputeBody.__post_init__(self)
        if self.outcome is None:
            raise ValueError("give the `outcome`: won, lost, withdrawn or prevented")


class FraudWarned(_DisputeBody, frozen=True, kw_only=True, tag="payment.fraud_warned"):
    """The card network warned of fraud: a dispute may follow."""
