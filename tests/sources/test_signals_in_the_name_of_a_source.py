"""Signals by API cannot take the ids of a source that is configured here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2

from domain.people import Role
from tests.api.running_service import RunningService
from tests.sources.senders import add, order_number, scan, send


def scanned(source: str, number: str) -> dict[str, Any]:
    """What the source itself states of `scan`, with another content."""
    return {
        "type": "shipment.scanned",
        "source": source,
        "id": "scan:2026-11-21T10:00:00Z",
        "order": number,
        "event_time": "2026-11-21T10:00:00Z",
        "status": "delivered",
    }


def test_an_integrator_states_nothing_in_the_name_of_a_source(
    shop: httpx2.Client, olga: httpx2.Client, sender: httpx2.Client
) -> None:
    number = order_number()
    # Before there is such a source, the name is free.
    assert shop.post("/v1/signals", json=scanned("taken", order_number())).status_code == 200
    add(olga, "taken")
    refused = shop.post("/v1/signals", json=scanned("taken", number))
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        403,
        "source-states-itself",
    )
    assert "taken" in refused.json()["detail"]
    batch = [scanned("taken", number), scanned("wms", number)]
    for query in ("?dry_run=true", ""):
        answer = shop.post(f"/v1/signals{query}", json=batch)
        assert [one["outcome"] for one in answer.json()["items"]] == ["refused", "recorded"]
    answer = send(sender, "taken", scan(number, "MOVING"), "scan", "s")
    assert (answer.json()["recorded"], answer.json()["reasons"]) == (1, [])


def test_who_manages_sources_may_state_for_one(server: RunningService, olga: httpx2.Client) -> None:
    add(olga, "stated-for")
    desks, now = server.service.desks, datetime.now(UTC)
    desks.people.add("both", [Role.OPS_MANAGER, Role.INTEGRATOR], now)
    server.tokens["both"] = desks.people.issue_token("both", now)
    with server.client_as("both") as both:
        answer = both.post("/v1/signals", json=scanned("stated-for", order_number()))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "recorded")
