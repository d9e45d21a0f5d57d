"""Signals that the service derives about an order have the reserved source `casetrail`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2

from tests.api.running_service import RunningService
from tests.api.signals import JsonObject, captured, order_id, placed, send

NEW_YORK = {
    "country_code": "US",
    "country_area": "NY",
    "city": "New York",
    "postal_code": "94043",
    "street_address": "350 W 31st St",
}


def derived_signals(client: httpx2.Client, order: str) -> list[JsonObject]:
    """The signals of the order that have the source `casetrail`."""
    signals = client.get(f"/v1/orders/{order}").json()["signals"]
    return [signal for signal in signals if signal["source"] == "casetrail"]


def test_only_one_of_many_concurrent_repeated_orders_is_no_duplicate(
    server: RunningService,
) -> None:
    customer, orders = {"id": order_id()}, [order_id() for _ in range(16)]
    with server.client_as("shop") as shop, ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(lambda o: send(shop, placed(o, customer=customer)), orders)]
    kinds = [[case["kind"] for case in a.json()["items"][0]["cases"]] for a in answers]
    assert sorted(kinds) == [[], *[["duplicate_order"]] * 15]
    with server.client_as("ana") as ana:
        said = [len(derived_signals(ana, order)) for order in orders]
    assert sorted(said) == [0, *[1] * 15]


def test_an_undeliverable_address_opens_a_case_at_once(ana: httpx2.Client) -> None:
    order = order_id()
    answer = ana.post("/v1/signals", json=placed(order, ship_to=NEW_YORK)).json()
    assert [case["kind"] for case in answer["cases"]] == ["address_problem"]
    (said,) = derived_signals(ana, order)
    assert said["type"] == "address.checked"
    assert answer["outcome"] == "recorded"


def test_a_malformed_address_is_refused_with_its_place(ana: httpx2.Client) -> None:
    wrong = {**NEW_YORK, "country_code": "USA", "zip": "1"}
    answer = ana.post("/v1/signals", json=placed(order_id(), ship_to=wrong))
    assert answer.status_code == 422
    places = {fault["pointer"] for fault in answer.json()["errors"]}
    assert places == {"/ship_to/country_code", "/ship_to/zip"}


def test_the_source_casetrail_is_reserved(ana: httpx2.Client) -> None:
    order = order_id()
    forged = captured(order, source="casetrail")
    alone = ana.post("/v1/signals", json=forged)
    assert (alone.status_code, alone.json()["type"]) == (422, "/problems/source-reserved")
    first, second = send(ana, forged, captured(order)).json()["items"]
    assert (first["outcome"], first["problem"]["type"]) == ("refused", "/problems/source-reserved")
    assert second["outcome"] == "recorded"
