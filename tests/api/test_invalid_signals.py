"""Invalid input: each item is refused alone, with every error and its place; the rest is accepted."""

import json
from typing import Any

import httpx2
import psycopg
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import (
    JSON,
    NDJSON,
    JsonObject,
    as_ndjson,
    cancelled,
    captured,
    money,
    order_id,
    placed,
    send,
    signal,
)


def line(price: Any = None, **facts: object) -> JsonObject:
    return {"sku": "tea", "price": price or money("1.00"), **facts}


# Name -> a signal with an error, and the places of its errors.
FAULTS: dict[str, tuple[JsonObject, set[str]]] = {
    "an unknown type": (signal("order.teleported", "o"), {"/type"}),
    "no type": ({k: v for k, v in cancelled("o").items() if k != "type"}, {"/type"}),
    "a type that is no text": ({**cancelled("o"), "type": 7}, {"/type"}),
    "an amount that is a number": (
        captured("o") | {"amount": {"amount": 12.3, "currency": "EUR"}},
        {"/amount/amount"},
    ),
    "an amount that is no number": (captured("o", "12,30"), {"/amount/amount"}),
    "an amount in scientific notation": (captured("o", "1e3"), {"/amount/amount"}),
    "an amount beyond all bounds": (captured("o", "9" * 13), {"/amount/amount"}),
    "an amount that is not finite": (captured("o", "NaN"), {"/amount/amount"}),
    "a negative amount": (captured("o", "-1.00"), {"/amount"}),
    "an unknown currency": (captured("o") | {"amount": money("1", "XXQ")}, {"/amount"}),
    "a currency in small letters": (
        captured("o") | {"amount": money("1", "eur")},
        {"/amount/currency"},
    ),
    "more decimals than the currency has": (
        captured("o") | {"amount": money("1.5", "JPY")},
        {"/amount"},
    ),
    "money of two currencies": (placed("o", lines=[line(), line(money("1", "USD"))]), {"/lines"}),
    "an unknown field": (cancelled("o", because="x"), {"/because"}),
    "an unknown field in a line": (placed("o", lines=[line(colour="red")]), {"/lines/0/colour"}),
    "a field with a slash and a tilde": (cancelled("o", **{"a/b~c": 1}), {"/a~1b~0c"}),
    "a time without zone": (cancelled("o", event_time="2024-01-01T00:00:00"), {"/event_time"}),
    "a time that does not exist": (
        cancelled("o", event_time="2024-02-30T00:00:00Z"),
        {"/event_time"},
    ),
    "a time as a number": (cancelled("o", event_time=1_700_000_000), {"/event_time"}),
    "a time in milliseconds": (cancelled("o", event_time="9999-12-31T23:59:59Z"), {"/event_time"}),
    "a time before there were orders": (
        cancelled("o", event_time="0001-01-01T00:00:00+14:00"),
        {"/event_time"},
    ),
    "a shipping limit without zone": (
        placed("o", lines=[line(), line(ship_by="2024-01-01T00:00:00")]),
        {"/lines/1/ship_by"},
    ),
    "an unknown time zone": (
        placed("o", promise={"delivery_date": "2024-01-01", "time_zone": "Mars/Olympus"}),
        {"/promise/time_zone"},
    ),
    "a time zone that is a path": (
        placed("o", promise={"delivery_date": "2024-01-01", "time_zone": "../../etc/passwd"}),
        {"/promise/time_zone"},
    ),
    "a promised day out of bounds": (
        placed("o", promise={"delivery_date": "9999-12-31"}),
        {"/promise/delivery_date"},
    ),
    "an order id with a control character": (cancelled("o\t1"), {"/order"}),
    "an empty order id": (cancelled(""), {"/order"}),
    "an order id that is too long": (cancelled("o" * 201), {"/order"}),
    "an empty id": (cancelled("o", id=""), {"/id"}),
    "an id that is too long": (cancelled("o", id="x" * 201), {"/id"}),
    "an id that is a number": (cancelled("o", id=7), {"/id"}),
    "a source in capitals": (cancelled("o", source="PSP"), {"/source"}),
    "a text that is too long": (cancelled("o", reason="x" * 501), {"/reason"}),
    "half a pound of tea": (placed("o", lines=[line(quantity=0.5)]), {"/lines/0/quantity"}),
    "less than no pieces": (placed("o", lines=[line(quantity=-1)]), {"/lines/0/quantity"}),
    "an unknown verdict": (signal("fraud.screened", "o", verdict="maybe"), {"/verdict"}),
    "nothing where something must be": (captured("o") | {"amount": None}, {"/amount"}),
    "a missing field": ({k: v for k, v in cancelled("o").items() if k != "order"}, {"/order"}),
    "a NUL in a text": (cancelled("o", reason="a\0b"), {"/reason"}),
    "a NUL in an id": (cancelled("o", id="a\0b"), {"/id"}),
    "many faults": (
        captured("o\tp", source="P", event_time="x") | {"amount": {"amount": 1, "x": 1}, "y": 1},
        {
            "/order",
            "/source",
            "/event_time",
            "/amount/amount",
            "/amount/currency",
            "/amount/x",
            "/y",
        },
    ),
    "a time out of bounds beside an unknown field": (
        cancelled("o", event_time="1890-01-01T00:00:00Z", y=1),
        {"/event_time", "/y"},
    ),
}

