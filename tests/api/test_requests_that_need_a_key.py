"""The document marks the Idempotency-Key as required where a request without one is refused, and nowhere else."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from api.openapi import openapi_document
from domain.permissions import Permission
from tests.api.running_service import RunningService

ABOUT_MONEY = {
    Permission.PROPOSE_ADJUSTMENTS: "ana",
    Permission.APPROVE_ADJUSTMENTS: "olga",
    Permission.EXECUTE_ADJUSTMENTS: "fay",
    Permission.RECONCILE_ADJUSTMENTS: "fay",
}


def key_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    parameters = operation.get("parameters", ())
    return next((one for one in parameters if one["name"] == "Idempotency-Key"), None)


def test_requests_about_money_are_marked_to_need_a_key(server: RunningService) -> None:
    commands = {
        path: operations["post"]
        for path, operations in openapi_document()["paths"].items()
        if "post" in operations and key_of(operations["post"]) is not None
    }
    marked = {path for path, one in commands.items() if (key_of(one) or {})["required"]}
    assert {path.rpartition("/")[2] for path in marked} == {
        *("adjustments", "approve", "reject", "withdraw", "execute"),
        *("approvals", "reconciliations"),
    }
    assert all("428" in commands[path]["responses"] for path in marked)
    for path, operation in commands.items():
        name = ABOUT_MONEY.get(Permission(operation["x-permission"]), "olga")
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        address = re.sub(r"{(case|adjustment)_id}", str(uuid4()), path)
        with server.client_as(name) as client:
            answer = client.post(address, json=body.get("example"), headers={"If-Match": '"1"'})
        is_refused = "key-required" in answer.text
        assert is_refused == (path in marked), (path, answer.text)
