"""Signals: what the outside systems say of an order, each with its source, id and time.

A signal is a statement, not a command: it is kept even when it is late or contradicts another.
Its identity is (source, id, order). `event_time` is when it happened in the source's world; when
it reached us stands in the envelope of the event that records it (two clocks, as in EPCIS).
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, structs

from domain.money import PositiveMoney
from domain.texts import END, Text, one_line

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

SourceName = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9][a-z0-9_.-]{0,63}" + END,
        description="The system that speaks, e.g. psp.",
    ),
]
SourceId = Annotated[str, one_line(200, least=1)]
"""The source's own id of a statement, a payment or a shipment."""
OrderId = Annotated[
    str,
    Meta(
        pattern="^[!-.0-~]{1,120}" + END, description="The shop's id of the order, without a slash."
    ),
]


def check_moment(moment: datetime) -> None:
    """Raise ValueError for a time that no order of ours can have: a unit mix-up, as a rule."""
    if not EARLIEST <= moment < LATEST:
        raise ValueError(
            f"{moment.isoformat()} is outside 1990 … 2199: check the unit and the year"
        )


def check_day(day: date) -> None:
    """Raise ValueError for a day that no order of ours can have."""
    if not EARLIEST.date() <= day < LATEST.date():
        raise ValueError(f"{day} is outside 1990 … 2199: check the year")


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from None


Moment = Annotated[
    datetime,
    Meta(tz=True, description="RFC 3339, with its offset.", extra={"check": check_moment}),
]


ZoneName = Annotated[str, Meta(description="Of the IANA database.", extra={"check": time_zone})]


class SignalBody(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, tag_field="type"
):
    """What every signal carries."""

    source: SourceName
    id: SourceId
    order: OrderId
    event_time: Moment

    def __post_init__(self) -> None:
        check_moment(self.event_time)
        if self.event_time.tzinfo is not UTC:
            structs.force_setattr(self, "event_time", self.event_time.astimezone(UTC))

    @property
    def key(self) -> str:
        """The signal's identity within its order."""
        return f"{self.source}/{self.id}"

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)


class Customer(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    id: Annotated[str, one_line(120, least=1)]
    tier: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}" + END)] = "standard"


