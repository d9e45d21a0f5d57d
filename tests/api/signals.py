"""Signals as their sources write them, and helpers that send them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
JsonObject = dict[str, Any]

_numbers = itertools.count(1)


def order_id() -> str:
    return f"o-{uuid4().hex[:12]}"


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def in_future(**time: float) -> str:
    return ago(**{unit: -number for unit, number in time.items()})


def money(amount: str, currency: str = "EUR") -> JsonObject:
    return {"amount": amount, "currency": currency}


def signal(kind: str, order: str, **facts: object) -> JsonObject:
    return {
        "type": kind,
        "source": "storefront",
        "id": f"s-{next(_numbers)}",
        "order": order,
        "event_time": ago(hours=1),
        **facts,
    }


def placed(order: str, price: str = "10.00", **facts: object) -> JsonObject:
    """An order of one line, paid by card; nothing becomes late within the next day."""
    return signal(
        "order.placed",
        order,
        **{
            "customer": {"id": f"c-{order}"},
            "lines": [{"sku": "tea", "price": money(price)}],
            "tenders": ["card"],
            **facts,
        },
    )


def captured(order: str, amount: str = "10.00", **facts: object) -> JsonObject:
    return signal("payment.captured", order, amount=money(amount), **facts)


def refunded(order: str, amount: str = "10.00", **facts: object) -> JsonObject:
    return signal("refund.issued", order, amount=money(amount), **facts)


def unavailable(order: str, **facts: object) -> JsonObject:
    """Opens a `stock_unavailable` case, which only a person resolves."""
    return signal("stock.unavailable", order, source="wms", **facts)


def cancelled(order: str, **facts: object) -> JsonObject:
    return signal("order.cancelled", order, **facts)


def as_ndjson(items: Iterable[object]) -> bytes:
    return b"\n".join(json.dumps(item).encode() for item in items)


def send(client: httpx2.Client, *signals: JsonObject, **headers: str) -> httpx2.Response:
    """Send the signals as one array."""
    return client.post(
        "/v1/signals",
        content=json.dumps(signals),
        headers={**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )


def open_case(
    client: httpx2.Client,
    kind: str = "stock_unavailable",
    order: str | None = None,
    price: str = "10.00",
) -> str:
    """Open a case (by default `stock_unavailable`) and return its id."""
    order = order or order_id()
    answer = send(client, placed(order, price), unavailable(order))
    assert answer.status_code == 200, answer.text
    cases = [case for item in answer.json()["items"] for case in item.get("cases", ())]
    return next(case["case"] for case in cases if case["kind"] == kind)


def version_of(client: httpx2.Client, case: str) -> int:
    return int(client.get(f"/v1/cases/{case}").json()["version"])


RESOLUTION: JsonObject = {
    "reason": "operational_error",
    "root_cause": "upstream_data",
    "evidence": ["wms/s-1"],
    "note": "another warehouse had it",
}
