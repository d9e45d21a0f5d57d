"""A signal is recorded once, however often it is sent and by however many clients at a time."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import (
    JSON,
    JsonObject,
    ago,
    as_ndjson,
    cancelled,
    captured,
    order_id,
    placed,
    send,
    signal,
    unavailable,
)

AT_ONCE = 100


def post_concurrently(
    server: RunningService, bodies: list[bytes], kind: str = "application/json"
) -> list[JsonObject]:
    """Send each body over its own connection, all at the same time, and return the responses."""
    with server.client_as("shop") as client, ThreadPoolExecutor(len(bodies)) as pool:
        headers = {"Content-Type": kind}
        answers = list(
            pool.map(lambda b: client.post("/v1/signals", content=b, headers=headers), bodies)
        )
    refused = [answer.text for answer in answers if answer.status_code != 200]
    assert not refused, f"{len(refused)} of {len(answers)}, such as {refused[0]}"
    return [answer.json() for answer in answers]


def recorded(client: httpx2.Client, order: str) -> list[str]:
    """The types of the events in the order's stream."""
    lines = client.get(f"/v1/orders/{order}/timeline").json()["lines"]
    return [line["event"]["type"] for line in lines if line["event"]["type"].startswith("order.")]


def test_a_hundred_concurrent_copies_of_a_signal_are_recorded_once(
    server: RunningService, shop: httpx2.Client
) -> None:
    order = order_id()
    body = json.dumps(placed(order)).encode()
    answers = post_concurrently(server, [body] * AT_ONCE)
    assert Counter(a["outcome"] for a in answers) == {"recorded": 1, "duplicate": AT_ONCE - 1}
    assert recorded(shop, order) == ["order.signal_recorded"]


def test_a_hundred_concurrent_copies_of_a_batch_are_recorded_once(
    server: RunningService, shop: httpx2.Client
) -> None:
    order = order_id()
    told = [placed(order), captured(order), unavailable(order), placed(order_id())]
    answers = post_concurrently(server, [as_ndjson(told)] * AT_ONCE, "application/x-ndjson")
    for place in range(len(told)):
        outcomes = Counter(answer["items"][place]["outcome"] for answer in answers)
        assert outcomes == {"recorded": 1, "duplicate": AT_ONCE - 1}
    lines = shop.get(f"/v1/orders/{order}/timeline").json()["lines"]
    found = Counter(line["event"]["type"] for line in lines)
    assert found["order.signal_recorded"] == 3
    assert (
        found["case.detected"] == found["case.routed"] == 2
    )  # one case for the stock, one for the refund


def test_a_hundred_concurrent_signals_of_one_order_are_all_recorded(
    server: RunningService, shop: httpx2.Client
) -> None:
    order = order_id()
    bodies = [json.dumps(unavailable(order)).encode() for _ in range(AT_ONCE)]
    answers = post_concurrently(server, bodies)
    assert {answer["outcome"] for answer in answers} == {"recorded"}
    assert recorded(shop, order).count("order.signal_recorded") == AT_ONCE
    (case,) = {case["case"] for answer in answers for case in answer["cases"]}
    view = shop.get(f"/v1/cases/{case}").json()
    trail = shop.get(f"/v1/cases/{case}/trail").json()["lines"]
    assert [line["version"] for line in trail] == list(range(1, view["version"] + 1))
    assert Counter(line["event"]["type"] for line in trail)["case.detected"] == 1
    detected = next(line["event"] for line in trail if line["event"]["type"] == "case.detected")
    assert view["signals_joined"] + len(detected["signals"]) == AT_ONCE


def test_concurrent_batches_that_share_orders_lose_no_signal(
    server: RunningService, shop: httpx2.Client
) -> None:
    orders = [order_id() for _ in range(10)]
    told = [placed(order) for order in orders] + [unavailable(order) for order in orders]
    bodies = [json.dumps(told[n:] + told[:n]).encode() for n in range(len(told))]
    answers = post_concurrently(server, bodies)
    assert sum(answer["recorded"] for answer in answers) == len(told)
    assert sum(answer["duplicate"] for answer in answers) == len(told) * (len(told) - 1)
    for order in orders:
        assert recorded(shop, order).count("order.signal_recorded") == 2


def test_a_duplicate_within_one_batch_is_reported(shop: httpx2.Client) -> None:
    told = placed(order_id())
    answer = send(shop, told, told, told).json()
    assert [i["outcome"] for i in answer["items"]] == ["recorded", "duplicate", "duplicate"]


