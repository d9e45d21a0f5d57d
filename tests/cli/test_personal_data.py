"""casetrail personal-data: the data of a customer, a legal hold, and the erasure."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.api.running_service import RunningService, run_service
from tests.api.signals import order_id, placed, send
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
