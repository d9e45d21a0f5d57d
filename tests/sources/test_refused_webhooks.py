"""Webhooks that are refused: without a signature, with a wrong one, too large, or for no source that takes them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx2
import msgspec
import pytest

from tests.api.running_service import RunningService
from tests.sources.senders import MAPPING, SECRET, add, order_number, placed, send


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"headers": {}}, "signature-missing"),
        ({"headers": {"X-Signature": "sha256=" + "0" * 64}}, "signature-wrong"),
        ({"headers": {"X-Signature": "0" * 64}}, "signature-wrong"),
    ],
)
def test_a_wrong_signature_is_refused_counted_and_not_kept(
    server: RunningService,
    olga: httpx2.Client,
    sender: httpx2.Client,
    source: str,
    how: dict[str, Any],
    problem: str,
) -> None:
    before = server.service.desks.log.head()
    refused_before = olga.get(f"/v1/sources/{source}").json()["refused_7d"]
    body = json.dumps(placed(order_number())).encode()
    answer = sender.post(f"/v1/sources/{source}/webhook", content=body, **how)
    assert (answer.status_code, answer.json()["type"]) == (401, f"/problems/{problem}")
    assert SECRET not in answer.text
    server.service.access_refusals.record(everything=True)
    assert olga.get(f"/v1/sources/{source}").json()["refused_7d"] == refused_before + 1
    kept = [line.type for line in server.service.desks.log.read(before, 100)]
    assert kept == ["access.refused"]


def test_a_body_that_was_changed_on_the_way_is_refused(sender: httpx2.Client, source: str) -> None:
    body = json.dumps(placed(order_number())).encode()
    headers = dict(send(sender, source, body, "order").request.headers)
    changed = body.replace(b"10.00", b"99.00")
    headers.pop("content-length")
    answer = sender.post(f"/v1/sources/{source}/webhook", content=changed, headers=headers)
    assert answer.status_code == 401


def test_an_unknown_source_and_one_without_a_webhook(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    body = {"name": "files-only", "owner": "order_desk", "document": MAPPING}
    assert olga.post("/v1/sources", json=body).json()["webhook"] is None
    assert send(sender, "files-only", placed("x"), "order").status_code == 409
    unknown = send(sender, "litle", placed("x"), "order")
    assert unknown.status_code == 404
    assert "little" not in unknown.text, "the names of sources are not told to strangers"


def test_what_is_refused_is_counted_by_its_reason(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "refused-for")
    answers = [
        send(sender, "refused-for", b"[" + b" " * (20 << 20) + b"]", "order"),
        send(sender, "refused-for", b"not gzip", "order", **{"Content-Encoding": "gzip"}),
        send(sender, "refused-for", b"{}", "order", **{"Content-Encoding": "of-a-stranger"}),
        send(sender, "refused-for", b"{}", "order", secret="another one"),
        send(sender, "refused-for", b"{}", "order", **{"Content-Encoding": "br"}),
    ]
    assert [one.status_code for one in answers] == [413, 400, 415, 401, 415]
    # A packed body that is too large is refused before the handler.
    large = gzip.compress(b" " * (20 << 20))
    assert (
        send(sender, "refused-for", large, "order", **{"Content-Encoding": "gzip"}).status_code
        == 413
    )
    before = server.service.desks.log.head()
    server.service.access_refusals.record(everything=True)
    found = olga.get("/v1/sources/refused-for").json()
    assert {one["problem"]: one["count"] for one in found["refused"]} == {
        "too-large": 2,
        "encoding-not-supported": 2,
        "malformed-body": 1,
        "signature-wrong": 1,
    }
    assert found["refused_7d"] == 6
    assert found["refused"] == sorted(
        found["refused"], key=lambda one: one["last_at"], reverse=True
    )
    stored = msgspec.json.encode([*server.service.desks.log.read(before, 100)])
    assert b"stranger" not in stored


def test_nothing_is_counted_of_a_source_that_does_not_exist(
    server: RunningService, sender: httpx2.Client
) -> None:
    waiting = server.service.access_refusals.waiting
    for name in ("nobody", "x" * 200, "%1b%5b1m"):
        send(sender, name, b"{}", "order", **{"Content-Encoding": "br"})
        send(sender, name, b"{}", "order")
    assert server.service.access_refusals.waiting == waiting
