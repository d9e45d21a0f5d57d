"""Signals about the purchase: the order itself, its edits and cancellations, and its relations."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain.money import Money, PositiveMoney, UnitPrice
from domain.orders import signal_body as body
from domain.orders import signal_times as times
from domain.orders.signal_body import Promise, Sku
from domain.personal_data import PERSONAL
from domain.texts import Text, form, one_line

CustomerId = Annotated[str, one_line(120, least=1), PERSONAL]
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
Tier = Annotated[str, form("[a-z][a-z0-9_]{0,31}", "a tier of a-z, 0-9 and _, such as gold")]
Revision = Annotated[int, Meta(ge=0, le=2**53)] | times.Moment
"""The source's own counter or time of an order: the latest counts."""
Percent = Annotated[int, Meta(ge=0, le=100)]


class Consent(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """Whether a customer may be written to by a channel, for a purpose."""

    channel: PersonalText
    purpose: PersonalText = "service"
    given: bool
    at: times.Moment | None = None

    def __post_init__(self) -> None:
        times.normalize_moment(self, "at")


class Customer(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The customer; a guest has no id."""

    id: CustomerId | None = None
    tier: Tier = "standard"
    email: PersonalText | UnsetType = UNSET
    phone: PersonalText | UnsetType = UNSET
    locale: PersonalText | UnsetType = UNSET
    time_zone: PersonalText | UnsetType = UNSET
    consents: Annotated[tuple[Consent, ...], Meta(max_length=100)] | UnsetType = UNSET


class Component(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A product in one piece of a bundle."""

    sku: Sku
    quantity: Annotated[int, Meta(ge=1, le=100_000)] = 1


class Line(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One line of an order: `price` is for one piece, `freight`, `discount` and `tax` for the whole line."""

    sku: Sku | None = None
    quantity: body.Pieces = 1
    price: UnitPrice
    freight: PositiveMoney | None = None
    ship_by: times.Moment | None = None
    seller: Annotated[str, one_line(120)] | None = None
    id: body.SourceId | UnsetType = UNSET
    title: Text | UnsetType = UNSET
    discount: PositiveMoney | UnsetType | None = UNSET
    tax: PositiveMoney | UnsetType | None = UNSET
    tax_included: bool | UnsetType = UNSET
    """Whether `price` includes the tax; left out, the tax is on top."""
    promise: Promise | UnsetType | None = UNSET
    requires_shipping: bool | UnsetType = UNSET
    gift_card: bool | UnsetType = UNSET
    components: Annotated[tuple[Component, ...], Meta(max_length=1000)] | UnsetType = UNSET
    """The products in one piece of a bundle; stock and parcels may name them by `sku`."""

    def __post_init__(self) -> None:
        times.normalize_moment(self, "ship_by")
        if type(self.price) is not UnitPrice:
            # Code may build a line with an amount of money: equal lines must be equal.
            price = UnitPrice(self.price.amount, self.price.currency)
            structs.force_setattr(self, "price", price)


class ChargeKind(StrEnum):
    SHIPPING = "shipping"
    DUTY = "duty"
    TIP = "tip"
    FEE = "fee"
    GIFT_WRAP = "gift_wrap"
    ROUNDING = "rounding"
    OTHER = "other"


class Charge(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A charge beside the lines. Only a rounding may be negative."""

    kind: ChargeKind
    id: body.SourceId | None = None
    amount: Money
    discount: PositiveMoney | None = None
    tax: PositiveMoney | None = None

    def __post_init__(self) -> None:
        if self.kind is not ChargeKind.ROUNDING and self.amount.value < 0:
            raise ValueError(f"{self.kind} {self.amount} is negative; only `rounding` may be")


class OrderDiscount(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A discount of the whole order that no line carries."""

    amount: PositiveMoney
    code: Text = ""


class Presentment(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The currency and total that the customer saw, where the shop books in another."""

    currency: Annotated[str, form("[A-Z]{3}", "a currency such as BRL (ISO 4217)")]
    total: PositiveMoney | None = None


class Terms(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """Payment on invoice."""

    due_at: times.Moment | None = None

    def __post_init__(self) -> None:
        times.normalize_moment(self, "due_at")


class Address(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The delivery address as it was typed in; the address check finds missing and wrong fields."""

    country_code: CountryCode = ""
    country_area: AddressText = ""
    city: PersonalText = ""
    postal_code: PersonalText = ""
    street_address: PersonalText = ""
    name: PersonalText = ""


_AMOUNTS: Final = ("price", "freight", "discount", "tax", "amount")


def currencies_of(parts: Iterable[object], *amounts: object) -> set[str]:
    """The currencies of these amounts, and of those of lines, charges and discounts."""
    stated = [*(getattr(part, name, None) for part in parts for name in _AMOUNTS), *amounts]
    return {amount.currency for amount in stated if isinstance(amount, UnitPrice)}


def check_one_currency(what: str, parts: Iterable[object], *amounts: object) -> None:
    """Raise ValueError if these amounts, and those of lines, charges and discounts, differ in currency."""
    currencies = currencies_of(parts, *amounts)
    if len(currencies) > 1:
        names = " and ".join(sorted(currencies))
        raise ValueError(f"{what} in {names}: send an order in one currency")


def check_lines(lines: tuple[Line, ...]) -> None:
    """Raise ValueError if the lines are in several currencies, or two share an id."""
    check_one_currency("lines are", lines)
    ids = [line.id for line in lines if line.id is not UNSET]
    if len(ids) != len(set(ids)):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise ValueError(f"two lines have the id {twice}: give each line an id of its own")


Lines = Annotated[tuple[Line, ...], Meta(max_length=1000, extra={"check": check_lines})]
Charges = Annotated[tuple[Charge, ...], Meta(max_length=200)]
Discounts = Annotated[tuple[OrderDiscount, ...], Meta(max_length=200)]
Tenders = Annotated[tuple[Text, ...], Meta(max_length=100)]
MaxParcels = Annotated[int, Meta(ge=1, le=1000)]


class OrderPlaced(body.SignalBody, frozen=True, kw_only=True, tag="order.placed"):
    """The storefront took an order."""

    customer: Customer | None = None
    """None for a guest without any details."""
    lines: Lines = ()
    lines_complete: bool = True
    """False if the source knows that lines are missing; then no charge is derived."""
    tenders: Tenders | None = None
    """The means of payment chosen at checkout, one for each expected payment; None if unknown."""
    promise: Promise | None = None
    ship_complete: bool = False
    """The customer wants everything in one parcel."""
    max_parcels: MaxParcels | None = None
    """The most parcels that it may ship in; None for no limit."""
    ship_to: Address | None = None
    revision: Revision | UnsetType = UNSET
    charges: Charges | UnsetType = UNSET
    discounts: Discounts | UnsetType = UNSET
    total: PositiveMoney | UnsetType | None = UNSET
    """What the order costs by the source: the order is held to it."""
    presentment: Presentment | UnsetType | None = UNSET
    tax: PositiveMoney | UnsetType | None = UNSET
    """The tax of the whole order, where the lines have none."""
    terms: Terms | UnsetType | None = UNSET
    ship_by: times.Moment | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        body.SignalBody.__post_init__(self)
        check_lines(self.lines)
        parts = [
            one for of in (self.lines, self.charges, self.discounts) for one in body.given(of) or ()
        ]
        check_one_currency("amounts are", parts, self.total, self.tax)
        for name in ("ship_by", "revision"):
            if isinstance(getattr(self, name), datetime):
                times.normalize_moment(self, name)


class OrderEdited(body.SignalBody, frozen=True, kw_only=True, tag="order.edited"):
    """The order was changed: what is left out is unchanged, null removes; lines are always complete."""

    customer: Customer | UnsetType | None = UNSET
    lines: Lines | UnsetType = UNSET
    lines_complete: bool | UnsetType = UNSET
    tenders: Tenders | UnsetType | None = UNSET
    promise: Promise | UnsetType | None = UNSET
    ship_complete: bool | UnsetType = UNSET
    max_parcels: MaxParcels | UnsetType | None = UNSET
    ship_to: Address | UnsetType | None = UNSET
    revision: Revision | UnsetType = UNSET
    charges: Charges | UnsetType | None = UNSET
    discounts: Discounts | UnsetType | None = UNSET
    total: PositiveMoney | UnsetType | None = UNSET
    presentment: Presentment | UnsetType | None = UNSET
    tax: PositiveMoney | UnsetType | None = UNSET
    terms: Terms | UnsetType | None = UNSET
    ship_by: times.Moment | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        body.SignalBody.__post_init__(self)
        if not isinstance(self.lines, UnsetType):
            check_lines(self.lines)
        parts = [
            one for of in (self.lines, self.charges, self.discounts) for one in body.given(of) or ()
        ]
        check_one_currency("amounts are", parts, self.total, self.tax)
        for name in ("ship_by", "revision"):
            if isinstance(getattr(self, name), datetime):
                times.normalize_moment(self, name)


class OrderCancelled(body.SignalBody, frozen=True, kw_only=True, tag="order.cancelled"):
    """Pieces were cancelled; without `lines`, what is left of the order."""

    reason: body.ReasonText = ""
    lines: body.PiecesOfLines | UnsetType = UNSET


class PriceFlagged(body.SignalBody, frozen=True, kw_only=True, tag="order.price_flagged"):
    """A system that knows the product's price history reports an unusual price."""

    sku: Sku
    price: PositiveMoney
    usual_price: PositiveMoney
