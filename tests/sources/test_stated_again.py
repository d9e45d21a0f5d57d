"""A system that states its whole history each time: what was recorded before is known."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from domain.orders.events import SignalRecorded
from domain.orders.shipment_signals import Scanned
from tests.api.running_service import RunningService
from tests.mappings.samples import SAMPLES
from tests.sources.senders import add, order_number, send
from tests.sources.test_webhooks import deliveries

TRACKER = """
mapping: tracker
deliveries:
  - of: "@"
    signals:
      - type: shipment.scanned
        each: scans
        may_change: [estimate]
        fields:
          id: at
          refs: {tracking: {code: root().number}}
          order: root().order
          event_time: at
          status: state
          estimate: root().expected
"""


def parcel(number: str, expected: str, *scans: str, **more: Any) -> dict[str, Any]:
    listed = [{"at": at, "state": "in_transit"} for at in scans]
    return {"number": f"T-{number}", "expected": expected, "scans": listed, **more}


FIRST, SECOND = "2026-11-28T10:00:00Z", "2026-11-29T10:00:00Z"


def test_another_estimate_is_no_other_scan(
    olga: httpx2.Client, sender: httpx2.Client, server: RunningService
) -> None:
    add(olga, "tracker", document=TRACKER)
    order = order_number()
    one = send(sender, "tracker", parcel(order, "2026-12-01", FIRST, order=order), "t")
    two = send(sender, "tracker", parcel(order, "2026-12-03", FIRST, SECOND, order=order), "t")
    assert (one.json()["recorded"], one.json()["reasons"]) == (1, [])
    assert (two.json()["recorded"], two.json()["reasons"]) == (1, [])
    scans = [
        line.event.signal
        for line in server.service.desks.log.read(0, 100_000)
        if isinstance(line.event, SignalRecorded) and isinstance(line.event.signal, Scanned)
    ]
    assert [one.estimate for one in scans if one.order == order] == ["2026-12-01", "2026-12-03"]


def test_the_same_of_a_parcel_that_no_order_has_yet(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "tracker-early", document=TRACKER)
    order = order_number()
    for expected in ("2026-12-01", "2026-12-03"):
        answer = send(sender, "tracker-early", parcel(order, expected, FIRST), "t")
        assert answer.json()["reasons"] == []


def test_another_status_of_a_scan_is_refused_as_before(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "tracker-strict", document=TRACKER)
    order = order_number()
    send(sender, "tracker-strict", parcel(order, "2026-12-01", FIRST, order=order), "t")
    changed = parcel(order, "2026-12-01", FIRST, order=order)
    changed["scans"][0]["state"] = "delivered"
    answer = send(sender, "tracker-strict", changed, "t")
    (reason,) = answer.json()["reasons"]
    assert (answer.status_code, reason["why"]) == (200, "refused_signal")


def test_a_refund_of_woocommerce_keeps_the_time_at_which_it_was_first_told(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "woo", document=None, mapping="woocommerce")
    answers = [
        send(
            sender,
            "woo",
            json.loads((SAMPLES / "woocommerce" / f"{name}.json").read_text(encoding="utf-8")),
            "x",
            **{"X-WC-Webhook-Topic": topic},
        )
        for name, topic in (
            ("order_created", "order.created"),
            ("order_updated_partly_refunded", "order.updated"),
            ("order_updated_refunded", "order.updated"),
        )
    ]
    assert [one.json()["reasons"] for one in answers] == [[], [], []]
    assert [one.json()["recorded"] for one in answers] == [2, 2, 2]
    kept = deliveries(olga, "woo", answers[-1])
    assert {one["understood"] for one in kept} == {True}
