"""casetrail personal-data: the data of a customer, a legal hold, and the erasure."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.api.running_service import RunningService, run_service
from tests.api.signals import order_id, placed, send, signal
from tests.cli.conftest import Casetrail

CUSTOMER = "c-on-the-line"
WHY = ("--reason", "A proceeding.")


@pytest.fixture(scope="module")
def server(database: str) -> Iterator[RunningService]:
    with run_service(database, reports=False) as running:
        with running.client_as("shop") as shop:
            order = order_id()
            answer = send(shop, placed(order, customer={"id": CUSTOMER, "tier": "gold"}))
            assert answer.status_code == 200, answer.text
        yield running


def done(casetrail: Casetrail, *words: object) -> str:
    ran = casetrail("personal-data", *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_customer_on_hold_is_erased_only_after_the_hold_ends(
    server: RunningService, casetrail: Casetrail
) -> None:
    (before,) = json.loads(done(casetrail, "show", CUSTOMER, "--json"))["texts"]
    assert CUSTOMER in before["texts"]
    assert "legal hold 1 since" in done(casetrail, "hold", CUSTOMER, *WHY, "--reference", "7/26")
    basis = ("--basis", "consent_withdrawn", "--reference", "DSR-1", "--yes")
    for options in (basis, basis[:-1]):  # without --yes it is checked before it asks
        refused = casetrail("personal-data", "erase", CUSTOMER, *options)
        assert refused.returncode == 2
        assert "under a legal hold" in refused.stderr
        assert "[y/N]" not in refused.stdout + refused.stderr
    assert ", it lasts: A proceeding." not in done(casetrail, "release", CUSTOMER, 1, *WHY)
    erased = done(casetrail, "erase", CUSTOMER, *basis)
    assert "erasure 1 (consent_withdrawn)" in erased
    assert "Z, done " in erased  # carried out and not only ordered
    assert ": 1 orders, 0 cases, 0 files, 1 keys" in erased
    again = casetrail("personal-data", "erase", CUSTOMER, *basis)
    assert again.returncode != 0
    assert again.stderr.startswith("No order of this customer is known; the customer's data was")


def test_a_customer_without_a_name_is_refused(server: RunningService, casetrail: Casetrail) -> None:
    refused = casetrail("personal-data", "hold", "", *WHY)
    assert refused.returncode == 2
    assert "must not be empty" in refused.stderr


def test_an_order_without_a_customer_is_shown_and_erased_by_its_order(
    server: RunningService, casetrail: Casetrail
) -> None:
    order = order_id()
    with server.client_as("shop") as shop:
        message = signal("customer.message_received", order, channel="email", summary="I am Erika.")
        assert send(shop, message).status_code == 200
        (text,) = json.loads(done(casetrail, "show", "--order", order, "--json"))["texts"]
        assert text["texts"] == ["I am Erika."]
        assert "legal hold 1 since" in done(casetrail, "hold", "--order", order, *WHY)
        assert "released" in done(casetrail, "release", "--order", order, 1, *WHY)
        basis = ("--basis", "objection", "--yes")
        assert "erasure 1 (objection)" in done(casetrail, "erase", "--order", order, *basis)
        again = casetrail("personal-data", "erase", "--order", order, *basis)
        assert again.stderr.startswith("No personal data is held of this order")
        late = signal("customer.message_received", order, channel="email", summary="Erika, late.")
        assert send(shop, late).status_code == 200
    shown = done(casetrail, "show", "--order", order)
    assert "1 text arrived after the erasure at" in shown
    listed = done(casetrail, "after-erasure")
    assert order in listed
    assert "Erika" not in listed
    assert "after erasures" in casetrail("doctor").stdout


@pytest.mark.parametrize("words", [(), ("C1", "--order", "o-1")])
def test_either_a_customer_or_an_order_is_named(
    server: RunningService, casetrail: Casetrail, words: tuple[str, ...]
) -> None:
    refused = casetrail("personal-data", "show", *words)
    assert refused.returncode == 2
    assert "Give either CUSTOMER or --order" in refused.stderr


def test_an_order_is_erased_in_the_shop_that_is_named(
    server: RunningService, casetrail: Casetrail
) -> None:
    order = order_id()
    with server.client_as("shop") as shop:
        for name in ("de", "uk"):
            said = {"channel": "email", "summary": f"I am Erika of {name}.", "shop": name}
            assert send(shop, signal("customer.message_received", order, **said)).is_success
    uk, basis = ("--order", order, "--shop", "uk"), ("--basis", "objection", "--yes")
    assert "erasure 1 (objection)" in done(casetrail, "erase", *uk, *basis)
    again = casetrail("personal-data", "erase", *uk, *basis)
    assert f"order {order} in the shop uk" in again.stderr
    (text,) = json.loads(done(casetrail, "show", "--order", order, "--shop", "de", "--json"))[
        "texts"
    ]
    assert (text["shop"], text["texts"]) == ("de", ["I am Erika of de."])
    refused = casetrail("personal-data", "show", "C1", "--shop", "uk")
    assert "Use --shop with --order" in refused.stderr
