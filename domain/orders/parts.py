"""The parts of an order (lines, charges, parcels, payments …) and the facts of each."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Struct

from domain.orders.fact_metadata import derived_from
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    RefundIssued,
    RefundRequested,
)
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.return_signals import ReturnAuthorized, ReturnReceived, ReturnRequested
from domain.orders.shipment_signals import (
    DamageReported,
    Delivered,
    DeliveryFailed,
    HandedOver,
    LabelCreated,
    Scanned,
)


class PartKind(StrEnum):
    """A kind of part of an order."""

    LINE = "line"
    CHARGE = "charge"
    PARCEL = "parcel"
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    RETURN = "return"


_PARCEL: Final = (OrderPlaced, LabelCreated, HandedOver, Scanned, Delivered)
_PAYMENT: Final = (PaymentAuthorized, PaymentCaptured, PaymentFailed)
_REFUND: Final = (RefundRequested, RefundIssued)
_RETURN: Final = (ReturnRequested, ReturnAuthorized, ReturnReceived)


class LinePart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(OrderPlaced)]
    ordered: Annotated[int | None, derived_from(OrderPlaced)] = None
    """The number of its pieces."""
    value: Annotated[Decimal | None, derived_from(OrderPlaced, currency="part.currency")] = None
    currency: Annotated[str | None, derived_from(OrderPlaced)] = None


class ChargePart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(OrderPlaced)]
    charged: Annotated[Decimal | None, derived_from(OrderPlaced, currency="part.currency")] = None
    currency: Annotated[str | None, derived_from(OrderPlaced)] = None


class ParcelPart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(*_PARCEL)]
    promised_by: Annotated[datetime | None, derived_from(OrderPlaced)] = None
    late_from: Annotated[datetime | None, derived_from(OrderPlaced)] = None
    """The first moment at which it is late."""
    delivered_at: Annotated[datetime | None, derived_from(Delivered)] = None
    lost: Annotated[bool | None, derived_from(Scanned, Delivered)] = None
    damaged: Annotated[bool | None, derived_from(DamageReported, DeliveryFailed)] = None


class PaymentPart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(*_PAYMENT)]
    captured: Annotated[Decimal | None, derived_from(PaymentCaptured, currency="part.currency")] = (
        None
    )
    refunded: Annotated[Decimal | None, derived_from(RefundIssued, currency="part.currency")] = None
    left: Annotated[
        Decimal | None, derived_from(PaymentCaptured, RefundIssued, currency="part.currency")
    ] = None
    """Captured and not refunded."""
    currency: Annotated[str | None, derived_from(*_PAYMENT)] = None


class RefundPart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(*_REFUND)]
    amount: Annotated[Decimal | None, derived_from(*_REFUND, currency="part.currency")] = None
    currency: Annotated[str | None, derived_from(*_REFUND)] = None
    issued_at: Annotated[datetime | None, derived_from(RefundIssued)] = None


class DisputePart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(PaymentCaptured)]
    open: Annotated[bool | None, derived_from(PaymentCaptured)] = None
    respond_by: Annotated[datetime | None, derived_from(PaymentCaptured)] = None
    amount: Annotated[Decimal | None, derived_from(PaymentCaptured, currency="part.currency")] = (
        None
    )
    currency: Annotated[str | None, derived_from(PaymentCaptured)] = None


class ReturnPart(Struct, frozen=True, gc=False):
    id: Annotated[str, derived_from(*_RETURN)]
    requested_at: Annotated[datetime | None, derived_from(ReturnRequested)] = None
    received_at: Annotated[datetime | None, derived_from(ReturnReceived)] = None


PART_TYPES: Final[dict[PartKind, type[Struct]]] = {
    PartKind.LINE: LinePart,
    PartKind.CHARGE: ChargePart,
    PartKind.PARCEL: ParcelPart,
    PartKind.PAYMENT: PaymentPart,
    PartKind.REFUND: RefundPart,
    PartKind.DISPUTE: DisputePart,
    PartKind.RETURN: ReturnPart,
}


class OrderParts(Struct, frozen=True, gc=False):
    """The parts of an order, by kind; each kind in a fixed order."""

    line: tuple[LinePart, ...] = ()
    charge: tuple[ChargePart, ...] = ()
    parcel: tuple[ParcelPart, ...] = ()
    payment: tuple[PaymentPart, ...] = ()
    refund: tuple[RefundPart, ...] = ()
    dispute: tuple[DisputePart, ...] = ()
    return_: tuple[ReturnPart, ...] = ()

    def of(self, kind: PartKind) -> Sequence[Any]:
        """The parts of one kind."""
        found: Sequence[Any] = getattr(self, part_field(kind))
        return found


def part_field(kind: PartKind) -> str:
    """The field of `OrderParts` that has the parts of this kind."""
    return "return_" if kind is PartKind.RETURN else kind.value


def part_key(kind: PartKind, id: str) -> str:
    """The key of a part in events and in the API, such as `parcel:P1`."""
    return f"{kind.value}:{id}"


def split_part_key(key: str) -> tuple[PartKind, str] | None:
    """The kind and the id in a part's key; None for the whole order (an empty key).

    Raises ValueError for a key of no known kind.
    """
    if not key:
        return None
    kind, colon, id = key.partition(":")
    if not colon:
        raise ValueError(f"{key!r} is not the key of a part, such as parcel:P1")
    return PartKind(kind), id
