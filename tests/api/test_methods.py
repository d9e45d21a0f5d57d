"""`Allow` tells the truth on every path, and OPTIONS and HEAD are answered on each."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from api.openapi import openapi_document
from tests.api.running_service import RunningService
from tests.api.test_problems import assert_problem
from tests.api.test_query_values import address_of, clients  # noqa: F401 - a fixture

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE")
PATHS = [*openapi_document()["paths"].items()]
PAGES = ("/", "/docs", "/openapi.json", "/console/page.js")
ENDLESS = "/v1/views/cases/stream"


def allowed(answer: httpx2.Response) -> set[str]:
    return {*answer.headers["Allow"].split(", ")}


@pytest.fixture(scope="module")
def nobody(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as(None) as client:
        yield client


@pytest.mark.parametrize(("path", "methods"), PATHS, ids=[path for path, _ in PATHS])
def test_a_path_allows_exactly_what_it_answers(
    nobody: httpx2.Client, path: str, methods: dict[str, Any]
) -> None:
    told = {method.upper() for method in methods} | {"OPTIONS"}
    told |= {"HEAD"} if "get" in methods else set()
    address = address_of(path, next(iter(methods.values())))
    asked = nobody.options(address)
    assert (asked.status_code, allowed(asked), asked.content) == (204, told, b"")
    for method in METHODS:
        if method not in told:
            answer = nobody.request(method, address)
            assert answer.status_code == 405, method
            assert allowed(answer) == told
        elif address != "/v1/views/a/stream":
            assert nobody.request(method, address).status_code != 405, method


@pytest.mark.parametrize("path", PAGES)
def test_a_page_allows_what_it_answers(nobody: httpx2.Client, path: str) -> None:
    assert allowed(nobody.options(path)) == {"GET", "HEAD", "OPTIONS"}
    answer = nobody.post(path)
    assert_problem(answer, 405, "method-not-allowed")
    assert allowed(answer) == {"GET", "HEAD", "OPTIONS"}
    assert nobody.head(path).status_code == 200


def test_the_problem_names_the_methods_too(nobody: httpx2.Client) -> None:
    problem = assert_problem(nobody.put("/v1/signals"), 405, "method-not-allowed")
    assert problem["detail"] == "PUT /v1/signals: the path answers OPTIONS, POST"


def test_a_path_that_another_route_shadows_allows_only_its_own(nobody: httpx2.Client) -> None:
    """`/v1/policies/{version}` has GET and its pattern fits; the router never gets there."""
    assert allowed(nobody.get("/v1/policies/emergency")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD"])
def test_a_path_without_anything_is_not_found_by_any_method(
    nobody: httpx2.Client, method: str
) -> None:
    for path in ("/v1/nothing", "/v1/cases/not-an-id"):
        answer = nobody.request(method, path)
        assert answer.status_code == 404, path
        assert "Allow" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/v1/cases", "/v1/me", "/v1/queues", "/openapi.json", "/v1/cases?state=null", "/v1/nothing"],
)
def test_head_has_the_headers_of_get_and_no_body(ana: httpx2.Client, path: str) -> None:
    with_body, without = ana.get(path), ana.head(path)
    assert without.content == b""
    assert without.status_code == with_body.status_code
    for name in ("Content-Type", "Content-Length", "Content-Encoding", "ETag", "Link", "Vary"):
        assert without.headers.get(name) == with_body.headers.get(name), name


def test_head_of_an_endless_answer_ends(ana: httpx2.Client) -> None:
    answer = ana.head(ENDLESS)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert ana.get("/v1/me").status_code == 200  # over the same connection


def test_options_needs_no_token_and_head_does(nobody: httpx2.Client) -> None:
    assert nobody.options("/v1/cases").status_code == 204
    assert nobody.head("/v1/cases").status_code == 401
