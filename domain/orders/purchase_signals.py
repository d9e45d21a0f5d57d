"""What is said of the purchase: the order itself, and how it was screened."""

from datetime import UTC, date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, structs

from domain.money import PositiveMoney
from domain.orders.signal_body import (
    Moment,
    OrderId,
    SaidText,
    SignalBody,
    ZoneName,
    check_day,
    check_moment,
    time_zone,
)
from domain.personal_data import PERSONAL
from domain.texts import END, Text, one_line

CustomerId = Annotated[str, one_line(120, least=1), PERSONAL]
Sku = Annotated[str, one_line(120, least=1)]
AddressText = Annotated[str, one_line(200)]
PersonalText = Annotated[str, one_line(200), PERSONAL]
CountryCode = Annotated[
    str,
    Meta(
        pattern="^([A-Za-z]{2})?" + END,
        description="ISO 3166-1 alpha-2, e.g. BR; empty if not told.",
    ),
]


class Customer(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    id: CustomerId
    tier: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}" + END)] = "standard"


class Line(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One line of an order; `price` is of one piece, `freight` of the whole line."""

    sku: Sku
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


class Address(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """Where to, as it was typed in: what is missing or wrong is for the check to find."""

    country_code: CountryCode = ""
    country_area: AddressText = ""
    city: PersonalText = ""
    postal_code: PersonalText = ""
    street_address: PersonalText = ""
    name: PersonalText = ""


class OrderPlaced(SignalBody, frozen=True, kw_only=True, tag="order.placed"):
    """The storefront took an order."""

    customer: Customer
    lines: Annotated[tuple[Line, ...], Meta(max_length=1000, extra={"check": one_currency})] = ()
    lines_complete: bool = True
    """False where the source knows that it does not tell all lines; no charge is derived then."""
    tenders: Annotated[tuple[Text, ...], Meta(max_length=100)] | None = None
    """The means of payment chosen at checkout, one for each payment to come; None if not told."""
    promise: Promise | None = None
    ship_complete: bool = False
    """The customer wants everything in one parcel."""
    max_parcels: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """In how many parcels it may ship at most; None if it does not matter."""
    ship_to: Address | None = None

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        one_currency(self.lines)


class OrderCancelled(SignalBody, frozen=True, kw_only=True, tag="order.cancelled"):
    reason: SaidText = ""


class DuplicateSuspected(SignalBody, frozen=True, kw_only=True, tag="order.duplicate_suspected"):
    """A system that sees all orders takes this one for a repetition of another."""

    other: OrderId
    reason: Text = ""


class PriceFlagged(SignalBody, frozen=True, kw_only=True, tag="order.price_flagged"):
    """A system that knows the product's own history finds its price out of line with it."""

    sku: Sku
    price: PositiveMoney
    usual_price: PositiveMoney


class FraudVerdict(StrEnum):
    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


class FraudScreened(SignalBody, frozen=True, kw_only=True, tag="fraud.screened"):
    verdict: FraudVerdict
    score: Annotated[int, Meta(ge=0, le=1000)] | None = None


class FraudDecision(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"


class FraudDecided(SignalBody, frozen=True, kw_only=True, tag="fraud.decided"):
    """Whoever reviews fraud has decided on the order."""

    decision: FraudDecision
    reason: SaidText = ""


class AddressVerdict(StrEnum):
    VALID = "valid"
    CORRECTED = "corrected"
    INVALID = "invalid"
    INCOMPLETE = "incomplete"
    UNDELIVERABLE = "undeliverable"


class AddressChecked(SignalBody, frozen=True, kw_only=True, tag="address.checked"):
    verdict: AddressVerdict
    detail: Text = ""
