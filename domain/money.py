"""Money: a decimal amount in an ISO 4217 currency, never a float."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from msgspec import Struct

from domain.currencies import EXPONENTS
from domain.texts import PATTERN_END, form

_AMOUNT = r"-?[0-9]{1,12}(\.[0-9]{1,4})?"
AMOUNT_PATTERN = f"^{_AMOUNT}{PATTERN_END}"
ZERO = Decimal(0)

# Amounts are sent as text: many JSON readers turn a number into a float.
AmountText = Annotated[
    str, form(_AMOUNT, 'an amount such as "12.30"', 'A decimal amount as text, e.g. "12.30".')
]
Currency = Annotated[
    str, form("[A-Z]{3}", "a currency such as BRL (ISO 4217)", "ISO 4217 code, e.g. BRL.")
]


UnitAmountText = Annotated[
    str,
    form(
        r"-?[0-9]{1,12}(\.[0-9]{1,6})?",
        'an amount such as "0.0868"',
        'A decimal amount as text, with up to 6 decimals, e.g. "0.0868".',
    ),
]


class UnitPrice(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The price of one piece: it may have more decimals than its currency, and may be negative.

    A deposit that is given back has a negative price. Raises ValueError for an unknown currency.
    """

    amount: UnitAmountText
    currency: Currency

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            raise ValueError(f"{self.currency} is not a currency of ISO 4217")

    @property
    def value(self) -> Decimal:
        return Decimal(self.amount)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class Money(UnitPrice, frozen=True, gc=False, forbid_unknown_fields=True):
    """An amount (decimal text) in a currency (ISO 4217).

    Raises ValueError for an unknown currency and for more decimals than the currency has.
    """

    amount: AmountText
    currency: Currency

    def __post_init__(self) -> None:
        exponent = EXPONENTS.get(self.currency)
        if exponent is None:
            raise ValueError(f"{self.currency} is not a currency of ISO 4217")
        decimals = len(self.amount.partition(".")[2].rstrip("0"))
        if decimals > exponent:
            raise ValueError(
                f"{self.amount} has {decimals} decimals, {self.currency} has {exponent}"
            )

    def is_same_as(self, other: "Money") -> bool:
        """Whether both are the same value in the same currency (`1.0` is `1.00`)."""
        return (self.value, self.currency) == (other.value, other.currency)


class PositiveMoney(Money, frozen=True, gc=False, forbid_unknown_fields=True):
    """Money that is not negative."""

    def __post_init__(self) -> None:
        Money.__post_init__(self)
        if self.amount.startswith("-"):
            raise ValueError(f"{self.amount} is negative; it must be 0 or more")


def to_positive(money: Money) -> PositiveMoney:
    """Raises ValueError for a negative amount."""
    return PositiveMoney(money.amount, money.currency)


def smallest_unit(currency: str | None) -> Decimal:
    """The smallest amount of a currency, e.g. 0.01; of an unknown currency 0.01."""
    return Decimal(1).scaleb(-EXPONENTS.get(currency or "", 2))


def round_money(value: Decimal, currency: str | None) -> Decimal:
    """The amount rounded half up to the currency's exponent."""
    return value.quantize(smallest_unit(currency), rounding=ROUND_HALF_UP)
