"""Webhooks of sources: verified, kept, read, and idempotent."""

from __future__ import annotations

import base64
import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from application.sources.delivery_events import unpack
from domain.orders.events import SignalRecorded
from domain.orders.shipment_signals import Scanned
from domain.personal_data import ERASED
from tests.api.running_service import RunningService
from tests.sources.senders import (
    SECRET,
    WIDER,
    add,
    change_mapping,
    order_number,
    placed,
    scan,
    send,
)


def deliveries(
    client: httpx2.Client, source: str, answer: httpx2.Response, **query: str
) -> list[Any]:
    found = client.get(
        f"/v1/sources/{source}/deliveries",
        params=query,
        headers={
            "Casetrail-Min-Position": answer.headers["Casetrail-Position"],
            "Prefer": "wait=10",
        },
    )
    assert found.status_code == 200, found.text
    items: list[Any] = found.json()["items"]
    return items


def _facts(client: httpx2.Client, number: str) -> dict[str, Any]:
    answer = client.get(f"/v1/orders/{number}")
    assert answer.status_code == 200, answer.text
    return {one["fact"]: one["value"] for one in answer.json()["facts"]}


def test_a_delivery_becomes_an_order(
    olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    answer = send(sender, source, placed(number), "order", "d-1")
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in ("known", "recorded", "reasons")} == {
        "known": False,
        "recorded": 1,
        "reasons": [],
    }
    assert _facts(olga, number)["customer.id"] == f"c-{number}"
    (kept,) = [one for one in deliveries(olga, source, answer) if one["sender_id"] == "d-1"]
    assert (kept["understood"], kept["signals"], kept["topic"]) == (True, 1, "order")


