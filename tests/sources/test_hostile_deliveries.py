"""What a sender writes where names are expected: none of it reaches the log in clear, or stops a report."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx2
import pytest

from application.sources.delivery_events import unpack
from tests.api.running_service import RunningService
from tests.sources.senders import MAPPING, SECRET, add, order_number, placed, send
from tests.sources.test_webhooks import deliveries

ALL_HEADERS = MAPPING.replace('topic: headers."x-event"', 'topic: "to_string(headers)"')
BY_BODY = MAPPING.replace('topic: headers."x-event"', "topic: body.topic")
PASSWORD = base64.b64encode(f"little:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    ("name", "scheme", "headers"),
    [
        ("api-key", {"scheme": "shared_secret", "header": "X-Api"}, {"X-Api": SECRET}),
        ("bearer", {"scheme": "shared_secret", "prefix": "Bearer "}, {"Authorization": f"Bearer {SECRET}"}),
        ("basic", {"scheme": "http_basic", "user": "little"}, {"Authorization": f"Basic {PASSWORD}"}),
    ],
    ids=["api-key", "bearer", "basic"],
)  # fmt: skip
def test_what_proves_the_sender_is_neither_read_nor_kept(
    server: RunningService,
    olga: httpx2.Client,
    sender: httpx2.Client,
    name: str,
    scheme: dict[str, Any],
    headers: dict[str, str],
) -> None:
    add(olga, name, scheme=scheme, document=ALL_HEADERS)
    extra = {"X-Api-Key": "another-secret", "Cookie": "another-secret", "Event": "order"}
    answer = sender.post(f"/v1/sources/{name}/webhook", content=b"{}", headers=headers | extra)
    assert answer.status_code == 200, answer.text
    (shown,) = deliveries(olga, name, answer)
    kept = server.service.desks.deliveries.kept([UUID(shown["delivery"])])
    raw = unpack(kept[UUID(shown["delivery"])])
    assert raw is not None
    assert raw.headers["event"] == "order"
    for told in (answer.text, str(shown), str(kept), str(raw)):
        assert not any(secret in told for secret in (SECRET, PASSWORD, "another-secret")), told


def test_what_is_read_again_has_the_headers_that_were_read_first(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    by_event_type = MAPPING.replace('headers."x-event"', 'headers."event-type"')
    add(olga, "event-type", document=by_event_type)
    number = order_number()
    answer = send(sender, "event-type", placed(number), "-", **{"Event-Type": "order"})
    assert answer.json()["recorded"] == 1
    body = {"document": by_event_type + "\n", "reason": "another version"}
    assert olga.post("/v1/sources/event-type/mapping", json=body).status_code == 200
    again = olga.post(
        "/v1/sources/event-type/read-again", json={"deliveries": [answer.json()["delivery"]]}
    )
    assert again.json()["not_understood"] == 0


TOPICS: list[tuple[object, str | None]] = [
    ("a\0b", None),
    ("\x1b[31m", None),
    ("x" * 201, None),
    ("x" * 1_000_000, None),
    ({"name": "Ana"}, None),
    (["Ana"], None),
    (None, None),
    ("order", "order"),
    (7, "7"),
    ("two\nlines", "two lines"),
    ("x" * 200, "x" * 200),
    ("bestellung/größe 7", "bestellung/größe 7"),
]


@pytest.mark.parametrize("n", range(len(TOPICS)))
def test_a_topic_is_one_short_line_or_none(
    olga: httpx2.Client, sender: httpx2.Client, n: int
) -> None:
    """A NUL in it would keep the delivery out of the report for ever."""
    topic, shown = TOPICS[n]
    add(olga, f"topics-{n}", document=BY_BODY)
    answer = send(sender, f"topics-{n}", {"topic": topic}, "-")
    assert answer.status_code == 200, answer.text
    (kept,) = deliveries(olga, f"topics-{n}", answer)
    assert (kept["topic"], kept["understood"]) == (shown, False)
    assert olga.get("/readyz").json()["problems"] == []


def test_a_code_with_a_nul_is_listed(olga: httpx2.Client, sender: httpx2.Client) -> None:
    add(olga, "codes", document=BY_BODY)
    scan = {"topic": "scan", "number": order_number(), "at": "2026-11-21T10:00:00Z"}
    answer = send(sender, "codes", {**scan, "tracking": "T", "state": "A\0\x1bB" + "c" * 300}, "-")
    (kept,) = deliveries(olga, "codes", answer)
    codes = [one["code"] for one in kept["reasons"] if one["why"] == "unknown_code"]
    assert codes == ["A\ufffd\ufffdB" + "c" * 196]


def test_a_long_media_type_is_cut(
    server: RunningService, sender: httpx2.Client, source: str
) -> None:
    answer = send(sender, source, placed(order_number()), "order", **{"Content-Type": "x" * 5_000})
    delivery = UUID(answer.json()["delivery"])
    kept = server.service.desks.deliveries.kept([delivery])[delivery]
    assert len(kept.taken.media_type) == 200


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FLAT = """
mapping: forms
title: Forms
deliveries:
  - signals:
      - type: payment.captured
        fields:
          id: id
          order: order
          event_time: at
          amount: {$money: {amount: "to_number(amount)", currency: "'EUR'"}}
          reason: join(' and ', list(why)[])
