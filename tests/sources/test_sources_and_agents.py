"""An agent reads sources and changes nothing of them: their secrets, mappings and pauses are controls."""

from datetime import UTC, datetime
from uuid import uuid4

import httpx2
from litestar.routes import HTTPRoute

from api.app import create_app
from api.http.concurrency import NEEDS
from domain.permissions import NEVER_FOR_AGENTS
from tests.api.running_service import RunningService

SENDERS = {"/v1/sources/{source}/webhook"}
"""Open by the signature of the sender."""


def test_an_agent_changes_nothing_of_a_source(
    server: RunningService, olga: httpx2.Client, source: str
) -> None:
    desks, now = server.service.desks, datetime.now(UTC)
    desks.principals_desk.register_agent("olga", "copilot", now)
    server.tokens["copilot"] = desks.people.issue_token("olga", now, agent="copilot")
    before = olga.get(f"/v1/sources/{source}").json()
    changing = {
        route.path_format: handler.opt.get(NEEDS)
        for route in create_app(server.service).routes
        if isinstance(route, HTTPRoute) and route.path_format.startswith("/v1/sources")
        for handler in route.route_handlers
        if "POST" in handler.http_methods and route.path_format not in SENDERS
    }
    assert {f"/v1/sources/{{source}}/{one}" for one in ("rotate", "pull-secret", "mapping")} <= {
        *changing
    }
    assert {*changing.values()} <= NEVER_FOR_AGENTS
    with server.client_as("copilot") as copilot:
        for path in changing:
            refused = copilot.post(
                path.format(source=source, delivery=uuid4()), json={"reason": "As told."}
            )
            assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
                403,
                "principal-not-permitted",
            ), path
        assert copilot.get(f"/v1/sources/{source}").json() == before
