"""gzip both ways, on every route: bodies that are packed, bombs, and encodings that are not read."""

from __future__ import annotations

import gzip
from typing import Any

import httpx2
import pytest

from api.openapi import openapi_document
from tests.api.signals import order_id, placed, send
from tests.api.test_problems import assert_problem
from tests.api.test_query_values import address_of, clients  # noqa: F401 - a fixture

ROUTES = [
    (path, operation)
    for path, methods in openapi_document()["paths"].items()
    for method, operation in methods.items()
    if method == "post" and "x-permission" in operation
]
BOMB = gzip.compress(bytes(128 << 20))
WELL_FORMED = b'{"no_such_member": 1}'


@pytest.mark.parametrize(("path", "operation"), ROUTES, ids=[path for path, _ in ROUTES])
def test_a_route_with_a_body_reads_gzip_and_nothing_else(
    clients: dict[str, httpx2.Client],  # noqa: F811
    path: str,
    operation: dict[str, Any],
) -> None:
    client, address = clients[operation["x-permission"]], address_of(path, operation)

    def ask(body: bytes, encoding: str | None) -> httpx2.Response:
        headers = {"Content-Type": "application/json", "If-Match": '"1"', "Idempotency-Key": "k"}
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        headers["X-Request-Id"] = "same"
        return client.post(address, content=body, headers=headers)

    for encoding in ("br", "zstd", "deflate", "gzip, gzip", "aes128gcm"):
        answer = ask(WELL_FORMED, encoding)
        assert_problem(answer, 415, "encoding-not-supported")
        assert answer.headers["Accept-Encoding"] == "gzip"
    assert_problem(ask(BOMB, "gzip"), 413, "too-large")
    assert_problem(ask(gzip.compress(WELL_FORMED)[:-4], "gzip"), 400, "malformed-body")
    plain, packed = ask(WELL_FORMED, None), ask(gzip.compress(WELL_FORMED), "gzip")
    assert (packed.status_code, packed.text) == (plain.status_code, plain.text)


@pytest.mark.parametrize(
    "path", ["/v1/cases", "/v1/orders", "/v1/events", "/openapi.json", "/v1/me"]
)
@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("gzip", "gzip"), ("br, gzip;q=0.5", "gzip"), ("*", "gzip"), ("br", None), ("gzip;q=0", None)],
)
def test_a_large_answer_is_packed_if_the_client_reads_that(
    ana: httpx2.Client, path: str, accepted: str, expected: str | None
) -> None:
    send(ana, *(placed(order_id()) for _ in range(10)))
    with ana.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    is_large = len(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw) >= 1_000
    assert answer.headers.get("Content-Encoding") == (expected if is_large else None)
    assert "Accept-Encoding" in answer.headers.get("Vary", "") or not is_large
