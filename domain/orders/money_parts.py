"""The facts of each payment, refund, dispute and charge."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Struct

from domain.orders.fact_metadata import derived_from
from domain.orders.payment_signals import (
    DisputeClosed,
    DisputeOpened,
    PaymentAuthorized,
    PaymentCaptured,
    RefundIssued,
    RefundRequested,
)
from domain.orders.purchase_signals import OrderPlaced


class ChargePart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(OrderPlaced)]
    charged: Annotated[Decimal | None, derived_from(OrderPlaced, currency="part.currency")] = None
    currency: Annotated[str | None, derived_from(OrderPlaced)] = None


class PaymentPart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(PaymentAuthorized, PaymentCaptured)]
    captured: Annotated[Decimal | None, derived_from(PaymentCaptured, currency="part.currency")] = (
        None
    )
    refunded: Annotated[Decimal | None, derived_from(RefundIssued, currency="part.currency")] = None
    left: Annotated[
        Decimal | None, derived_from(PaymentCaptured, RefundIssued, currency="part.currency")
    ] = None
    currency: Annotated[str | None, derived_from(PaymentCaptured)] = None


class RefundPart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(RefundRequested, RefundIssued)]
    amount: Annotated[Decimal | None, derived_from(RefundIssued, currency="part.currency")] = None
    currency: Annotated[str | None, derived_from(RefundIssued)] = None
    issued_at: Annotated[datetime | None, derived_from(RefundIssued)] = None


class DisputePart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(DisputeOpened, DisputeClosed)]
    open: Annotated[bool | None, derived_from(DisputeOpened)] = None
    respond_by: Annotated[datetime | None, derived_from(DisputeOpened)] = None
    amount: Annotated[Decimal | None, derived_from(DisputeOpened, currency="part.currency")] = None
    currency: Annotated[str | None, derived_from(DisputeOpened)] = None
