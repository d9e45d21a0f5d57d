"""A route that will end says so with each answer: since when, until when, and what to use instead."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest
from litestar import Response

from api.http.compression import Application
from api.http.concurrency import get, post
from api.http.deprecation import Deprecation
from api.http.problems import EXCEPTION_HANDLERS
from api.openapi_responses import answer_headers
from domain.errors import OrderNotFound

SINCE = datetime(2026, 11, 30, 12, tzinfo=UTC)
SUNSET = datetime(2027, 6, 30, tzinfo=UTC)
ENDS = Deprecation(SINCE, SUNSET, "https://docs.example.org/api-changes")
TOLD = '<https://docs.example.org/api-changes>; rel="deprecation"; type="text/html"'


@get("/old", needs=None, ends=ENDS)
def old_list() -> Response[dict[str, Any]]:
    return Response({"items": []}, headers={"Link": '</old?cursor=x>; rel="next"'})


@post("/old", needs=None, ends=ENDS)
def old_command() -> None:
    raise OrderNotFound("no order A")


@get("/new", needs=None)
def new_list() -> dict[str, Any]:
    return {"items": []}


def ask(method: str, path: str) -> httpx2.Response:
    async def send() -> httpx2.Response:
        app = Application([old_list, old_command, new_list], exception_handlers=EXCEPTION_HANDLERS)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path)

    return asyncio.run(send())


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 404)])
def test_each_answer_of_a_deprecated_route_says_so(method: str, status: int) -> None:
    answer = ask(method, "/old")
    assert answer.status_code == status
    assert answer.headers["Deprecation"] == f"@{SINCE.timestamp():.0f}"
    assert answer.headers["Sunset"] == "Wed, 30 Jun 2027 00:00:00 GMT"
    assert parsedate_to_datetime(answer.headers["Sunset"]) == SUNSET
    assert TOLD in answer.headers.get_list("Link")


def test_the_link_to_the_next_page_stays() -> None:
    assert ask("GET", "/old").headers.get_list("Link") == ['</old?cursor=x>; rel="next"', TOLD]


def test_other_routes_say_nothing() -> None:
    answer = ask("GET", "/new")
    assert answer.status_code == 200
    assert {"deprecation", "sunset", "link"}.isdisjoint(answer.headers)


def test_the_reference_says_so_too() -> None:
    assert old_list.deprecated
    told = answer_headers(old_list, {}, dict)
    assert told["Sunset"]["example"] == "Wed, 30 Jun 2027 00:00:00 GMT"
    assert "Sunset" not in answer_headers(new_list, {}, dict)


def test_a_route_does_not_end_before_the_promised_time() -> None:
    with pytest.raises(ValueError, match="180 days"):
        Deprecation(SINCE, SINCE + timedelta(days=179), "/docs")
