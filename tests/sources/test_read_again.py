"""Deliveries that are read again: by the same rules as at first, and the facts follow the newest reading."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx2

from tests.api.running_service import RunningService
from tests.sources.senders import MAPPING, add, change_mapping, order_number, placed, send
from tests.webhooks.signed_requests import NOW, plain

PAID = (
    MAPPING
    + """
  - topics: [paid]
    signals:
      - type: payment.captured
        fields:
          order: number
          id: {$join: ["'paid:'", number]}
          event_time: at
          payment: number
          amount: {$money: {amount: paid, currency: "'EUR'"}}
"""
)
MINOR = PAID.replace("amount: paid, currency", "amount: paid, minor: '`true`', currency")


def read_again(olga: httpx2.Client, source: str, *answers: httpx2.Response) -> dict[str, Any]:
    body = {"deliveries": [one.json()["delivery"] for one in answers]}
    answer = olga.post(f"/v1/sources/{source}/read-again", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def captured(olga: httpx2.Client, number: str) -> str:
    facts = {one["fact"]: one["value"] for one in olga.get(f"/v1/orders/{number}").json()["facts"]}
    found: str = facts["payment.captured"]
    return found


def test_the_facts_follow_the_newest_reading_back_and_forth(
    server: RunningService, olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "back-and-forth", document=PAID)
    number = order_number()
    send(sender, "back-and-forth", placed(number), "order", "o")
    paid = {"number": number, "at": "2026-11-20T10:05:00Z", "paid": "1000"}
    answer = send(sender, "back-and-forth", paid, "paid", "p")
    assert captured(olga, number) == "1000.00"
    for document, amount in [
        (MINOR, "10.00"),
        (PAID, "1000.00"),
        (MINOR, "10.00"),
        (PAID, "1000.00"),
    ]:
        change_mapping(olga, otto, "back-and-forth", document)
        assert read_again(olga, "back-and-forth", answer)["changed"] == 1
        assert captured(olga, number) == amount
        head = server.service.desks.log.head()
        # Read again in the same way, it says nothing new, and nothing is recorded.
        again = {"looked_at": 1, "changed": 0, "not_understood": 0, "erased": 0, "next_after": None}
        assert read_again(olga, "back-and-forth", answer, answer) == again
        assert server.service.desks.log.head() == head


def test_another_document_that_reads_the_same_changes_nothing(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client, server: RunningService
) -> None:
    add(olga, "same-reading")
    answer = send(sender, "same-reading", placed(order_number()), "order", "o")
    change_mapping(olga, otto, "same-reading", MAPPING + "# another document\n")
    assert read_again(olga, "same-reading", answer)["changed"] == 0
    id = UUID(answer.json()["delivery"])
    kept = server.service.desks.deliveries.kept([id])[id]
    assert kept.mapping != kept.taken.mapping, "which document read it last is recorded"


def test_what_speaks_of_another_shop_is_not_read_later_either(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    secret = "shpss_0123456789abcdef0123456789abcdef"
    add(
        olga,
        "own-shop",
        scheme={"scheme": "shopify"},
        secret=secret,
        sender_shop="own.myshopify.com",
    )
    number = order_number()
    answer = shopify_sends(sender, "own-shop", secret, "other.myshopify.com", number)
    assert [one["why"] for one in answer.json()["reasons"]] == ["other_shop"]
    assert read_again(olga, "own-shop", answer) == {
        "looked_at": 1,
        "changed": 0,
        "not_understood": 1,
        "erased": 0,
        "next_after": None,
    }
    assert olga.get(f"/v1/orders/{number}").status_code == 404


def shopify_sends(
    sender: httpx2.Client, source: str, secret: str, shop: str, number: str
) -> httpx2.Response:
    body = json.dumps(placed(number)).encode()
    headers = {
        **plain("x-shopify-hmac-sha256")(body, secret, NOW),
        "x-event": "order",
        "x-shopify-webhook-id": number,
        "x-shopify-shop-domain": shop,
    }
    return sender.post(f"/v1/sources/{source}/webhook", content=body, headers=headers)


def test_nothing_is_read_if_one_of_the_deliveries_is_unknown(
    server: RunningService, olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "half-done", document=MAPPING.replace("order: number", "order: nothing"))
    number = order_number()
    answer = send(sender, "half-done", placed(number), "order", "o")
    change_mapping(olga, otto, "half-done", MAPPING)
    head = server.service.desks.log.head()
    unknown = "00000000-0000-4000-8000-000000000000"
    body = {"deliveries": [answer.json()["delivery"], unknown]}
    refused = olga.post("/v1/sources/half-done/read-again", json=body)
    assert (refused.status_code, unknown in refused.text) == (404, True)
    assert server.service.desks.log.head() == head


def test_a_repeated_request_has_its_first_answer(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "repeated", document=PAID)
    number = order_number()
    send(sender, "repeated", placed(number), "order", "o")
    paid = {"number": number, "at": "2026-11-20T10:05:00Z", "paid": "1000"}
    answer = send(sender, "repeated", paid, "paid", "p")
    change_mapping(olga, otto, "repeated", MINOR)
    body = {"deliveries": [answer.json()["delivery"]]}
    key = {"Idempotency-Key": "read-again-1"}
    first = olga.post("/v1/sources/repeated/read-again", json=body, headers=key)
    second = olga.post("/v1/sources/repeated/read-again", json=body, headers=key)
    assert first.json() == second.json()
    assert {name: first.json()[name] for name in ("looked_at", "changed", "not_understood")} == {
        "looked_at": 1,
        "changed": 1,
        "not_understood": 0,
    }
    other = olga.post("/v1/sources/repeated/read-again", json={}, headers=key)
    assert other.status_code == 422, other.text
