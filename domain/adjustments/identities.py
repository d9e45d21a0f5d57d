"""What identifies a customer over several orders, spelled in one way, so that sums find it again.

A guest has no id, and one person may have several. So sums also run over email, phone, address and payment
instrument. A value that was edited later counts too. Values are read from
the order's statements; only keyed digests of them are stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.adjustments.identity_kinds import Identity
from domain.orders.purchase_signals import Address, Customer
from domain.orders.signal_body import given
from domain.orders.signals import Signal
from domain.personal_data import ERASED, SEALED

IDENTITIES_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:identity ledgers")
MOST_VALUES: Final = 10
"""So many of the first and of the newest values of each kind count: more in one order would be an attempt to make
proposals slow. Edits cannot push out the first ones, with which the order was placed."""
_PHONE_DIGITS: Final = 9
"""National numbers differ in these last digits; prefixes are written in many ways."""
_MIN_PHONE_DIGITS: Final = 7
_WITHOUT_DOTS: Final = {"gmail.com", "googlemail.com"}
"""Mail to these domains ignores dots before the @. Source: Gmail help, "Dots don't matter"."""
_FIELDS: Final = ("customer", "ship_to", "instrument")
_LONG: Final = {
    "str": "strasse",
    "st": "street",
    "rd": "road",
    "ave": "avenue",
    "av": "avenue",
    "blvd": "boulevard",
    "ln": "lane",
    "dr": "drive",
    "pl": "platz",
}


def ledger_of_identity(kind: Identity, subject: UUID) -> UUID:
    """The ledger of an identity. `subject` is a keyed digest of its kind and value."""
    return uuid5(IDENTITIES_NAMESPACE, f"{kind}\n{subject}")


def ledger_of_proposer(person: str) -> UUID:
    """The ledger of what policy approved for a person's proposals."""
    return uuid5(IDENTITIES_NAMESPACE, f"proposer\n{person}")


def find_identities(signals: Iterable[Signal]) -> list[tuple[Identity, str]]:
    """Each identity that the statements of an order name, once; its value is normalised."""
    stated: dict[Identity, list[str]] = {}
    for kind, value in _stated(signals):
        if value:
            stated.setdefault(kind, []).append(value)
    return [(kind, value) for kind, values in stated.items() for value in _kept(values)]


def _kept(values: list[str]) -> list[str]:
    """The values that count, of one kind and in the order of their statements."""
    first = [*dict.fromkeys(values)][:MOST_VALUES]
    newest = [*dict.fromkeys(reversed(values))][:MOST_VALUES]
    return [*dict.fromkeys([*first, *reversed(newest)])]


def text_to_digest(kind: Identity, value: str) -> str:
    """What the keyed digest of an identity is made of: no customer id can be equal to it."""
    return f"identity\n{kind}\n{value}"


def names_identity(signal: Signal) -> bool:
    """Whether the signal has fields that may identify a customer."""
    return any(given(getattr(signal, name, None)) is not None for name in _FIELDS)


def _stated(signals: Iterable[Signal]) -> Iterator[tuple[Identity, str | None]]:
    for signal in signals:
        customer = given(getattr(signal, "customer", None))
        if isinstance(customer, Customer):
            yield Identity.CUSTOMER, normalise_id(_text(customer.id))
            yield Identity.EMAIL, normalise_email(_text(given(customer.email)))
            yield Identity.PHONE, normalise_phone(_text(given(customer.phone)))
        address = given(getattr(signal, "ship_to", None))
        if isinstance(address, Address):
            yield Identity.ADDRESS, normalise_address(address)
        instrument = given(getattr(signal, "instrument", None))
        if isinstance(instrument, str):
            yield Identity.INSTRUMENT, normalise_id(_text(instrument))


def _text(value: str | None) -> str:
    """The text; empty if it is absent, sealed or erased."""
    return "" if value is None or value in (SEALED, ERASED) else value


def normalise_id(text: str) -> str:
    """Without case, spaces and invisible characters; all dashes are one."""
    return "".join(
        "-" if unicodedata.category(char) == "Pd" else char
        for char in _folded(text)
        if not char.isspace() and unicodedata.category(char) not in ("Cf", "Cc")
    )


def normalise_email(text: str) -> str:
    """Without case and the tag after `+`; for Gmail without dots."""
    local, at, domain = normalise_id(text).rpartition("@")
    if not at:
        return ""
    domain = domain.rstrip(".")
    local = local.partition("+")[0] or local
    if domain in _WITHOUT_DOTS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def normalise_phone(text: str) -> str:
    """The last nine digits, which no prefix changes; empty for fewer than seven."""
    digits = "".join(str(unicodedata.digit(char)) for char in _folded(text) if char.isdigit())
    digits = digits.lstrip("0")
    return digits[-_PHONE_DIGITS:] if len(digits) >= _MIN_PHONE_DIGITS else ""


def normalise_address(address: Address) -> str:
    """The words of the street in the order of the alphabet, with postal code (else city) and country, without
    accents, punctuation and usual abbreviations; empty without a street."""
    words = sorted(_long(word) for word in _words(_text(address.street_address)))
    place = "".join(_words(_text(address.postal_code))) or " ".join(_words(_text(address.city)))
    if not words or not place:
        return ""
    return f"{_folded(address.country_code)}|{place}|{' '.join(words)}"


def _words(text: str) -> list[str]:
    """Words and numbers apart: `12a` is `12 a`."""
    plain = "".join(
        char
        for char in unicodedata.normalize("NFKD", _folded(text))
        if not unicodedata.combining(char)
    )
    return re.findall(r"\d+|[^\W\d_]+", plain)


def _long(word: str) -> str:
    if word in _LONG:
        return _LONG[word]
    return f"{word}asse" if word.endswith("str") else word


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
