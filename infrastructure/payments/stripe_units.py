"""Amounts as Stripe counts them: whole numbers of a unit that is not always ISO 4217's."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from domain.adjustments.errors import OutcomeUnknown, RefundRefused
from domain.currencies import EXPONENTS
from domain.money import Money

_EXPONENT_OVERRIDES: Final[Mapping[str, int]] = {"ISK": 2, "MGA": 0}
"""Where Stripe has its own exponent: https://docs.stripe.com/currencies#special-cases."""
_AMBIGUOUS_CURRENCIES: Final = frozenset(["UGX"])
"""Documented both with and without decimals: a hundredfold refund is no guess to make."""
_THREE_DECIMALS: Final = 3


def to_units(money: Money) -> int:
    """Raises RefundRefused for what Stripe could not give back, or would misunderstand."""
    if money.currency in _AMBIGUOUS_CURRENCIES:
        raise RefundRefused(f"Stripe's unit of {money.currency} is ambiguous", "ambiguous_unit")
    exponent = _exponent(money.currency)
    units = money.value.scaleb(exponent)
    if units <= 0 or units != units.to_integral_value():
        raise RefundRefused(
            f"Stripe has no amount {money.amount} {money.currency}", "no_such_amount"
        )
    if exponent == _THREE_DECIMALS and units % 10:
        said = f"{money.amount} {money.currency}: Stripe takes the third decimal as 0 only"
        raise RefundRefused(said, "no_such_amount")
    return int(units)


def from_units(units: int, currency: str) -> Money:
    """Raises OutcomeUnknown for what we could not say without guessing."""
    name = currency.upper()
    if name not in EXPONENTS or name in _AMBIGUOUS_CURRENCIES:
        raise OutcomeUnknown(f"what {units} of Stripe's units of {name} are is not known")
    try:
        return Money(f"{Decimal(units).scaleb(-_exponent(name)):f}", name)
    except ValueError as error:
        raise OutcomeUnknown(f"Stripe tells of {units} {name}: {error}") from None


def _exponent(currency: str) -> int:
    return _EXPONENT_OVERRIDES.get(currency, EXPONENTS[currency])
