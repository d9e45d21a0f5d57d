"""Two shops may have an order with the same id. What a report or an erasure says of one is not of the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from api.composition import desks
from api.openapi import openapi_document
from domain.orders.signal_body import order_key
from domain.people import Role
from infrastructure.evidence_store import EvidenceStore
from infrastructure.personal.case_evidence import CaseEvidenceFiles
from infrastructure.postgres.datastore import Datastore
from tests.api.running_service import RunningService, run_service
from tests.api.signals import order_id, placed, signal
from tests.conftest import Databases
from tests.domain.standard_work import with_stages

LATER = {"Prefer": "wait=20"}
KEY_SEPARATOR = "\\u001f"
"""As JSON writes it. The log alone names an order so."""
ENDLESS = "/v1/views/{report}/stream"


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service whose policy names stages."""
    with databases.new(template_database) as name:
        dsn = databases.dsn(name)
        with desks(dsn) as working:
            working.ensure_policy(with_stages())
        with run_service(dsn, time=True) as running:
            yield running


def take_claimed(client: httpx2.Client, order: str, shop: str) -> dict[str, str]:
    """An order with a case, and its position, as headers of a later read."""
    claim = signal("customer.claimed", order, shop=shop) | {"kind": "damaged"}
    answer = client.post("/v1/signals", json=[placed(order, shop=shop), claim])
    assert {item["outcome"] for item in answer.json()["items"]} == {"recorded"}, answer.text
    return {"Casetrail-Min-Position": answer.headers["Casetrail-Position"], **LATER}


def test_an_erasure_looks_for_the_cases_of_its_own_shop(server, tmp_path) -> None:
    order = order_id()
    with server.client_as("ana") as ana:
        found = {}
        for shop in ("default", "uk"):
            headers = take_claimed(ana, order, shop)
            cases = ana.get("/v1/cases", params={"order": order, "shop": shop}, headers=headers)
            found[shop] = {item["case_id"] for item in cases.json()["items"]}
    assert found["default"]
    assert found["uk"]
    assert not found["default"] & found["uk"]
    datastore = Datastore(server.dsn)
    try:
        files = CaseEvidenceFiles(datastore, EvidenceStore(str(tmp_path)))
        for shop, cases in found.items():
            assert {str(case) for case in files.cases_of([order_key(order, shop)])} == cases
    finally:
        datastore.close()


def test_an_unknown_order_is_answered_with_the_other_shops_that_have_it(server) -> None:
    people, now = server.service.desks.people, datetime.now(UTC)
    people.add("petra", [Role.PRIVACY_OFFICER, Role.AUDITOR], now)
    people.add("oli", [Role.PRIVACY_OFFICER], now)
    server.tokens |= {name: people.issue_token(name, now) for name in ("petra", "oli")}
    order = order_id()
    with server.client_as("ana") as ana, server.client_as("petra") as petra:
        for shop in ("uk", "fr"):
            headers = take_claimed(ana, order, shop)
        assert ana.get("/v1/orders", headers=headers).is_success
        opening = {"order": order, "kind": "damaged", "note": "They called."}
        hold = {"order": order, "reason": "A lawsuit."}
        for answer in (
            ana.get(f"/v1/orders/{order}"),
            ana.get(f"/v1/orders/{order}/timeline"),
            ana.post("/v1/cases", json=opening),
            petra.post("/v1/personal-data/find", json={"order": order}),
            petra.post("/v1/personal-data/holds", json=hold),
        ):
            assert answer.status_code == 404, answer.text
            told = answer.json()
            assert f"no order {order} in the shop default" in told["detail"]
            assert told["detail"].endswith(
                "There is one in the shop fr and in uk: name the shop in `shop`"
            )
            assert told["shops"] == ["fr", "uk"]
        told = ana.get(f"/v1/orders/{order}?shop=de").json()
        assert told["detail"].startswith(f"no order {order} in the shop de. There is one")
        told = ana.get("/v1/orders/nobodys").json()
        assert told["detail"] == "no order nobodys in the shop default"
        assert "shops" not in told
        assert ana.get(f"/v1/orders/{order}?shop=fr").is_success
    with server.client_as("oli") as oli:  # may not read orders
        told = oli.post("/v1/personal-data/find", json={"order": order}).json()
        assert told["detail"] == f"no order {order} in the shop default"