def test_a_signal_with_other_formatting_is_a_duplicate(shop: httpx2.Client) -> None:
    told = cancelled(order_id(), event_time="2024-03-01T12:00:00Z")
    shop.post("/v1/signals", json=told)
    again = dict(reversed(told.items())) | {"event_time": "2024-03-01T09:00:00-03:00"}
    again["reason"] = ""
    assert shop.post("/v1/signals", json=again).json()["outcome"] == "duplicate"


def test_the_position_of_a_duplicate_includes_the_first_signal(shop: httpx2.Client) -> None:
    told = placed(order_id())
    first = int(shop.post("/v1/signals", json=told).headers["Casetrail-Position"])
    again = int(shop.post("/v1/signals", json=told).headers["Casetrail-Position"])
    assert again >= first


def test_a_reused_id_with_other_content_is_refused(shop: httpx2.Client) -> None:
    order = order_id()
    told = captured(order, "10.00")
    shop.post("/v1/signals", json=told)
    answer = shop.post(
        "/v1/signals", json={**told, "amount": {"amount": "99.00", "currency": "EUR"}}
    )
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/signal-id-reused"
    (kept,) = shop.get(f"/v1/orders/{order}").json()["signals"]
    assert kept["amount"]["amount"] == "10.00"


def test_a_reused_id_in_one_batch_is_refused_alone(shop: httpx2.Client) -> None:
    order = order_id()
    told = captured(order, "10.00")
    other = {**told, "amount": {"amount": "99.00", "currency": "EUR"}}
    answer = send(shop, told, other, captured(order, "1.00")).json()
    assert [i["outcome"] for i in answer["items"]] == ["recorded", "refused", "recorded"]
    refused = answer["items"][1]
    assert refused["problem"]["type"] == "/problems/signal-id-reused"
    assert (refused["order"], refused["signal"]) == (order, f"storefront/{told['id']}")


def test_only_one_of_many_concurrent_signals_with_one_id_is_recorded(
    server: RunningService, shop: httpx2.Client
) -> None:
    order = order_id()
    told = captured(order)
    bodies = [
        json.dumps([{**told, "amount": {"amount": f"{n}.00", "currency": "EUR"}}]).encode()
        for n in range(1, 41)
    ]
    answers = post_concurrently(server, bodies)
    outcomes = Counter(answer["items"][0]["outcome"] for answer in answers)
    assert outcomes == {"recorded": 1, "refused": len(bodies) - 1}
    assert len(shop.get(f"/v1/orders/{order}").json()["signals"]) == 1


def test_the_same_id_from_two_sources_or_orders_makes_two_signals(shop: httpx2.Client) -> None:
    told = cancelled(order_id())
    answer = send(shop, told, {**told, "source": "oms"}, {**told, "order": order_id()}).json()
    assert answer["recorded"] == 3


@pytest.mark.parametrize("headers", [JSON, {}])
def test_a_duplicate_opens_and_joins_no_case(shop: httpx2.Client, headers: dict[str, str]) -> None:
    order = order_id()
    told = placed(order, event_time=ago(days=5))
    (case,) = shop.post("/v1/signals", json=told, headers=headers).json()["cases"]
    late = signal("payment.authorized", order, event_time=ago(days=1))
    shop.post("/v1/signals", json=late)
    before = shop.get(f"/v1/cases/{case['case']}").json()
    for again in (told, late):
        answer = shop.post("/v1/signals", json=again, headers=headers).json()
        assert (answer["outcome"], answer["cases"]) == ("duplicate", [])
    assert shop.get(f"/v1/cases/{case['case']}").json() == before


def test_an_equal_amount_written_differently_is_a_duplicate(shop: httpx2.Client) -> None:
    first = {**captured(order_id()), "amount": {"amount": "98.0", "currency": "EUR"}}
    assert send(shop, first).json()["recorded"] == 1
    again = [{**first, "amount": {"amount": one, "currency": "EUR"}} for one in ("98.00", "98")]
    told = send(shop, *again, {**first, "amount": {"amount": "98.01", "currency": "EUR"}}).json()
    assert [item["outcome"] for item in told["items"]] == ["duplicate", "duplicate", "refused"]
    assert told["items"][2]["problem"]["type"] == "/problems/signal-id-reused"


def test_an_equal_amount_written_differently_is_a_duplicate_in_one_batch(
    shop: httpx2.Client,
) -> None:
    first = {**captured(order_id()), "amount": {"amount": "98.0", "currency": "EUR"}}
    again = {**first, "amount": {"amount": "98", "currency": "EUR"}}
    told = send(shop, first, again).json()
    assert [item["outcome"] for item in told["items"]] == ["recorded", "duplicate"]
