"""One delivery in full: its body, its readings and its signals; and who is shown it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.people import Role
from domain.principals import KeyScope
from tests.api.running_service import RunningService
from tests.sources.senders import (
    MAPPING,
    WIDER,
    add,
    change_mapping,
    order_number,
    placed,
    scan,
    send,
)
from tests.sources.test_read_again import MINOR, PAID, read_again


def detail(client: httpx2.Client, source: str, answer: httpx2.Response) -> dict[str, Any]:
    found = client.get(f"/v1/sources/{source}/deliveries/{answer.json()['delivery']}")
    assert found.status_code == 200, found.text
    told: dict[str, Any] = found.json()
    return told


def test_it_is_shown_as_it_came_with_its_signals(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "as-it-came")
    number = order_number()
    answer = send(sender, "as-it-came", placed(number), "order", "a", Cookie="c=1", X_Shop="one")
    found = detail(olga, "as-it-came", answer)
    assert (found["state"], found["body_state"], found["body_encoding"]) == (
        "understood",
        "shown",
        "utf-8",
    )
    assert json.loads(found["body"]) == placed(number)
    assert (found["headers"]["x-event"], found["headers"]["x_shop"]) == ("order", "one")
    assert not {"cookie", "x-signature"} & {*found["headers"]}
    assert found["orders"] == [{"order": number, "shop": "default"}]
    assert found["signals_stated"] == [
        {
            "signal": f"as-it-came/placed:{number}",
            "type": "order.placed",
            "event_time": "2026-11-20T10:00:00Z",
            "state": "recorded",
            "orders": [{"order": number, "shop": "default"}],
            "same": True,
        }
    ]
    (reading,) = found["readings"]
    assert (reading["by"], reading["signals"]) == ("source:as-it-came", 1)


def test_a_body_that_is_not_text_is_shown_in_base64(
    olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    body = b'{"number": "\xff"}'
    found = detail(olga, source, send(sender, source, body, "order", "b"))
    assert (found["state"], found["body_encoding"]) == ("not_understood", "base64")
    assert base64.b64decode(found["body"]) == body
    assert [one["why"] for one in found["reasons"]] == ["unreadable_body"]
    assert found["signals_stated"] == []


def test_every_reading_is_listed_with_what_it_changed(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "every-reading", document=PAID)
    number = order_number()
    send(sender, "every-reading", placed(number), "order", "o")
    paid = {"number": number, "at": "2026-11-20T10:05:00Z", "paid": "1000"}
    answer = send(sender, "every-reading", paid, "paid", "p")
    change_mapping(olga, otto, "every-reading", MINOR)
    read_again(otto, "every-reading", answer)
    # The document that read it last says what it states, also when another one is in use by now.
    change_mapping(olga, otto, "every-reading", MAPPING)
    found = detail(olga, "every-reading", answer)
    first, second = found["readings"]
    assert first["mapping"] != second["mapping"] == found["mapping"]
    ((old, new),) = second["restated"]
    assert (old, first["restated"]) == (f"paid:{number}", [])
    (stated,) = found["signals_stated"]
    assert (stated["signal"], stated["state"]) == (f"every-reading/{new}", "recorded")


def test_a_refused_signal_and_a_held_one_are_told_apart(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "told-apart", document=MAPPING.replace("          order: number\n          id: {$join: [\"'scan", "          id: {$join: [\"'scan"))  # fmt: skip
    number = order_number()
    send(sender, "told-apart", placed(number), "order", "o")
    other = send(sender, "told-apart", placed(number, buyer="another"), "order", "p")
    (stated,) = detail(olga, "told-apart", other)["signals_stated"]
    assert (stated["state"], stated["same"]) == ("recorded", False)
    held = send(sender, "told-apart", scan(number, "MOVING"), "scan", "s")
    assert held.json()["held"] == 1, held.text
    (stated,) = detail(olga, "told-apart", held)["signals_stated"]
    assert (stated["state"], stated["orders"]) == ("held", [])


def test_the_read_is_recorded_for_each_order_that_it_speaks_of(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    # It states nothing, and yet its body names the order.
    answer = send(sender, source, placed(number, at="yesterday"), "order", "r")
    people, now = server.service.desks.people, datetime.now(UTC)
    people.add("audrey", [Role.AUDITOR], now)
    server.tokens["audrey"] = people.issue_token("audrey", now)
    with server.client_as("audrey") as auditor:
        assert detail(auditor, source, answer)["body_state"] == "shown"
        told = auditor.get("/v1/audit/reads", params={"person": "audrey"}).json()["items"]
    path = f"GET /v1/sources/{source}/deliveries/{answer.json()['delivery']}"
    assert (path, number) in {(one["what"], one["order_id"]) for one in told}


def test_a_key_without_orders_is_not_shown_the_body(
    server: RunningService, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    answer = send(sender, source, placed(number), "order", "n")
    limits = KeyScope(permissions=frozenset({"sources.read"}))
    people, now = server.service.desks.people, datetime.now(UTC)
    server.tokens["narrow"] = people.issue_token("olga", now, scope=limits)
    with server.client_as("narrow") as narrow:
        found = detail(narrow, source, answer)
    assert (found["body_state"], found["body"], found["body_encoding"]) == (
        "not_permitted",
        None,
        None,
    )
    assert (found["headers"], found["query"], found["signals_stated"]) == ({}, {}, [])


def test_an_erased_body_is_gone_and_the_answer_says_so(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    answer = send(sender, source, placed(number, at="yesterday"), "order", "x")
    assert detail(olga, source, answer)["reasons"]
    ring = server.service.desks.key_ring
    assert ring is not None
    ring.destroy(uuid4(), [number])
    found = detail(olga, source, answer)
    assert (found["body_state"], found["body"], found["headers"]) == ("erased", None, {})
    assert (found["state"], found["reasons"], found["readings"][0]["reasons"]) == (
        "not_understood",
        [],
        [],
    )


@pytest.mark.parametrize("wanted", ["little", "elsewhere"])
def test_a_delivery_of_another_source_and_no_delivery_are_not_found(
    olga: httpx2.Client, sender: httpx2.Client, source: str, wanted: str
) -> None:
    if wanted == "elsewhere":
        add(olga, wanted, document=WIDER)
        id = send(sender, source, placed(order_number()), "order").json()["delivery"]
    else:
        id = str(uuid4())
    answer = olga.get(f"/v1/sources/{wanted}/deliveries/{id}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/delivery-not-found")
