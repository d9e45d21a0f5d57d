"""Signals about the purchase: the order itself, and its screening."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domain.money import PositiveMoney
from domain.orders import signal_body as body
from domain.personal_data import PERSONAL
from domain.texts import Text, form, one_line

CustomerId = Annotated[str, one_line(120, least=1), PERSONAL]
Sku = Annotated[str, one_line(120, least=1)]
AddressText = Annotated[str, one_line(200)]
PersonalText = Annotated[str, one_line(200), PERSONAL]
CountryCode = Annotated[
    str,
    form(
        "([A-Za-z]{2})?",
        "a country of two letters, such as BR (ISO 3166-1), nor empty",
        "ISO 3166-1 alpha-2, e.g. BR; empty if unknown.",
    ),
]


class Customer(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    id: CustomerId
    tier: Annotated[str, form("[a-z][a-z0-9_]{0,31}", "a tier of a-z, 0-9 and _, such as gold")] = (
        "standard"
    )


class Line(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One line of an order: `price` is for one piece, `freight` for the whole line."""

    sku: Sku
    quantity: Annotated[int, Meta(ge=1, le=100_000)] = 1
    price: PositiveMoney
    freight: PositiveMoney | None = None
    ship_by: body.Moment | None = None
    seller: Annotated[str, one_line(120)] | None = None

    def __post_init__(self) -> None:
        body.normalize_moment(self, "ship_by")


def check_one_currency(lines: tuple[Line, ...]) -> None:
    """Raise ValueError if the lines are in several currencies."""
    currencies = {m.currency for line in lines for m in (line.price, line.freight) if m}
    if len(currencies) > 1:
        names = " and ".join(sorted(currencies))
        raise ValueError(f"lines are in {names}: send an order in one currency")


class Promise(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The promise to the customer: delivery by the end of a day, in the customer's time zone."""

    delivery_date: Annotated[date, Meta(extra={"check": body.check_day})]
    time_zone: body.ZoneName = "UTC"

    def __post_init__(self) -> None:
        body.time_zone(self.time_zone)
        body.check_day(self.delivery_date)


class Address(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The delivery address as it was typed in; the address check finds missing and wrong fields."""

    country_code: CountryCode = ""
    country_area: AddressText = ""
    city: PersonalText = ""
    postal_code: PersonalText = ""
    street_address: PersonalText = ""
    name: PersonalText = ""


class OrderPlaced(body.SignalBody, frozen=True, kw_only=True, tag="order.placed"):
    """The storefront took an order."""

    customer: Customer
    lines: Annotated[
        tuple[Line, ...], Meta(max_length=1000, extra={"check": check_one_currency})
    ] = ()
    lines_complete: bool = True
    """False if the source knows that lines are missing; then no charge is derived."""
    tenders: Annotated[tuple[Text, ...], Meta(max_length=100)] | None = None
    """The means of payment chosen at checkout, one for each expected payment; None if unknown."""
    promise: Promise | None = None
    ship_complete: bool = False
    """The customer wants everything in one parcel."""
    max_parcels: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """The most parcels that it may ship in; None for no limit."""
    ship_to: Address | None = None

    def __post_init__(self) -> None:
        body.SignalBody.__post_init__(self)
        check_one_currency(self.lines)


class OrderCancelled(body.SignalBody, frozen=True, kw_only=True, tag="order.cancelled"):
    reason: body.ReasonText = ""


class DuplicateSuspected(
    body.SignalBody, frozen=True, kw_only=True, tag="order.duplicate_suspected"
):
    """A system that sees all orders suspects that this one duplicates another."""

    other: body.OrderId
    reason: Text = ""


class PriceFlagged(body.SignalBody, frozen=True, kw_only=True, tag="order.price_flagged"):
    """A system that knows the product's price history reports an unusual price."""

    sku: Sku
    price: PositiveMoney
    usual_price: PositiveMoney


class FraudVerdict(StrEnum):
    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


class FraudScreened(body.SignalBody, frozen=True, kw_only=True, tag="fraud.screened"):
    verdict: FraudVerdict
    score: Annotated[int, Meta(ge=0, le=1000)] | None = None


class FraudDecision(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"


class FraudDecided(body.SignalBody, frozen=True, kw_only=True, tag="fraud.decided"):
    """The fraud review has decided on the order."""

    decision: FraudDecision
    reason: body.ReasonText = ""


class AddressVerdict(StrEnum):
    VALID = "valid"
    CORRECTED = "corrected"
    INVALID = "invalid"
    INCOMPLETE = "incomplete"
    UNDELIVERABLE = "undeliverable"


class AddressChecked(body.SignalBody, frozen=True, kw_only=True, tag="address.checked"):
    verdict: AddressVerdict
    detail: Text = ""
