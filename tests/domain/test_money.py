"""Amounts are decimal text in a currency of ISO 4217, with no more decimals than it has."""

from __future__ import annotations

from decimal import Decimal

import iso4217
import msgspec
import pytest

from domain.currencies import EXPONENTS
from domain.money import Money, PositiveMoney


def test_currencies_and_their_decimals_match_iso_4217() -> None:
    # Metals, funds of account, and the codes for tests and for no currency have no minor unit.
    published = {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}
    assert published == EXPONENTS


AS_WRITTEN = (
    *(("12.30", "BRL"), ("12", "BRL"), ("12.3000", "BRL"), ("1.234", "KWD"), ("5", "JPY")),
    *(("5.00", "JPY"), ("0.0001", "CLF"), ("999999999999.99", "BRL"), ("-1.00", "BRL")),
)
NO_AMOUNTS = (
    *(("12.345", "BRL"), ("0.5", "JPY"), ("1.2345", "KWD"), ("1", "XXX"), ("1", "XAU")),
    *(("1", "ABC"), ("1", "brl"), ("1", ""), ("1", "BRL\n"), ("1e3", "BRL"), ("1,50", "BRL")),
    *((".5", "BRL"), ("5.", "BRL"), ("NaN", "BRL"), ("Infinity", "BRL"), ("+1", "BRL")),
    *(("--1", "BRL"), ("", "BRL"), ("1 ", "BRL"), (" 1", "BRL"), ("1\n", "BRL"), ("1_0", "BRL")),
    *(("\u0661", "BRL"), ("1" * 13, "BRL"), (1, "BRL"), (1.5, "BRL"), (None, "BRL")),
    (True, "BRL"),
)


@pytest.mark.parametrize(("amount", "currency"), AS_WRITTEN)
def test_an_amount_is_parsed_exactly(amount, currency) -> None:
    assert msgspec.convert({"amount": amount, "currency": currency}, Money).value == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), NO_AMOUNTS)
def test_an_invalid_amount_is_refused(amount, currency) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"amount": amount, "currency": currency}, Money)


@pytest.mark.parametrize("amount", ["-1", "-0.01", "-0"])
def test_negative_money_is_refused_where_it_must_not_be_negative(amount) -> None:
    with pytest.raises(msgspec.ValidationError, match="negative"):
        msgspec.convert({"amount": amount, "currency": "BRL"}, PositiveMoney)


def test_money_made_in_code_is_checked_against_its_currency() -> None:
    with pytest.raises(ValueError, match="not a currency"):
        Money("1", "ABC")
    with pytest.raises(ValueError, match="decimals"):
        PositiveMoney("1.234", "BRL")