"""


def _form(*more: tuple[str, str]) -> bytes:
    fields = [("id", "c-1"), ("order", order_number()), ("at", "2026-11-20T10:00:00Z")]
    return urlencode([*fields, ("amount", "7"), *more]).encode()


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ((), []),
        ((("why", "late"), ("why", "cold")), []),
        ((("id", "c-2"),), [("unreadable_field", "must be text, not a list")]),
    ],
    ids=["once", "a list", "an id"],
)
def test_a_field_of_a_form_that_comes_twice_is_a_list(
    olga: httpx2.Client, sender: httpx2.Client, more: tuple[Any, ...], reasons: list[Any]
) -> None:
    name = f"forms-{len(more)}"
    add(olga, name, document=FLAT)
    answer = send(sender, name, _form(*more), "-", **FORM).json()
    found = [(one["why"], one["detail"].partition(": ")[2]) for one in answer["reasons"]]
    assert found == reasons
    assert answer["recorded"] == (0 if reasons else 1)


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (b"id=%ff&order=1", FORM, "a field of the form is not UTF-8 (byte 0xff at 0)"),
        (b"id", FORM, "not readable as a form: \"bad query field: 'id'\""),
        (b'{"a": "\xe9"}', {}, "not UTF-8 (byte 0xe9 at 7); send it in UTF-8"),
        (b"[" * 100_000, {}, "not readable as JSON: nested too deeply"),
        (b'{"a":' * 100_000, {}, "not readable as JSON: nested too deeply"),
        (b"9" * 5_000, {}, "not readable as JSON: a number of more than 4,300 digits"),
    ],
    ids=["form", "field", "latin", "lists", "objects", "digits"],
)
def test_an_unreadable_body_is_kept_with_words_for_its_sender(
    sender: httpx2.Client, source: str, body: bytes, headers: dict[str, str], detail: str
) -> None:
    answer = send(sender, source, body, "order", **headers)
    assert answer.status_code == 200, answer.text
    (reason,) = answer.json()["reasons"]
    assert (reason["why"], reason["detail"]) == ("unreadable_body", detail)


def test_no_value_of_a_query_hides_another_one(olga: httpx2.Client, sender: httpx2.Client) -> None:
    add(olga, "queries", document=MAPPING.replace('headers."x-event"', "query.kind"))
    body = b"{}"
    headers = dict(send(sender, "queries", body, "-").request.headers)
    headers.pop("content-length")
    answer = sender.post(
        "/v1/sources/queries/webhook?kind=scan&kind=order", content=body + b" ", headers=headers
    )
    assert answer.status_code == 401
    answer = sender.post(
        "/v1/sources/queries/webhook?kind=scan&kind=order",
        content=body,
        headers={**headers, "X-Delivery": "twice"},
    )
    (kept,) = [one for one in deliveries(olga, "queries", answer) if one["sender_id"] == "twice"]
    assert kept["topic"] == "scan, order"
