"""No path names a thing by bytes that are no UTF-8, or by a NUL: on every route with a name in its path."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from api.openapi import openapi_document
from tests.api.signals import order_id, placed, send
from tests.api.test_problems import assert_problem

METHODS = ("get", "post", "put", "patch", "delete")


def _filled(path: str, operation: dict[str, Any], text: str) -> str | None:
    """The path with a text for each parameter that takes one; None if none does."""
    has_text = False
    for one in operation.get("parameters", ()):
        if one["in"] != "path":
            continue
        is_id = one["schema"].get("format") == "uuid"
        is_text = not is_id and one["schema"].get("type") == "string"
        has_text |= is_text
        value = text if is_text else str(UUID(int=7)) if is_id else "1"
        path = path.replace(f"{{{one['name']}}}", value)
    return path if has_text else None


ROUTES = [
    (method, path, operation)
    for path, operations in openapi_document()["paths"].items()
    for method, operation in operations.items()
    if method in METHODS and _filled(path, operation, "x")
]


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES, ids=lambda one: str(one)[:60])
@pytest.mark.parametrize("text", ["%00", "a%00b", "%ff", "%ed%a0%80", "a%C3"])
def test_a_path_that_no_name_has_is_refused(
    ana: httpx2.Client, method: str, path: str, operation: dict[str, Any], text: str
) -> None:
    headers = {"If-Match": '"1"', "Idempotency-Key": "path", "Content-Type": "application/json"}
    body = {} if method == "get" else {"content": b"{}"}
    answer = ana.request(method, _filled(path, operation, text) or "", headers=headers, **body)
    assert answer.status_code in (400, 403), answer.text


def test_the_error_says_what_is_wrong(ana: httpx2.Client) -> None:
    nul = assert_problem(ana.get("/v1/orders/a%00b"), 400, "malformed-parameter")
    assert nul["detail"] == "the path contains a NUL character (%00), which no id has"
    half = assert_problem(ana.get("/v1/orders/a%C3"), 400, "malformed-parameter")
    assert (
        half["detail"] == "the path has bytes that are not UTF-8: percent-encode its ids as UTF-8"
    )


def test_the_replacement_character_names_itself_alone(
    ana: httpx2.Client, shop: httpx2.Client
) -> None:
    """Bytes that are no UTF-8 were read as it."""
    order = f"{order_id()}\ufffd"
    sent = send(shop, placed(order))
    seen = {"Casetrail-Min-Position": sent.headers["Casetrail-Position"], "Prefer": "wait=10"}
    beginning = order[:-1]
    assert ana.get(f"/v1/orders/{beginning}%EF%BF%BD").json()["id"] == order
    assert ana.get(f"/v1/orders/{beginning}%FF").status_code == 400
    listed = ana.get(f"/v1/orders?order={beginning}%EF%BF%BD", headers=seen)
    assert len(listed.json()["items"]) == 1, listed.text
    assert ana.get(f"/v1/orders?order={beginning}%FF").status_code == 400
    assert ana.get(f"/v1/orders?order%FF={beginning}").status_code == 400
