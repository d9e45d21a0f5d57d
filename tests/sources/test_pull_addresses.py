"""Pulls send to public addresses: what leads to our own network is refused, in whatever form it is written."""

import httpx2
import pytest

from infrastructure.pulls import addresses
from infrastructure.pulls.addresses import AddressNotAllowed, allowed_addresses

URL = httpx2.URL("https://shop.example.org/orders.json")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of every name."""
    found: list[str] = []

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (one, 443)) for one in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", look_up)
    return found


def test_a_name_that_leads_to_our_own_network_is_refused(at: list[str]) -> None:
    """Also if only one of its addresses does: which of them is taken is not ours to say."""
    for inner in (
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "::"),
    ):
        at[:] = ["93.184.215.14", inner]
        with pytest.raises(AddressNotAllowed, match="not a public address"):
            allowed_addresses(URL, ())
        assert allowed_addresses(URL, {"shop.example.org"}) == at
        assert allowed_addresses(URL, {"shop.example.org:443"}) == at
        with pytest.raises(AddressNotAllowed):
            allowed_addresses(URL, {"shop.example.org:444", "example.org"})
    at[:] = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
    assert allowed_addresses(URL, ()) == at


PRIVATE = ("a9fe:a9fe", "0a01:0203", "7f00:0001", "c0a8:0101")
"""169.254.169.254, 10.1.2.3, 127.0.0.1 and 192.168.1.1, as an IPv6 address carries them."""


@pytest.mark.parametrize(
    "form",
    [
        *("::ffff:{}", "64:ff9b::{}", "2002:{}::1"),  # mapped, NAT64, 6to4
        *("::{}", "::ffff:0:{}", "64:ff9b:1::{}"),  # never public, whatever they carry
        "2001:0:{}:8000:63bf:3fff:fdd2",  # Teredo, with the address of its server
    ],
)
def test_a_private_address_in_an_ipv6_address_is_refused(at: list[str], form: str) -> None:
    for inner in PRIVATE:
        at[:] = [form.format(inner)]
        with pytest.raises(AddressNotAllowed, match="not a public address"):
            allowed_addresses(URL, ())


def test_a_private_client_of_teredo_and_unused_parts_of_ipv6_are_refused(at: list[str]) -> None:
    for one in (
        "2001:0:808:808:8000:63bf:5601:5601",
        "fec0::1",
        "64:ff9b:1:a00:1:200::",
        "4000::1",
    ):
        at[:] = [one]
        with pytest.raises(AddressNotAllowed, match="not a public address"):
            allowed_addresses(URL, ())


def test_a_public_address_in_an_ipv6_address_is_allowed(at: list[str]) -> None:
    at[:] = ["::ffff:808:808", "64:ff9b::808:808", "2002:808:808::1"]
    assert allowed_addresses(URL, ()) == at
