"""CORS: off unless origins are named, and then for exactly these, without credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from api.app import create_app
from infrastructure.http_settings import HttpSettings
from tests.api.running_service import RunningService

OURS = "https://desk.example.org"
OTHERS = (
    "https://desk.example.org.evil.example",
    "https://evil.example",
    "http://desk.example.org",
    "https://deskxexample.org",
    "null",
)


@pytest.fixture(scope="module")
def app(server: RunningService) -> Any:
    return create_app(server.service, settings=HttpSettings(rate_limit=0, origins=(OURS,)))


def ask(app: Any, method: str, path: str, headers: Mapping[str, str]) -> httpx2.Response:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send())


def test_a_named_origin_may_send_what_commands_need(app: Any) -> None:
    asked = {
        "Origin": OURS,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, if-match",
    }
    answer = ask(app, "OPTIONS", "/v1/signals", asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/livez", "/v1/me", "/v1/nothing"])
def test_its_pages_may_read_answers_and_errors(app: Any, path: str) -> None:
    answer = ask(app, "GET", path, {"Origin": OURS})
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert "Origin" in answer.headers["Vary"]
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Link", "Casetrail-Position", "X-Request-Id", "Retry-After"} <= {*exposed}
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", OTHERS)
def test_another_origin_may_not(app: Any, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for method, headers in (("GET", {"Origin": origin}), ("OPTIONS", asked)):
        answer = ask(app, method, "/livez", headers)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_the_setting_no_origin_may(ana: httpx2.Client) -> None:
    asked = {"Origin": OURS, "Access-Control-Request-Method": "GET"}
    for answer in (ana.get("/v1/me", headers=asked), ana.options("/v1/me", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]
