"""What is said of money: authorized, captured, failed, and given back."""

from datetime import UTC
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, structs

from domain.money import PositiveMoney
from domain.orders.signal_body import Moment, ReasonText, SignalBody, SourceId, check_moment
from domain.texts import Text


class PaymentAuthorized(SignalBody, frozen=True, kw_only=True, tag="payment.authorized"):
    """The payment desk or provider approved the payment of the order."""

    payment: SourceId | None = None
    amount: PositiveMoney | None = None
    expires_at: Moment | None = None
    """Until when the money is held; a capture must come before."""

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        if self.expires_at is not None:
            check_moment(self.expires_at)
            structs.force_setattr(self, "expires_at", self.expires_at.astimezone(UTC))


class PaymentCaptured(SignalBody, frozen=True, kw_only=True, tag="payment.captured"):
    """Money was taken. `payment` groups the statements about one payment; else each is its own."""

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
    """What failed; None if the source does not tell."""


class RefundRequested(SignalBody, frozen=True, kw_only=True, tag="refund.requested"):
    """A refund was asked for or begun, and is yet to be paid."""

    amount: PositiveMoney | None = None
    payment: SourceId | None = None
    reason: ReasonText = ""


class RefundIssued(SignalBody, frozen=True, kw_only=True, tag="refund.issued"):
    amount: PositiveMoney
    payment: SourceId | None = None