def test_standard_work_counts_the_orders_of_every_shop(server) -> None:
    with server.client_as("ana") as ana:

        def entered(headers: dict[str, str]) -> int:
            report = ana.get("/v1/views/standard-work", headers=headers)
            assert report.status_code == 200, report.text
            return sum(
                item["entered"] for item in report.json()["items"] if item["stage"] == "payment"
            )

        order = order_id()
        first = entered(take_claimed(ana, order, "default"))
        assert entered(take_claimed(ana, order, "uk")) == first + 1


def readable_addresses(case: str, order: str) -> Iterator[str]:
    """Every route that answers a GET, for this case and this order."""
    for path, operations in openapi_document()["paths"].items():
        filled = path.replace("{case_id}", case).replace("{order_id}", order)
        if "get" not in operations or "{" in filled:
            continue
        known = {"case": case, "order": order, "shop": "uk", "at": "1", "since": "1"}
        takes = {one["name"] for one in operations["get"].get("parameters", ())}
        query = "&".join(f"{name}={known[name]}" for name in sorted(takes & {*known}))
        yield f"{filled}?{query}" if query else filled


def test_no_answer_names_an_order_as_the_log_does(server) -> None:
    order, people, now = order_id(), server.service.desks.people, datetime.now(UTC)
    with server.client_as("ana") as ana:
        headers = take_claimed(ana, order, "uk")
        held = {
            **signal("payment.captured", "", shop="uk"),
            "amount": {"amount": "9.00", "currency": "EUR"},
        }
        held |= {"refs": {"payment": f"pi-{order}"}}
        assert ana.post("/v1/signals", json=held).json()["outcome"] == "held"
        listed = ana.get("/v1/cases", params={"order": order, "shop": "uk"}, headers=headers)
        case = listed.json()["items"][0]["case_id"]
        etag = {"If-Match": ana.get(f"/v1/cases/{case}").headers["ETag"]}
        assert ana.post(f"/v1/cases/{case}/claim", headers=etag).is_success
    people.add("audra", [Role.AUDITOR], now)
    server.tokens["audra"] = people.issue_token("audra", now)
    answered = []
    for who in ("ana", "audra"):
        with server.client_as(who) as client:
            for address in readable_addresses(case, order):
                answer = client.get(address, headers={"Accept": "*/*"})
                assert KEY_SEPARATOR not in answer.text, address
                assert "\x1f" not in answer.text, address
                answered += [address] if answer.status_code == 200 and order in answer.text else []
    for expected in (
        "/v1/events",
        f"/v1/cases/{case}/trail",
        f"/v1/orders/{order}/timeline?shop=uk",
    ):
        assert expected in answered


def test_each_of_two_related_orders_shows_the_other_in_its_packet(server) -> None:
    first, second = order_id(), order_id()
    with server.client_as("ana") as ana:
        take_claimed(ana, first, "default")
        later = take_claimed(ana, second, "uk")
        named = {"other": first, "other_shop": "default", "relation": "replacement_of"}
        stated = signal("order.related", second, shop="uk") | named
        assert ana.post("/v1/signals", json=stated).json()["outcome"] == "recorded"
        shown = []
        for order, shop in ((first, "default"), (second, "uk")):
            query = {"order": order, "shop": shop}
            case = ana.get("/v1/cases", params=query, headers=later).json()["items"][0]["case_id"]
            packet = ana.get(f"/v1/cases/{case}/packet").json()
            known = ana.get(f"/v1/orders/{order}", params={"shop": shop}).json()
            assert packet["related"] == known["related"]
            shown += packet["related"]
            before = ana.get(f"/v1/cases/{case}/packet", params={"as_of": "2026-01-01T00:00:00Z"})
            assert before.json()["related"] == []
    assert shown == [
        {"order": second, "shop": "uk", "relation": "replacement_of", "reverse": True},
        {"order": first, "shop": "default", "relation": "replacement_of", "reverse": False},
    ]