# Name -> JSON that is not a signal.
NOT_SIGNALS: dict[str, bytes] = {
    "no object": b"7",
    "null": b"null",
    "a nested array": b"[[]]",
    "text": b'"order.placed"',
}

# Name -> a line that is not JSON.
NOT_JSON: dict[str, bytes] = {
    "broken off": b'{"type": "order.cancelled", "id": ',
    "broken after an unknown type": b'{"type": "order.teleported", "id" "x"}',
    "broken after a wrong field": b'{"type": "order.cancelled", "id": 7, oops}',
    "no JSON": b"order.cancelled,o-1,2024-01-01",
    "two values": b'{"type": "order.cancelled"} {"type": "order.cancelled"}',
    "not UTF-8": b'{"type": "order.cancelled", "id": "caf\xe9"}',
    "not UTF-8 after a wrong field": b'{"type": "order.cancelled", "id": 7, "reason": "caf\xe9"}',
    "UTF-16": '{"type": "order.cancelled"}'.encode("utf-16"),
    "half of a surrogate pair": b'{"type": "order.cancelled", "id": "\\ud800"}',
    "nested beyond reason": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "arrays nested beyond reason": b"[" * 5_000 + b"]" * 5_000,
    "nested beyond reason, within a field": (
        b'{"type": "order.placed", "customer": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    ),
}

# Name -> a signal with a number that is out of range.
HUGE: dict[str, bytes] = {
    "a number beyond a double": b'{"type": "fraud.screened", "score": 1e999}',
    "a number beyond 64 bits": b'{"type": "fraud.screened", "score": 123456789012345678901234567890}',
    "a number of 6,000 digits": b'{"type": "fraud.screened", "score": ' + b"9" * 6_000 + b"}",
    "a negative number of 6,000 digits": b'{"type": "fraud.screened", "y": -' + b"9" * 6_000 + b"}",
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_error_in_a_signal_is_reported_with_its_place(shop: httpx2.Client, name: str) -> None:
    told, wanted = FAULTS[name]
    answer = shop.post("/v1/signals", json=told)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/problems/invalid"
    assert {fault["pointer"] for fault in problem["errors"]} == wanted
    assert all(fault["detail"] for fault in problem["errors"])


@pytest.mark.parametrize("name", FAULTS)
def test_an_invalid_signal_does_not_affect_the_rest_of_its_batch(
    shop: httpx2.Client, name: str
) -> None:
    told, wanted = FAULTS[name]
    sound = [placed(order_id()), placed(order_id())]
    answer = send(shop, sound[0], told, sound[1])
    assert answer.status_code == 200, answer.text
    outcomes = [item["outcome"] for item in answer.json()["items"]]
    assert outcomes == ["recorded", "refused", "recorded"]
    problem = answer.json()["items"][1]["problem"]
    assert {fault["pointer"] for fault in problem["errors"]} == wanted
    assert shop.get(f"/v1/orders/{sound[1]['order']}").status_code == 200


@pytest.mark.parametrize("name", [*NOT_JSON, *NOT_SIGNALS, *HUGE])
def test_a_bad_line_is_refused_and_the_other_lines_are_accepted(
    shop: httpx2.Client, name: str
) -> None:
    bad = {**NOT_JSON, **NOT_SIGNALS, **HUGE}[name].replace(b"\n", b" ")
    before, after = placed(order_id()), placed(order_id())
    body = b"\n".join([json.dumps(before).encode(), bad, json.dumps(after).encode()])
    answer = shop.post("/v1/signals", content=body, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert [i["outcome"] for i in answer.json()["items"]] == ["recorded", "refused", "recorded"]
    problem = answer.json()["items"][1]["problem"]
    assert problem["type"] in ("/problems/malformed-body", "/problems/invalid")


@pytest.mark.parametrize("name", [*NOT_SIGNALS, *HUGE])
def test_a_bad_item_is_refused_and_the_other_items_are_accepted(
    shop: httpx2.Client, name: str
) -> None:
    bad = {**NOT_SIGNALS, **HUGE}[name]
    before, after = placed(order_id()), placed(order_id())
    body = b"[%b, %b, %b]" % (json.dumps(before).encode(), bad, json.dumps(after).encode())
    answer = shop.post("/v1/signals", content=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    assert [i["outcome"] for i in answer.json()["items"]] == ["recorded", "refused", "recorded"]


@pytest.mark.parametrize("name", NOT_JSON)
@pytest.mark.parametrize("wrapped", [b"%b", b"[%b]"], ids=["alone", "in an array"])
def test_a_body_that_is_not_json_is_refused(shop: httpx2.Client, name: str, wrapped: bytes) -> None:
    answer = shop.post("/v1/signals", content=wrapped % NOT_JSON[name], headers=JSON)
    # Within an array the error may also be reported for the one item.
    if answer.status_code == 200:
        assert [i["outcome"] for i in answer.json()["items"]] == ["refused"]
    else:
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", [*NOT_SIGNALS, *HUGE])
def test_a_value_that_is_not_a_signal_is_refused(shop: httpx2.Client, name: str) -> None:
    body = {**NOT_SIGNALS, **HUGE}[name]
    answer = shop.post("/v1/signals", content=body, headers=JSON)
    if body.startswith(b"["):
        assert answer.json()["refused"] == 1
    else:
        assert answer.status_code in (400, 422), answer.text


TWICE = [
    (b'"reason": "a", "reason": "b"', "/reason"),
    (b'"reason": "a", "re\\u0061son": "a"', "/reason"),
    (b'"reason": "\\":", "x\\\\": 1, "x\\\\" : 2', "/x\\"),
    (b'"reason": null, "type": "order.cancelled"', "/type"),
]


@pytest.mark.parametrize(("told", "pointer"), TWICE)
def test_a_repeated_name_is_refused(shop: httpx2.Client, told: bytes, pointer: str) -> None:
    """It would be unclear which of the two values counts."""
    sound = json.dumps(cancelled(order_id())).encode()
    body = sound[:-1] + b", " + told + b"}"
    alone = shop.post("/v1/signals", content=body, headers=JSON)
    assert alone.status_code == 422
    other = json.dumps(cancelled(order_id(), reason='"twice":"\\"')).encode()
    array = shop.post("/v1/signals", content=b"[%b,%b]" % (body, other), headers=JSON)
    lines = shop.post("/v1/signals", content=b"%b\n%b" % (body, other), headers=NDJSON)
    for problem in (alone.json(), *(a.json()["items"][0]["problem"] for a in (array, lines))):
        assert problem["type"] == "/problems/invalid"
        assert pointer in [fault["pointer"] for fault in problem["errors"]]
    assert [a.json()["items"][1]["outcome"] for a in (array, lines)] == ["recorded", "duplicate"]


def test_a_repeated_name_inside_a_list_is_refused(shop: httpx2.Client) -> None:
    sound = json.dumps(placed(order_id(), lines=[line(), line()])).encode()
    body = sound.replace(b'"sku": "tea", "price"', b'"sku": "tea", "sku": "tea", "price"')
    problem = shop.post("/v1/signals", content=body, headers=JSON).json()
    assert [fault["pointer"] for fault in problem["errors"]] == ["/lines/0/sku", "/lines/1/sku"]


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_body_is_refused(shop: httpx2.Client, body: bytes) -> None:
    answer = shop.post("/v1/signals", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/malformed-body"


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/csv", "application/x-www-form-urlencoded", "multipart/form-data", "*"],
)
def test_an_unsupported_content_type_is_refused(shop: httpx2.Client, kind: str) -> None:
    body = json.dumps(placed(order_id())).encode()
    answer = shop.post("/v1/signals", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 415)
    assert kind in answer.json()["detail"]


@pytest.mark.parametrize("headers", [JSON, NDJSON])
def test_a_batch_of_more_than_a_thousand_signals_is_refused(
    shop: httpx2.Client, headers: dict[str, str]
) -> None:
    told = [cancelled(order_id()) for _ in range(1_001)]
    body = json.dumps(told).encode() if headers is JSON else as_ndjson(told)
    answer = shop.post("/v1/signals", content=body, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"
    assert shop.get(f"/v1/orders/{told[0]['order']}").status_code == 404


def test_a_body_above_a_mebibyte_is_refused(shop: httpx2.Client) -> None:
    sound = json.dumps(placed(order_id())).encode()
    fits = sound + b" " * ((1 << 20) - len(sound))
    assert shop.post("/v1/signals", content=fits, headers=JSON).status_code == 200
    answer = shop.post("/v1/signals", content=fits + b" ", headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_above_a_mebibyte_without_a_length_is_refused(shop: httpx2.Client) -> None:
    chunks = (b" " * 65_536 for _ in range(17))
    answer = shop.post("/v1/signals", content=chunks, headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"


def test_a_refused_signal_leaves_nothing_in_the_log(
    server: RunningService, shop: httpx2.Client
) -> None:
    before = shop.get("/v1/events").json()["head"]
    for told, _ in FAULTS.values():
        shop.post("/v1/signals", json=told)
    assert shop.get("/v1/events").json()["head"] == before


def test_no_signal_makes_the_trail_view_unreadable(
    server: RunningService, shop: httpx2.Client
) -> None:
    """After all signals of this file, `SELECT * FROM trail` still reads every line."""
    send(shop, cancelled(order_id(), reason="a\0b"), cancelled(order_id(), id="a\0b"))
    with psycopg.connect(server.dsn) as connection:
        read = connection.execute("SELECT count(facts), count(*) FROM trail").fetchone()
        told = connection.execute("SELECT position FROM log_head").fetchone()
    assert read is not None
    assert told is not None
    assert read == (told[0], told[0])


def test_the_known_values_are_listed_once(shop: httpx2.Client) -> None:
    """All of them beside the place of the error, and none in the summary of all errors."""
    told = signal("order.teleported", "o")
    answer = shop.post("/v1/signals", json=told).json()
    (error,) = answer["errors"]
    assert error["detail"].startswith("'order.teleported' is not known")
    assert json.dumps(answer).count("shipment.handed_over") == 1
    assert "'order.teleported' is not known" in answer["detail"]
    (item,) = send(shop, told).json()["items"]
    assert json.dumps(item).count("shipment.handed_over") == 1
