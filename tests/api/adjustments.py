"""Helpers that open cases with adjustments."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2

from tests.api.running_service import RunningService
from tests.api.signals import JsonObject, cancelled, captured, money, order_id, placed, send


def open_paid_case(
    server: RunningService,
    price: str = "600.00",
    order: str | None = None,
    customer: str | None = None,
    shop: str = "default",
) -> JsonObject:
    """A case, held by ana, of an order that was paid and cancelled."""
    order = order or order_id()
    more = {"customer": {"id": customer}} if customer else {}
    signals = (placed(order, price, **more), captured(order, price), cancelled(order))
    with server.client_as("ana") as ana:
        told = send(ana, *(one | {"shop": shop} for one in signals))
        cases = [case for item in told.json()["items"] for case in item.get("cases", ())]
        case = next(case["case"] for case in cases if case["kind"] == "refund_due")
        found: JsonObject = post(ana, ana.get(f"/v1/cases/{case}").json(), "claim").json()
        return found


def propose_on_new_case(
    server: RunningService, amount: str = "300.00", price: str = "600.00", **more: object
) -> JsonObject:
    """The same, with an adjustment that ana proposes."""
    case = open_paid_case(server, price)
    with server.client_as("ana") as ana:
        found: JsonObject = post(ana, case, "adjustments", proposal_body(amount, **more)).json()
        return found


def post(
    client: httpx2.Client, case: JsonObject, command: str, body: Any = None, key: str | None = None
) -> httpx2.Response:
    headers = {"If-Match": f'"{case["version"]}"', "Idempotency-Key": key or str(uuid4())}
    return client.post(f"/v1/cases/{case['id']}/{command}", json=body, headers=headers)


def proposal_body(amount: str = "300.00", kind: str = "refund", **more: object) -> JsonObject:
    return {"kind": kind, "amount": money(amount), "reason": "cancelled", **more}


def act_on_adjustment(
    client: httpx2.Client, case: JsonObject, name: str, key: str | None = None, **more: object
) -> httpx2.Response:
    """Send a command on the case's last adjustment."""
    one = case["adjustments"][-1]
    body = {"digest": one["digest"], **more}
    return post(client, case, f"adjustments/{one['id']}/{name}", body, key)
