"""The page at /docs is made from the contract: it is complete and small, its links have targets, and its
examples are valid."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest

from api.http.problems import BY_SLUG
from api.openapi import openapi_document
from api.pages import PAGES
from api.reference.examples import example_of
from api.reference.page import operations, request_of
from api.reference.shapes import line, type_of
from tests.api.running_service import RunningService

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_BYTES = 100_000
"""The size of the compressed page; with Swagger UI it was 2.3 MB."""


class Reference(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.classes: Counter[str] = Counter()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [told["href"] or ""] if tag == "a" else []
        self.classes[told.get("class") or ""] += 1

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def reference(server: RunningService) -> Iterator[Reference]:
    with server.client_as(None) as nobody:
        yield Reference(nobody.get("/docs").text)


def test_every_operation_shape_and_problem_appears_once(reference: Reference) -> None:
    document = openapi_document()
    told = [one.contract["operationId"] for one in operations(document)]
    shapes = document["components"]["schemas"]
    assert len(told) == reference.classes["operation"] > 100
    assert len(shapes) == reference.classes["shape"]
    assert {*told, *shapes} <= set(reference.ids)
    assert [one for one, many in Counter(reference.ids).items() if many > 1] == []
    for slug in BY_SLUG:
        assert f"/problems/{slug}" in reference.links
    for one in operations(document):
        assert one.path in reference.text
        assert one.contract["summary"] in reference.text


def test_every_link_within_the_page_has_a_target(reference: Reference) -> None:
    within = {link.removeprefix("#") for link in reference.links if link.startswith("#")}
    assert len(within) > 300
    assert within <= set(reference.ids)


def test_the_page_is_small(server: RunningService) -> None:
    with server.client_as(None) as nobody, nobody.stream("GET", "/docs") as page:
        assert len(b"".join(page.iter_raw())) < MOST_BYTES
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert "unsafe-eval" not in page.headers["Content-Security-Policy"]


def bodies() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in operations(openapi_document()):
        told = one.contract.get("requestBody", {}).get("content", {}).get("application/json")
        if told is not None:
            yield one.contract["operationId"], told["schema"]
        for response in one.contract["responses"].values():
            for kind, content in response.get("content", {}).items():
                if kind == "application/json":
                    yield f"answer to {one.contract['operationId']}", content["schema"]


def test_an_example_matches_its_schema() -> None:
    components = openapi_document()["components"]
    wrong = []
    for name, schema in bodies():
        example = example_of(schema, components["schemas"])
        whole = {**schema, "$schema": DIALECT, "components": components}
        if not jsonschema_rs.validator_for(whole, validate_formats=True).is_valid(example):
            wrong.append((name, example))
    assert wrong == []


def test_an_example_request_has_all_required_fields() -> None:
    document = openapi_document()
    by = {one.contract["operationId"]: one for one in operations(document)}
    told = request_of(by["resolve"], document["components"]["schemas"])
    head, body = told.split(" -d ")
    assert "/resolve" in head
    assert "{case_id}" not in head
    assert 'If-Match: "7"' in head
    assert "$CASETRAIL_TOKEN" in head
    assert json.loads(body.strip().strip("'")).keys() == {"reason", "root_cause", "evidence"}
    assert "Authorization" not in request_of(by["livez"], {})


def test_text_of_the_contract_is_escaped_on_the_page() -> None:
    attack = "<script>alert(1)</script> `<b>`"
    assert line(attack) == "&lt;script&gt;alert(1)&lt;/script&gt; <code>&lt;b&gt;</code>"
    for schema in ({"const": attack}, {"enum": [attack]}, {"type": "string", "pattern": attack}):
        assert "<script>" not in type_of(schema)


def test_the_reference_needs_no_token() -> None:
    assert all(page.opt["public"] for page in PAGES)
