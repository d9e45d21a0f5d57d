"""One customer is found again, however an id, email, phone, address or instrument is spelled."""

from __future__ import annotations

import pytest

from domain.adjustments import identities
from domain.adjustments.identity_kinds import Identity
from domain.orders.purchase_signals import Address, Customer
from domain.orders.signals import Signal
from domain.personal_data import ERASED, SEALED
from tests.domain.signals import captured, placed

CUSTOMER_IDS = ("C-17", "c-17", " C-17 ", "C\u201117", "C-\u200b17", "\uff23-\uff11\uff17")
EMAILS = (
    "ana.lee@gmail.com",
    "Ana.Lee@GMAIL.com",
    "analee+shop@gmail.com",
    "a.n.a.lee@googlemail.com",
    " ana.lee@gmail.com. ",
    "\uff41na.lee@gmail.com",
)
PHONES = (
    "+49 151 23456789",
    "0151/23456789",
    "0049 (0)151 234 567 89",
    "151-23456789",
    "+49(151)23456789",
)
STREETS = (
    "Lange Straße 12a",
    "lange strasse 12 A",
    "Lange Str. 12a",
    "12A, Lange Strasse",
    "LANGE STR 12-a",
)


def one_value(values: list[str]) -> str:
    (found,) = {*values}
    return found


def test_six_spellings_of_an_id_are_one() -> None:
    assert one_value([identities.normalise_id(one) for one in CUSTOMER_IDS]) == "c-17"
    assert identities.normalise_id("C-18") != "c-17"


def test_spellings_of_an_email_are_one() -> None:
    assert one_value([identities.normalise_email(one) for one in EMAILS]) == "analee@gmail.com"


@pytest.mark.parametrize("other", ["a.lee@example.com", "alee@example.org", "no address"])
def test_other_emails_are_not(other: str) -> None:
    assert identities.normalise_email(other) != identities.normalise_email("alee@example.com")


def test_spellings_of_a_phone_are_one() -> None:
    assert one_value([identities.normalise_phone(one) for one in PHONES]) == "123456789"
    assert identities.normalise_phone("110") == ""


def test_spellings_of_an_address_are_one() -> None:
    found = [
        identities.normalise_address(
            Address(country_code="DE", city=city, postal_code=code, street_address=street)
        )
        for street in STREETS
        for city, code in (("Köln", "50667"), ("KOELN", " 50 667"))
    ]
    assert one_value(found) == "de|50667|12 a lange strasse"


@pytest.mark.parametrize(
    "address",
    [
        Address(country_code="DE", postal_code="50667", street_address="Lange Straße 13a"),
        Address(country_code="DE", postal_code="50668", street_address="Lange Straße 12a"),
        Address(country_code="AT", postal_code="50667", street_address="Lange Straße 12a"),
    ],
)
def test_other_addresses_are_not(address: Address) -> None:
    assert identities.normalise_address(address) != "de|50667|12 a lange strasse"


def test_a_street_without_a_place_identifies_nobody() -> None:
    assert identities.normalise_address(Address(street_address="Lange Straße 12a")) == ""
    assert identities.normalise_address(Address(country_code="DE", postal_code="50667")) == ""


def statements_with(**customer: object) -> list[Signal]:
    paid = captured(1, "10.00", "EUR", instrument="fp_1")
    return [placed(customer=Customer(**customer)), paid]  # type: ignore[arg-type]


def test_every_value_that_an_order_states_counts_once() -> None:
    found = identities.find_identities(
        statements_with(id="C-1", email="a@b.example", phone="0151 2345678")
    )
    assert [one for one in found if one[0] is not Identity.ADDRESS] == [
        (Identity.CUSTOMER, "c-1"),
        (Identity.EMAIL, "a@b.example"),
        (Identity.PHONE, "512345678"),
        (Identity.INSTRUMENT, "fp_1"),
    ]


@pytest.mark.parametrize("gone", [SEALED, ERASED])
def test_what_is_erased_identifies_nobody(gone: str) -> None:
    found = identities.find_identities(statements_with(id=gone, email=gone, phone=gone))
    assert {kind for kind, _ in found} <= {Identity.ADDRESS, Identity.INSTRUMENT}


def test_no_customer_id_has_the_digest_of_an_identity() -> None:
    text = identities.text_to_digest(Identity.EMAIL, "a@b.example")
    assert "\n" in text
    assert text != identities.text_to_digest(Identity.PHONE, "a@b.example")


def emails(*names: str) -> list[str]:
    """The emails that count of an order that stated these, one after another."""
    found = identities.find_identities(
        [one for name in names for one in statements_with(email=f"{name}@example.com")]
    )
    return [value.partition("@")[0] for kind, value in found if kind is Identity.EMAIL]


@pytest.mark.parametrize("again", [False, True])
def test_edits_cannot_push_out_what_an_order_was_placed_with(again: bool) -> None:
    many = identities.MOST_VALUES
    early = [f"b{n}" for n in range(many)]
    late = [f"c{n}" for n in range(3 * many)]
    stated = ["ana", *early, *(["ana"] if again else []), *late]
    found = emails(*stated)
    assert found[0] == "ana"
    assert found[-1] == late[-1]
    assert found == ["ana", *early[:-1], *late[-many:]]


@pytest.mark.parametrize(
    "odd",
    [
        "\uff21\uff2e\uff21\uff20example\uff0ecom",
        "ana\u200b@example.com",
        "\u202eana@example.com",
        "ana@example.com.",
        " ana+a+b@Example.COM ",
        "an\u00ada@example.com",
    ],
)
def test_odd_spellings_of_an_email_are_one(odd: str) -> None:
    assert identities.normalise_email(odd) == "ana@example.com"


@pytest.mark.parametrize("odd", ["+49 (0)170 123-45-67", "٠١٧٠١٢٣٤٥٦٧", "0170/123.45.67", "0049170 1234567"])  # fmt: skip
def test_odd_spellings_of_a_phone_are_one(odd: str) -> None:
    assert identities.normalise_phone(odd) == identities.normalise_phone("01701234567")
