"""Asking who read an order's personal data is not a read of that data."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.people import Role
from tests.api.running_service import RunningService
from tests.api.signals import order_id, placed, send


def test_asking_who_read_personal_data_is_not_itself_a_read(server: RunningService) -> None:
    order, people, now = order_id(), server.service.desks.people, datetime.now(UTC)
    people.add("audra", [Role.AUDITOR], now)
    server.tokens["audra"] = people.issue_token("audra", now)
    with server.client_as("shop") as shop, server.client_as("audra") as auditor:
        assert send(shop, placed(order)).status_code == 200
        for _ in range(2):
            told = auditor.get("/v1/audit/reads", params={"order": order}).json()
            assert told["items"] == []
            assert told["nothing"] == "Nobody has read any of it."
        assert auditor.get(f"/v1/orders/{order}").status_code == 200
        told = auditor.get("/v1/audit/reads", params={"order": order}).json()
        assert [one["person"] for one in told["items"]] == ["audra"]
        assert told.get("nothing") is None
        told = auditor.get("/v1/audit/reads", params={"order": "o-none"}).json()
        assert told["nothing"] == "No order o-none."
