"""Converts amounts to and from Stripe's: whole numbers of a unit that is not always ISO 4217's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from domain.adjustments.errors import OutcomeUnknown, RefundRefused
from domain.currencies import EXPONENTS
from domain.money import Money

_EXPONENT_OVERRIDES: Final[Mapping[str, int]] = {"ISK": 2, "MGA": 0}
"""Where Stripe has its own exponent: https://docs.stripe.com/currencies#special-cases."""
_AMBIGUOUS_CURRENCIES: Final = frozenset(["UGX"])
"""Documented both with and without decimals: a wrong guess would refund a hundredfold."""
_THREE_DECIMALS: Final = 3


def to_units(money: Money) -> int:
    """Stripe's units of an amount. Raises RefundRefused if Stripe cannot represent it."""
    if money.currency in _AMBIGUOUS_CURRENCIES:
        raise RefundRefused(f"Stripe's unit of {money.currency} is ambiguous", "ambiguous_unit")
    exponent = _exponent(money.currency)
    units = money.value.scaleb(exponent)
    if units <= 0 or units != units.to_integral_value():
        raise RefundRefused(
            f"Stripe cannot refund {money.amount} {money.currency}", "no_such_amount"
        )
    if exponent == _THREE_DECIMALS and units % 10:
        detail = f"{money.amount} {money.currency}: Stripe needs 0 as the third decimal"
        raise RefundRefused(detail, "no_such_amount")
    return int(units)


def from_units(units: int, currency: str) -> Money:
    """The amount of Stripe's units. Raises OutcomeUnknown for an unknown or ambiguous currency."""
    name = currency.upper()
    if name not in EXPONENTS or name in _AMBIGUOUS_CURRENCIES:
        raise OutcomeUnknown(f"Stripe's amount {units} of {name} cannot be converted")
    try:
        return Money(f"{Decimal(units).scaleb(-_exponent(name)):f}", name)
    except ValueError as error:
        raise OutcomeUnknown(f"Stripe's amount {units} of {name}: {error}") from None


def _exponent(currency: str) -> int:
    return _EXPONENT_OVERRIDES.get(currency, EXPONENTS[currency])