def test_a_delivery_that_came_before_is_answered_and_changes_nothing(
    server: RunningService, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    first = send(sender, source, placed(number), "order", "again-1")
    head = server.service.desks.log.head()
    second = send(sender, source, placed(number), "order", "again-1")
    assert (first.json()["known"], second.status_code, second.json()["known"]) == (False, 200, True)
    assert server.service.desks.log.head() == head
    # It is no race for an order: the next batches need not read their orders again.
    assert server.service.desks.intake._contended == 0


def test_without_an_id_of_the_sender_the_body_names_the_delivery(
    sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    assert send(sender, source, placed(number), "order").json()["known"] is False
    assert send(sender, source, placed(number), "order").json()["known"] is True


def test_one_delivery_at_the_same_moment_is_kept_once(server: RunningService, source: str) -> None:
    number = order_number()

    def once(_: int) -> dict[str, Any]:
        with server.client_as(None) as client:
            answer = send(client, source, placed(number), "order", "race-1")
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(once, range(16))]
    assert sum(not one["known"] for one in found) == 1
    assert sum(one["recorded"] for one in found) == 1


@pytest.mark.parametrize(
    ("document", "topic", "why"),
    [
        (b'{"number": "cut', "order", "unreadable_body"),
        ({"number": "x"}, "refund", "unknown_topic"),
        ({"number": order_number(), "at": "yesterday"}, "order", "unreadable_field"),
        (scan(order_number(), "LOST"), "scan", "unknown_code"),
    ],
)
def test_what_is_not_understood_is_kept_with_the_reason(
    olga: httpx2.Client, sender: httpx2.Client, source: str, document: object, topic: str, why: str
) -> None:
    answer = send(sender, source, document, topic, f"odd-{why}")
    assert answer.status_code == 200, answer.text
    assert [one["why"] for one in answer.json()["reasons"]][:1] == [why]
    listed = deliveries(olga, source, answer, state="not_understood")
    (kept,) = [one for one in listed if one["sender_id"] == f"odd-{why}"]
    assert kept["reasons"] == answer.json()["reasons"]
    assert kept["understood"] is False


def test_a_wider_mapping_reads_again_what_was_not_understood_and_records_nothing_twice(
    server: RunningService, olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "wider")
    number = order_number()
    send(sender, "wider", placed(number), "order", "o")
    lost = scan(number, "LOST", at="2026-11-21T10:00:00Z")
    answer = send(sender, "wider", lost, "scan", "s")
    change_mapping(olga, otto, "wider", WIDER)
    again = olga.post("/v1/sources/wider/read-again", json={})
    assert again.json() == {"looked_at": 1, "changed": 1, "not_understood": 0, "next_after": None}
    assert deliveries(olga, "wider", again, state="not_understood") == []
    scans = [
        line.event.signal
        for line in server.service.desks.log.read(0, 100_000)
        if isinstance(line.event, SignalRecorded) and isinstance(line.event.signal, Scanned)
        if line.event.signal.order == number
    ]
    assert [one.event_time.isoformat() for one in scans] == ["2026-11-21T10:00:00+00:00"] * 2
    assert scans[1].replaces == scans[0].id, "the new reading counts, and the trail keeps both"
    assert olga.post("/v1/sources/wider/read-again", json={}).json()["looked_at"] == 0
    assert answer.json()["reasons"][0]["code"] == "LOST"


def test_a_paused_source_keeps_what_comes_and_reads_it_afterwards(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "paused")
    assert (
        olga.post("/v1/sources/paused/pause", json={"reason": "it sends nonsense"}).status_code
        == 200
    )
    number = order_number()
    answer = send(sender, "paused", placed(number), "order", "p")
    assert answer.json()["reasons"][0]["why"] == "paused"
    assert olga.get(f"/v1/orders/{number}").status_code == 404
    refused = olga.post("/v1/sources/paused/read-again", json={})
    assert refused.status_code == 409
    olga.post("/v1/sources/paused/resume", json={"reason": "mended"})
    assert olga.post("/v1/sources/paused/read-again", json={}).json()["changed"] == 1
    assert olga.get(f"/v1/orders/{number}").status_code == 200


def test_two_secrets_are_valid_while_one_is_rotated(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "rotated")
    other, third = "another-secret-of-the-sender", "the-third-secret-of-the-sender"
    shown = olga.post(
        "/v1/sources/rotated/rotate", json={"secret": other, "overlap_hours": 1}
    ).json()
    assert len(shown["secrets"]) == 2
    assert send(sender, "rotated", placed(order_number()), "order").status_code == 200
    assert send(sender, "rotated", placed(order_number()), "order", secret=other).status_code == 200
    olga.post("/v1/sources/rotated/rotate", json={"secret": third, "overlap_hours": 0})
    assert send(sender, "rotated", placed(order_number()), "order").status_code == 401
    assert send(sender, "rotated", placed(order_number()), "order", secret=other).status_code == 401
    assert send(sender, "rotated", placed(order_number()), "order", secret=third).status_code == 200


def test_a_secret_that_was_replaced_twice_ends_at_once(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "rotated-twice")
    for secret in ("the-second-secret-of-it", "the-third-secret-of-it"):
        body = {"secret": secret, "overlap_hours": 24}
        assert olga.post("/v1/sources/rotated-twice/rotate", json=body).status_code == 200
    statuses = [
        send(sender, "rotated-twice", placed(order_number()), "order", secret=secret).status_code
        for secret in (SECRET, "the-second-secret-of-it", "the-third-secret-of-it")
    ]
    assert statuses == [401, 200, 200]


def test_no_secret_and_no_body_is_in_the_database(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "sealed")
    number = order_number()
    send(sender, "sealed", placed(number, email="very.private@example.org"), "order", "x")
    with psycopg.connect(server.dsn) as connection:
        (found,) = connection.execute(
            "SELECT count(*) FROM stored_events WHERE position(%s IN encode(state, 'escape')) > 0 "
            "OR position(%s IN encode(state, 'escape')) > 0",
            (SECRET, "very.private"),
        ).fetchone() or (None,)
    assert found == 0
    assert SECRET not in olga.get("/v1/sources/sealed").text


def test_another_shop_of_the_same_app_is_kept_unread(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    secret = "shopify-client-secret-of-the-app"
    add(
        olga,
        "shopify-de",
        document=None,
        mapping="shopify",
        scheme={"scheme": "shopify"},
        secret=secret,
        sender_shop="ours.myshopify.com",
    )
    body = b'{"id": 1, "name": "#1", "created_at": "2026-11-20T10:00:00Z", "currency": "EUR"}'
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Hmac-Sha256": signature, "X-Shopify-Topic": "orders/create"}
    for shop in ({"X-Shopify-Shop-Domain": "theirs.myshopify.com"}, {}):
        answer = sender.post(
            "/v1/sources/shopify-de/webhook",
            content=body,
            headers={**headers, **shop, "X-Shopify-Webhook-Id": f"w-{len(shop)}"},
        )
        assert answer.status_code == 200, answer.text
        assert [one["why"] for one in answer.json()["reasons"]] == ["other_shop"]
        deliveries(olga, "shopify-de", answer)
        # Nor by reading it again, by its id or with all others.
        for ask in ({"deliveries": [answer.json()["delivery"]]}, {}):
            again = olga.post("/v1/sources/shopify-de/read-again", json=ask)
            assert again.status_code == 200, again.text
            assert (again.json()["changed"], again.json()["not_understood"] > 0) == (0, True)
    assert olga.get("/v1/orders/1").status_code == 404
    ours = {"X-Shopify-Shop-Domain": "Ours.myshopify.com", "X-Shopify-Webhook-Id": "w-3"}
    answer = sender.post(
        "/v1/sources/shopify-de/webhook", content=body, headers={**headers, **ours}
    )
    assert [one["why"] for one in answer.json()["reasons"]] != ["other_shop"]


def test_an_erased_customer_is_not_in_the_deliveries(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client
) -> None:
    """The key of a delivery is one of the keys of each order that it speaks of."""
    add(olga, "erased")
    number = order_number()
    answer = send(sender, "erased", placed(number), "order", "e")
    desks = server.service.desks
    assert desks.key_ring is not None
    delivery = answer.json()["delivery"]
    id = UUID(delivery)
    assert unpack(desks.deliveries.kept([id])[id]) is not None
    desks.key_ring.destroy(uuid4(), [number])
    erased = desks.deliveries.kept([id])[id]
    assert (unpack(erased), erased.taken.body, erased.taken.beside) == (None, ERASED, ERASED)
    (kept,) = deliveries(olga, "erased", answer)
    assert kept["reasons"] == []
    assert olga.post("/v1/sources/erased/read-again", json={"deliveries": [delivery]}).json() == {
        "looked_at": 1,
        "changed": 0,
        "not_understood": 0,
        "next_after": None,
    }
