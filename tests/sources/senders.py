"""A sender of an invented system: its mapping document, and deliveries that it signs."""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import count
from typing import Any

import httpx2

SECRET = "the-secret-that-the-sender-signs-with"
MAPPING = """
mapping: little_shop
title: Orders and scans of a little shop
topic: headers."x-event"
tables:
  states: {MOVING: in_transit, DONE: delivered}
deliveries:
  - topics: [order]
    signals:
      - type: order.placed
        fields:
          order: number
          id: {$join: ["'placed:'", number]}
          event_time: at
          customer: {id: buyer, email: email}
          lines:
            $each: items
            as: {id: sku, sku: sku, quantity: pieces, price: {$money: {amount: price, currency: "'EUR'"}}}
          tenders: "`[]`"
  - topics: [scan]
    signals:
      - type: shipment.scanned
        fields:
          order: number
          id: {$join: ["'scan:'", at]}
          event_time: at
          refs: {tracking: {code: tracking}}
          code: state
          status: {$code: {of: state, table: states}}
"""
WIDER = MAPPING.replace("DONE: delivered", "DONE: delivered, LOST: failure")
_numbers = count(1)


def order_number() -> str:
    return f"S-{next(_numbers):04}"


def placed(number: str, **changes: Any) -> dict[str, Any]:
    order = {
        "number": number,
        "at": "2026-11-20T10:00:00Z",
        "buyer": f"c-{number}",
        "email": f"{number}@example.org",
        "items": [{"sku": "A", "pieces": 2, "price": "10.00"}],
    }
    return {**order, **changes}


def scan(
    number: str, state: str, at: str = "2026-11-21T10:00:00Z", **changes: Any
) -> dict[str, Any]:
    return {"number": number, "at": at, "tracking": f"T-{number}", "state": state, **changes}


def signed(body: bytes, topic: str, id: str | None = None, secret: str = SECRET) -> dict[str, str]:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    named = {"X-Delivery": id} if id is not None else {}
    return {"X-Event": topic, "X-Signature": f"sha256={signature}", **named}


SCHEME = {
    "scheme": "hmac",
    "header": "X-Signature",
    "prefix": "sha256=",
    "delivery_header": "X-Delivery",
}


def add(client: httpx2.Client, name: str, **changes: Any) -> dict[str, Any]:
    body = {
        "name": name,
        "owner": "order_desk",
        "document": MAPPING,
        "scheme": SCHEME,
        "secret": SECRET,
        **changes,
    }
    body = {name: value for name, value in body.items() if value is not None}
    answer = client.post("/v1/sources", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def send(
    client: httpx2.Client,
    source: str,
    document: object,
    topic: str,
    id: str | None = None,
    secret: str = SECRET,
    **headers: str,
) -> httpx2.Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return client.post(
        f"/v1/sources/{source}/webhook",
        content=body,
        headers={**signed(body, topic, id, secret), **headers},
    )


def change_mapping(
    proposer: httpx2.Client, approver: httpx2.Client, source: str, document: str
) -> None:
    """Two people change the mapping of a source in use."""
    ask = {"document": document, "reason": "It reads more."}
    proposed = proposer.post(f"/v1/sources/{source}/mapping", json=ask)
    assert proposed.status_code == 200, proposed.text
    digest = proposed.json()["proposal"]["digest"]
    approved = approver.post(f"/v1/sources/{source}/mapping/approve", json={"digest": digest})
    assert approved.status_code == 200, approved.text
    assert approved.json()["mapping"]["digest"] == digest
