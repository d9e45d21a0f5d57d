"""CloudEvents 1.0 on `POST /v1/signals`, built by the HTTP binding and the JSON format of the specification."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.api.signals import JsonObject, money, order_id
from tests.api.test_problems import assert_problem

EVENT, EVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"
AT = "2026-11-29T10:00:00Z"


def event(order: str, **changes: Any) -> JsonObject:
    """A capture whose envelope says all that an envelope can say; None leaves a member out."""
    whole = {
        "specversion": "1.0",
        "id": f"ch-{order}",
        "source": "psp",
        "type": "io.casetrail.payment.captured",
        "time": AT,
        "subject": order,
        "data": {"amount": money("12.30")},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def post(
    client: httpx2.Client, content: object, kind: str = EVENT, **headers: str
) -> httpx2.Response:
    """Send the event, or the batch of events, in structured mode."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/signals", content=body, headers={"Content-Type": kind, **told})


def post_binary(
    client: httpx2.Client, told: JsonObject, kind: str | None = "application/json", **headers: str
) -> httpx2.Response:
    """Send the event in binary mode: each attribute in a header, percent-encoded."""
    body = json.dumps(told["data"]).encode() if "data" in told else b""
    attributes = {
        f"ce-{name}": quote(value, safe="!#$&'()*+,/:;=?@[]~^`{|}<>\\")
        for name, value in told.items()
        if name != "data"
    }
    more = {"Content-Type": kind} if kind else {}
    return client.post(
        "/v1/signals",
        content=body,
        headers={**attributes, **more, **{n.replace("_", "-"): v for n, v in headers.items()}},
    )


@pytest.mark.parametrize("mode", [post, post_binary])
@pytest.mark.parametrize("prefix", ["", "io.casetrail."])
def test_the_envelope_fills_what_the_signal_leaves_out(
    shop: httpx2.Client, mode: Any, prefix: str
) -> None:
    order = order_id()
    answer = mode(shop, event(order, type=f"{prefix}payment.captured"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "outcome": "recorded",
        "order": order,
        "shop": "default",
        "signal": f"psp/ch-{order}",
        "cases": [],
    }
    whole = {
        "type": "payment.captured",
        "source": "psp",
        "id": f"ch-{order}",
        "order": order,
        "event_time": AT,
        "amount": money("12.30"),
    }
    assert shop.post("/v1/signals", json=whole).json()["outcome"] == "duplicate"
    # The signal may say all of it again, and the time in another zone.
    again = event(order, data={**whole, "event_time": "2026-11-29T11:00:00+01:00"})
    assert mode(shop, again).json()["outcome"] == "duplicate"


def test_a_batch_has_a_result_for_each_event(shop: httpx2.Client) -> None:
    one, two, three = (order_id() for _ in range(3))
    batch = [event(one), event(two, specversion="0.3"), 7, event(three), event(one)]
    answer = post(shop, batch, EVENTS)
    assert answer.status_code == 200, answer.text
    outcomes = [item["outcome"] for item in answer.json()["items"]]
    assert outcomes == ["recorded", "refused", "refused", "recorded", "duplicate"]
    wrong = answer.json()["items"][1]
    assert (wrong["index"], wrong["signal"], wrong["order"]) == (1, f"psp/ch-{two}", two)
    assert wrong["problem"]["errors"][0]["pointer"] == "/specversion"
    assert post(shop, [], EVENTS).json()["items"] == []


def test_a_batch_of_a_thousand_events_and_no_more(shop: httpx2.Client) -> None:
    order = order_id()
    batch = [event(order, id=f"n-{n}") for n in range(1_001)]
    assert_problem(post(shop, batch, EVENTS), 413, "too-large")
    assert post(shop, batch[:1_000], EVENTS).json()["recorded"] == 1_000


def test_references_beside_the_envelope(shop: httpx2.Client) -> None:
    order, payment = order_id(), f"pi-{order_id()}"
    data = {"amount": money("5.00"), "refs": {"payment": payment}}
    held = post(shop, event(order, subject=None, data=data))
    assert (held.status_code, held.json()["outcome"]) == (200, "held")


@pytest.mark.parametrize(
    ("sent", "order"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("Euro%20%e2%82%ac%20%f0%9f%98%80", "Euro € 😀"),  # lower-case digits
        ("%41-%31", "A-1"),  # encoded without need
        ("100%25", "100%"),  # decoded once
        ("100%2525", "100%25"),
        ('"a \\"quoted\\" \\\\ value"', 'a "quoted" \\ value'),
        ('"100%25 sure"', "100% sure"),  # unquoted, then decoded
        ("plain+plus", "plain+plus"),
    ],
)
def test_header_values_are_unquoted_and_decoded_once(
    shop: httpx2.Client, sent: str, order: str
) -> None:
    unique = order_id()
    told = event(unique, subject=None)
    answer = post_binary(shop, told, ce_subject=sent)
    assert answer.json().get("order") == order, answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"tracestate": "a=b", "partitionkey": "o"},
        {"dataschema": "https://example.com/schema"},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"datacontenttype": "application/vnd.casetrail+json"},
        {"source": "urn:example:psp", "data": {"source": "psp", "amount": money("1.00")}},
    ],
)
def test_what_an_event_may_say_besides(shop: httpx2.Client, changes: JsonObject) -> None:
    assert post(shop, event(order_id(), **changes)).json()["outcome"] == "recorded"
    if "datacontenttype" not in changes:
        assert post_binary(shop, event(order_id(), **changes)).json()["outcome"] == "recorded"


def test_a_member_that_is_null_is_left_out(shop: httpx2.Client) -> None:
    told = {**event(order_id()), "datacontenttype": None, "comexampleextension": None}
    assert post(shop, told).json()["outcome"] == "recorded"


def test_headers_beside_structured_mode_are_not_read(shop: httpx2.Client) -> None:
    answer = post(shop, event(order_id()), ce_id="another", ce_specversion="0.3")
    assert answer.json()["outcome"] == "recorded"


@pytest.mark.parametrize("kind", [None, "application/json; charset=utf-8", "text/json"])
def test_the_content_type_of_binary_mode_is_that_of_the_data(
    shop: httpx2.Client, kind: str | None
) -> None:
    assert post_binary(shop, event(order_id()), kind).json()["outcome"] == "recorded"


def test_a_retry_in_binary_mode_gets_the_first_answer(shop: httpx2.Client) -> None:
    told, key = event(order_id()), order_id()
    first = post_binary(shop, told, Idempotency_Key=key)
    # Another sending of the same event is another span of the trace.
    again = post_binary(shop, {**told, "traceparent": "00-1"}, Idempotency_Key=key)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    other = post_binary(shop, {**told, "id": "another"}, Idempotency_Key=key)
    assert_problem(other, 422, "idempotency-key-reused")


def test_events_are_tried_without_being_recorded(shop: httpx2.Client) -> None:
    told = event(order_id())
    for _ in range(2):
        answer = shop.post(
            "/v1/signals?dry_run=true", json=told, headers={"Content-Type": EVENT}
        ).json()
        assert (answer["outcome"], answer["dry_run"]) == ("recorded", True)
    assert post_binary(shop, told).json()["outcome"] == "recorded"
