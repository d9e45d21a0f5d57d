"""Signals about money: authorized, captured, failed and refunded payments."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from domain.money import PositiveMoney
from domain.orders.signal_body import Moment, ReasonText, SignalBody, SourceId, normalize_moment
from domain.texts import Text


class PaymentAuthorized(SignalBody, frozen=True, kw_only=True, tag="payment.authorized"):
    """The payment desk or provider approved the payment of the order."""

    payment: SourceId | None = None
    amount: PositiveMoney | None = None
    expires_at: Moment | None = None
    """When the authorization ends; a capture must come before."""

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        normalize_moment(self, "expires_at")


class PaymentCaptured(SignalBody, frozen=True, kw_only=True, tag="payment.captured"):
    """Money was captured. Signals with one `payment` are about one payment; without it, each is its own."""

    amount: PositiveMoney
    payment: SourceId | None = None
    method: Text = ""
    installments: Annotated[int, Meta(ge=0, le=360)] = 1


class PaymentStage(StrEnum):
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"


class PaymentFailed(SignalBody, frozen=True, kw_only=True, tag="payment.failed"):
    payment: SourceId | None = None
    reason: Text = ""
    stage: PaymentStage | None = None
    """What failed; None if unknown."""


class RefundRequested(SignalBody, frozen=True, kw_only=True, tag="refund.requested"):
    """A refund was requested or begun, and is not paid yet."""

    amount: PositiveMoney | None = None
    payment: SourceId | None = None
    reason: ReasonText = ""


class RefundIssued(SignalBody, frozen=True, kw_only=True, tag="refund.issued"):
    amount: PositiveMoney
    payment: SourceId | None = None
