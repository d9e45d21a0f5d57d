"""Amounts in a policy, with or without their currency, and the rates that convert them."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from msgspec import Struct

from domain.currencies import EXPONENTS

_TOO_LARGE: Final = Decimal(10) ** 18


class Amount(Struct, frozen=True):
    """An amount of a policy; without a currency it is the number in any currency."""

    value: Decimal
    currency: str | None = None

    def __str__(self) -> str:
        return f"{self.value} {self.currency}" if self.currency else str(self.value)


def is_amount(value: Decimal) -> bool:
    """Whether a number is one that amounts and rates can be: finite, and of a usual size."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -30 and abs(value) < _TOO_LARGE


def parse_amount(text: str) -> Amount:
    """The amount in a text such as `0.01` or `10 EUR`. Raises ValueError with what is wrong."""
    number, currency = text, ""
    if found := re.fullmatch("(.*[^ ]) ([A-Z]{3})", text):
        number, currency = found[1], found[2]
    try:
        value = Decimal(number)
    except InvalidOperation:
        value = Decimal("NaN")
    if not is_amount(value):
        raise ValueError(f'{text!r} is not an amount such as "0.01" or "10 EUR"')
    if currency and currency not in EXPONENTS:
        raise ValueError(f"{currency} is not a currency code of ISO 4217")
    return Amount(value, currency or None)


def check_amount(value: object) -> None:
    """Raises ValueError for a value that is no amount."""
    parse_amount(str(value))


class Rates(Struct, frozen=True):
    """The rates of a policy's approval matrix; without a matrix there are none."""

    currency: str | None = None
    """The currency that amounts are converted to."""
    values: Mapping[str, Decimal] = {}

    def rate(self, currency: str | None) -> Decimal | None:
        """The value of one unit of a currency; None if there is no rate."""
        if currency is None:
            return None
        return Decimal(1) if currency == self.currency else self.values.get(currency)

    def pair(
        self, one: Decimal, in_one: str | None, other: Decimal, in_other: str | None
    ) -> tuple[Decimal, Decimal] | None:
        """Two amounts in one currency; None if one of them cannot be converted.

        0 without a currency is 0 in any.
        """
        if (in_one is None and one) or (in_other is None and other):
            return None
        if in_one == in_other or in_one is None or in_other is None:
            return one, other
        rate, other_rate = self.rate(in_one), self.rate(in_other)
        if rate is None or other_rate is None:
            return None
        return one * rate, other * other_rate

    def in_one(
        self, one: Decimal, in_one: str | None, amount: Amount
    ) -> tuple[Decimal, Decimal] | None:
        """An amount and one of a policy, in one currency; None if one of them cannot be converted."""
        if amount.currency is None:
            return one, amount.value
        return self.pair(one, in_one, amount.value, amount.currency)

    def missing(self, currency: str | None) -> str | None:
        """What is wrong with an amount in this currency; None if it can be compared.

        Without a matrix, amounts are compared with others in the same currency only.
        """
        if currency is None or self.currency is None or self.rate(currency) is not None:
            return None
        known = ", ".join(sorted({self.currency, *self.values}))
        return (
            f"there is no rate for {currency}: add it to `approvals.rates`, or use one of {known}"
        )


NO_RATES = Rates()
