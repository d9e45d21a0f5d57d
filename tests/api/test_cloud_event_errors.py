"""Each error in a CloudEvent has its pointer, in every mode."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.api.signals import JSON, JsonObject, ago, money, order_id
from tests.api.test_cloud_events import EVENT, EVENTS, event, post, post_binary
from tests.api.test_problems import assert_problem


def faults(answer: httpx2.Response) -> dict[str, str]:
    problem = assert_problem(answer, 422, "invalid")
    return {fault["pointer"]: fault["detail"] for fault in problem["errors"]}


@pytest.mark.parametrize(
    ("headers", "pointer", "words"),
    [
        ([(b"ce-subject", b"%C0%A0")], "/subject", "no percent-encoded UTF-8"),
        ([(b"ce-subject", b"%FF")], "/subject", "no percent-encoded UTF-8"),
        ([(b"ce-subject", "€".encode())], "/subject", "bytes outside ASCII"),
        ([(b"ce-subject", b"a%0Ab")], "/subject", "control character"),
        ([(b"ce-id", b"another")], "/id", "sent twice"),
        ([(b"ce-datacontenttype", b"application/json")], "/datacontenttype", "leave the header"),
        ([(b"ce-data", b"{}")], "/data", "the body is the data"),
        ([(b"ce-colour", b"red")], "/colour", "extension attribute"),
    ],
)
def test_headers_that_are_no_attributes(
    shop: httpx2.Client, headers: list[tuple[bytes, bytes]], pointer: str, words: str
) -> None:
    told = event(order_id(), subject="o", data=None)
    own = [(f"ce-{name}".encode(), value.encode()) for name, value in told.items()]
    own = [(name, value) for name, value in own if name != b"ce-subject" or pointer != "/subject"]
    answer = shop.post(
        "/v1/signals",
        content=json.dumps({"amount": money("1.00")}).encode(),
        headers=[(b"content-type", b"application/json"), *own, *headers],
    )
    found = faults(answer)
    assert [*found] == [pointer]
    assert words in found[pointer]


def test_one_event_sent_as_a_batch_and_a_batch_sent_as_one_event(shop: httpx2.Client) -> None:
    one = event(order_id())
    alone = assert_problem(post(shop, one, EVENTS), 400, "malformed-body")
    assert f"send the event in an array, or with {EVENT}" in alone["detail"]
    several = assert_problem(post(shop, [one], EVENT), 400, "malformed-body")
    assert f"send it with {EVENTS}" in several["detail"]


@pytest.mark.parametrize("mode", [post, post_binary])
@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"id": None}, ["/id"]),
        ({"source": None}, ["/source"]),
        ({"type": None, "id": None}, ["/id", "/type"]),
        ({"specversion": None}, ["/specversion"]),
        ({"specversion": "0.3"}, ["/specversion"]),
        ({"data": None}, ["/data"]),
        ({"time": None}, ["/data/event_time"]),
        ({"time": "yesterday"}, ["/time"]),
        ({"time": "2026-11-29T10:00:00"}, ["/time"]),
        ({"time": "1970-01-01T00:00:00Z"}, ["/time"]),
        ({"subject": None}, ["/data/order"]),
        ({"type": "com.example.payment.captured"}, ["/type"]),
        ({"source": "https://example.com/psp"}, ["/source"]),
        ({"source": "/psp"}, ["/source"]),
        ({"data": [{}]}, ["/data"]),
        ({"data": "{}"}, ["/data"]),
        (
            {"data": {"amount": {"amount": "x"}, "colour": 1}},
            ["/data/amount/amount", "/data/colour"],
        ),
        ({"data": {"amount": money("1.00"), "assumed_times": []}}, ["/data/assumed_times"]),
        ({"sampledrate": "5"}, ["/sampledrate"]),
        ({"dataref": "https://example.com/data"}, ["/dataref"]),
    ],
)
def test_each_error_has_its_pointer(
    shop: httpx2.Client, mode: Any, changes: JsonObject, pointers: list[str]
) -> None:
    found = faults(mode(shop, event(order_id(), **changes)))
    assert [one for one in found if one in pointers] == pointers, found


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"data_base64": "e30="}, "/data_base64"),
        ({"data_base64": "e30=", "data": None}, "/data_base64"),
        ({"datacontenttype": "application/xml"}, "/datacontenttype"),
        ({"datacontenttype": "text/plain; charset=utf-8"}, "/datacontenttype"),
        ({"id": 5}, "/id"),
        ({"subject": ""}, "/subject"),
        ({"Subject": "o"}, "/Subject"),
        ({"a/b": 1}, "/a~1b"),
    ],
)
def test_errors_of_the_json_format(shop: httpx2.Client, changes: JsonObject, pointer: str) -> None:
    assert [*faults(post(shop, event(order_id(), **changes)))] == [pointer]


@pytest.mark.parametrize(
    ("field", "attribute", "value"),
    [
        ("id", "id", "another"),
        ("source", "source", "oms"),
        ("type", "type", "payment.voided"),
        ("order", "subject", "B-2"),
        ("event_time", "time", "2026-11-29T10:00:00+01:00"),
    ],
)
@pytest.mark.parametrize("mode", [post, post_binary])
def test_a_contradiction_names_both_values(
    shop: httpx2.Client, mode: Any, field: str, attribute: str, value: str
) -> None:
    told = event(order_id(), subject="A-1")
    told["data"] |= {field: value}
    found = faults(mode(shop, told))
    assert [*found] == [f"/{attribute}"]
    assert repr(value) in found[f"/{attribute}"]
    assert repr(told[attribute]) in found[f"/{attribute}"]


@pytest.mark.parametrize("kind", ["application/xml", "application/x-ndjson", "json"])
def test_data_that_is_no_json(shop: httpx2.Client, kind: str) -> None:
    found = faults(post_binary(shop, event(order_id()), kind))
    assert [*found] == ["/datacontenttype"]
    assert repr(kind) in found["/datacontenttype"]


@pytest.mark.parametrize(
    "body", [b'{"amount": ', b'{}, "source": "evil"', b'{"amount": NaN}', b"\xff{}", b"{} {}"]
)
def test_a_body_that_is_no_json_changes_no_attribute(shop: httpx2.Client, body: bytes) -> None:
    attributes = {f"ce-{n}": v for n, v in event(order_id(), data=None).items()}
    answer = shop.post("/v1/signals", content=body, headers={**JSON, **attributes})
    assert_problem(answer, 400, "malformed-body")
    assert_problem(post(shop, body), 400, "malformed-body")
    assert_problem(post(shop, body, EVENTS), 400, "malformed-body")


@pytest.mark.parametrize(
    "kind",
    ["application/cloudevents", "application/cloudevents+avro", "application/cloudevents-batch"],
)
def test_a_format_that_is_not_read(shop: httpx2.Client, kind: str) -> None:
    problem = assert_problem(post(shop, event(order_id()), kind), 400, "malformed-body")
    assert EVENT in problem["detail"]


def test_a_name_that_occurs_twice_is_refused(shop: httpx2.Client) -> None:
    body = json.dumps(event(order_id())).replace('"id"', '"id": "x", "id"').encode()
    assert "occurs 2 times" in faults(post(shop, body))["/id"]


def test_an_event_from_the_future_is_refused_at_its_time(shop: httpx2.Client) -> None:
    answer = post(shop, event(order_id(), time=ago(hours=-90)))
    assert "ahead of our clock" in str(assert_problem(answer, 422, "invalid")["errors"])