class Line(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One line of an order; `price` is of one piece, `freight` of the whole line."""

    sku: Annotated[str, one_line(120, least=1)]
    quantity: Annotated[int, Meta(ge=1, le=100_000)] = 1
    price: PositiveMoney
    freight: PositiveMoney | None = None
    ship_by: Moment | None = None
    seller: Annotated[str, one_line(120)] | None = None

    def __post_init__(self) -> None:
        if self.ship_by is not None:
            check_moment(self.ship_by)
            structs.force_setattr(self, "ship_by", self.ship_by.astimezone(UTC))


def one_currency(lines: tuple[Line, ...]) -> None:
    """Raise ValueError for lines in several currencies."""
    currencies = {m.currency for line in lines for m in (line.price, line.freight) if m}
    if len(currencies) > 1:
        told = " and ".join(sorted(currencies))
        raise ValueError(f"lines are in {told}: an order has one currency")


class Promise(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What the customer was promised: delivery by the end of a day, in the customer's zone."""

    delivery_date: Annotated[date, Meta(extra={"check": check_day})]
    time_zone: ZoneName = "UTC"

    def __post_init__(self) -> None:
        time_zone(self.time_zone)
        check_day(self.delivery_date)


class OrderPlaced(SignalBody, frozen=True, kw_only=True, tag="order.placed"):
    """The storefront took an order."""

    customer: Customer
    lines: Annotated[tuple[Line, ...], Meta(max_length=1000, extra={"check": one_currency})] = ()
    lines_complete: bool = True
    """False where the source knows that it does not tell all lines; no charge is derived then."""
    tenders: Annotated[tuple[Text, ...], Meta(max_length=100)] | None = None
    """The means of payment chosen at checkout, one for each payment to come; None if not told."""
    promise: Promise | None = None

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        one_currency(self.lines)


class OrderCancelled(SignalBody, frozen=True, kw_only=True, tag="order.cancelled"):
    reason: Text = ""


class PaymentAuthorized(SignalBody, frozen=True, kw_only=True, tag="payment.authorized"):
    """The payment desk or provider approved the payment of the order."""

    payment: SourceId | None = None
    amount: PositiveMoney | None = None


class PaymentCaptured(SignalBody, frozen=True, kw_only=True, tag="payment.captured"):
    """Money was taken. `payment` groups the statements about one payment; else each is its own."""

    amount: PositiveMoney
    payment: SourceId | None = None
    method: Text = ""
    installments: Annotated[int, Meta(ge=0, le=360)] = 1


class PaymentFailed(SignalBody, frozen=True, kw_only=True, tag="payment.failed"):
    payment: SourceId | None = None
    reason: Text = ""


class FraudVerdict(StrEnum):
    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


class FraudScreened(SignalBody, frozen=True, kw_only=True, tag="fraud.screened"):
    verdict: FraudVerdict
    score: Annotated[int, Meta(ge=0, le=1000)] | None = None


class AddressVerdict(StrEnum):
    VALID = "valid"
    CORRECTED = "corrected"
    INVALID = "invalid"


class AddressChecked(SignalBody, frozen=True, kw_only=True, tag="address.checked"):
    verdict: AddressVerdict
    detail: Text = ""


class StockAllocated(SignalBody, frozen=True, kw_only=True, tag="stock.allocated"):
    warehouse: Text = ""
    skus: tuple[Text, ...] = ()


class StockUnavailable(SignalBody, frozen=True, kw_only=True, tag="stock.unavailable"):
    warehouse: Text = ""
    skus: tuple[Text, ...] = ()


class Released(SignalBody, frozen=True, kw_only=True, tag="fulfilment.released"):
    """The order was released to the warehouse."""

    warehouse: Text = ""


class HandedOver(SignalBody, frozen=True, kw_only=True, tag="shipment.handed_over"):
    """The parcel was handed to the carrier."""

    shipment: SourceId | None = None
    carrier: Text = ""
    tracking: Text = ""


class ScanStatus(StrEnum):
    """EasyPost's tracker statuses: the vocabulary that most carriers are mapped to."""

    UNKNOWN = "unknown"
    PRE_TRANSIT = "pre_transit"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    RETURN_TO_SENDER = "return_to_sender"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    ERROR = "error"


class Scanned(SignalBody, frozen=True, kw_only=True, tag="shipment.scanned"):
    """A carrier's scan of the parcel."""

    status: ScanStatus
    shipment: SourceId | None = None
    carrier: Text = ""
    code: Text = ""
    location: Text = ""


class Delivered(SignalBody, frozen=True, kw_only=True, tag="shipment.delivered"):
    shipment: SourceId | None = None


class DeliveryFailed(SignalBody, frozen=True, kw_only=True, tag="shipment.delivery_failed"):
    shipment: SourceId | None = None
    reason: Text = ""


class ReturnRequested(SignalBody, frozen=True, kw_only=True, tag="return.requested"):
    rma: Text = ""
    reason: Text = ""


class ReturnReceived(SignalBody, frozen=True, kw_only=True, tag="return.received"):
    rma: Text = ""


class RefundIssued(SignalBody, frozen=True, kw_only=True, tag="refund.issued"):
    amount: PositiveMoney
    payment: SourceId | None = None


Signal: TypeAlias = (
    OrderPlaced
    | OrderCancelled
    | PaymentAuthorized
    | PaymentCaptured
    | PaymentFailed
    | FraudScreened
    | AddressChecked
    | StockAllocated
    | StockUnavailable
    | Released
    | HandedOver
    | Scanned
    | Delivered
    | DeliveryFailed
    | ReturnRequested
    | ReturnReceived
    | RefundIssued
)


def in_time_order(signal: Signal) -> tuple[datetime, str]:
    """Sort key of statements: by event time, ties by identity, never by arrival."""
    return signal.event_time, signal.key
