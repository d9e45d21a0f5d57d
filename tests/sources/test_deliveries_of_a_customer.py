"""What is held of a customer names the deliveries that speak of the customer's orders."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx2

from domain.privacy import DataSubject
from infrastructure.doctor.findings import Verdict
from tests.api.running_service import RunningService
from tests.personal.key_files import bundles_of, doctor_on_keys
from tests.sources.senders import MAPPING, add, order_number, placed, send

TOGETHER = (
    MAPPING
    + """
  - topics: [orders]
    signals:
      - type: order.placed
        each: orders
        fields:
          order: number
          id: {$join: ["'together:'", number]}
          event_time: at
          lines:
            $each: items
            as: {id: sku, sku: sku, quantity: pieces, price: {$money: {amount: price, currency: "'EUR'"}}}
          tenders: "`[]`"
"""
)


def reports_are_level(client: httpx2.Client, source: str, answer: httpx2.Response) -> None:
    position = answer.headers["Casetrail-Position"]
    headers = {"Casetrail-Min-Position": position, "Prefer": "wait=10"}
    client.get(f"/v1/sources/{source}/deliveries", headers=headers).raise_for_status()


def held(server: RunningService, order: str) -> list[Any]:
    desk = server.service.desks.privacy
    assert desk is not None
    return [*desk.held(DataSubject(order=order)).deliveries]


def test_what_is_held_of_an_order_names_its_deliveries(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "held-of", document=TOGETHER)
    number, other = order_number(), order_number()
    alone = send(sender, "held-of", placed(number), "order", "h")
    both = send(
        sender,
        "held-of",
        {"orders": [placed(number, at="2026-11-20T11:00:00Z"), placed(other)]},
        "orders",
        "i",
    )
    assert (alone.json()["recorded"], both.json()["recorded"]) == (1, 2), both.text
    reports_are_level(olga, "held-of", both)
    first, second = held(server, number)
    assert (str(first.delivery), first.source) == (alone.json()["delivery"], "held-of")
    assert json.loads(first.body) == placed(number)
    # It speaks of somebody else too, whose data are not shown here.
    assert (str(second.delivery), second.body, second.other_orders) == (
        both.json()["delivery"],
        None,
        1,
    )

    ring = server.service.desks.key_ring
    assert ring is not None
    ring.destroy(uuid4(), [number])
    assert held(server, number) == []
    # One key sealed the delivery of both: it is gone for the other order too.
    assert held(server, other) == []
    assert doctor_on_keys(server).verdict is Verdict.OK, "nothing that was not erased is missing"


def test_the_doctor_names_deliveries_whose_key_is_lost(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "lost-of")
    sent = send(sender, "lost-of", placed(order_number(), at="yesterday"), "order", "n")
    assert sent.json()["recorded"] == 0
    for bundle in (bundles := bundles_of(server)):
        bundle.rename(bundle.with_name(f"away-{bundle.name}"))
    try:
        found = doctor_on_keys(server)
        assert found.verdict is Verdict.UNSAFE
        assert "(a delivery or a held signal)" in found.found
    finally:
        for bundle in bundles:
            bundle.with_name(f"away-{bundle.name}").rename(bundle)


def test_what_cannot_be_read_of_an_order_is_erased_with_it(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client
) -> None:
    """It names the order and the customer, although it states nothing."""
    add(olga, "half-read")
    number = order_number()
    first = send(sender, "half-read", placed(number), "order", "j")
    broken = send(sender, "half-read", placed(number, at="yesterday"), "order", "k")
    assert (first.json()["recorded"], broken.json()["recorded"]) == (1, 0)
    assert [one["why"] for one in broken.json()["reasons"]] == ["unreadable_field"]
    reports_are_level(olga, "half-read", broken)
    assert len(held(server, number)) == 2
    ring = server.service.desks.key_ring
    assert ring is not None
    ring.destroy(uuid4(), [number])
    assert held(server, number) == []
