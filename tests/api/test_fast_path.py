"""Simple commands take a fast path past the framework: their responses must be the same."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from api.http.fast_path import LARGEST_BYTES
from tests.api.running_service import RunningService
from tests.api.signals import order_id, send, unavailable


def open_claimed_case(client: httpx2.Client) -> str:
    (touched,) = send(client, unavailable(order_id())).json()["items"][0]["cases"]
    case: str = touched["case"]
    return case


def raw(
    server: RunningService, path: str, body: bytes, *lines: str, pieces: int = 1
) -> tuple[int, Any]:
    """Send a raw request, its body in pieces, and return the response."""
    url = urlsplit(server.url)
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {server.tokens['ana']}",
        "Connection: close",
        *lines,
    ]
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=10) as connection:
        connection.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")
        size = max(1, len(body) // pieces)
        for n in range(0, len(body), size):
            connection.sendall(body[n : n + size])
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    status, _, content = answer.partition(b"\r\n\r\n")
    return int(status.split()[1]), json.loads(content)


NOTE = json.dumps({"note": "Nothing new."}).encode()
PLAIN = ("Content-Type: application/json", f"Content-Length: {len(NOTE)}", 'If-Match: "3"')


def test_a_body_sent_in_pieces_is_accepted(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        first, second = open_claimed_case(ana), open_claimed_case(ana)
    status, whole = raw(server, f"/v1/cases/{first}/notes", NOTE, *PLAIN)
    again, pieces = raw(server, f"/v1/cases/{second}/notes", NOTE, *PLAIN, pieces=len(NOTE))
    assert (status, again) == (200, 200)
    same = {"state", "version", "owner", "queue"}
    assert {k: whole[k] for k in same} == {k: pieces[k] for k in same}


@pytest.mark.parametrize(
    ("lines", "status", "kind"),
    [
        (('If-Match: "3"', 'If-Match: "4"'), None, None),
        (("If-Match: three",), 400, "malformed-parameter"),
        ((), 428, "version-required"),
        (('If-Match: "2"',), 412, "case-changed"),
        (('If-Match: "3"', "Idempotency-Key: with space"), 400, "malformed-parameter"),
        (('If-Match: "3"', f"Idempotency-Key: {'k' * 201}"), 400, "malformed-parameter"),
    ],
)
def test_unusual_headers_get_the_usual_response(
    server: RunningService, lines: tuple[str, ...], status: int | None, kind: str | None
) -> None:
    with server.client_as("ana") as ana:
        case = open_claimed_case(ana)
    told, answer = raw(server, f"/v1/cases/{case}/notes", NOTE, *PLAIN[:2], *lines)
    if status is None:
        assert told in (200, 412)
        return
    assert (told, answer["type"]) == (status, f"/problems/{kind}")


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        (b"{", 400, None),
        (b"", 400, None),
        (b'{"note": ""}', 422, ["/note"]),
        (b'{"note": 5, "what": 1}', 422, ["/note", "/what"]),
        (b'{"note": "a", "note": "b"}', 422, ["/note"]),
        (b'"note"', 422, None),
        (b'{"note": "\\ud800"}', None, None),
        (b'{"note": "' + b"x" * LARGEST_BYTES + b'"}', 422, ["/note"]),
    ],
)
def test_unusual_bodies_get_the_usual_response(
    server: RunningService, body: bytes, status: int | None, pointers: list[str] | None
) -> None:
    with server.client_as("ana") as ana:
        case = open_claimed_case(ana)
        headers = {"If-Match": '"3"', "Content-Type": "application/json"}
        answer = ana.post(f"/v1/cases/{case}/notes", content=body, headers=headers)
        assert answer.status_code in ((status,) if status else (400, 422)), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        if pointers is not None:
            assert sorted(e["pointer"] for e in answer.json()["errors"]) == pointers
        assert ana.get(f"/v1/cases/{case}").json()["version"] == 3


def test_the_fast_path_sends_the_usual_headers(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case = open_claimed_case(ana)
        key = {"If-Match": '"3"', "Idempotency-Key": order_id()}
        claimed = ana.post(f"/v1/cases/{case}/claim", headers=key)
        assert claimed.headers["ETag"] == '"4"'
        assert claimed.headers["Content-Type"] == "application/json"
        assert int(claimed.headers["Casetrail-Position"]) > 0
        again = ana.post(f"/v1/cases/{case}/claim", headers=key)
        assert (again.content, again.headers["Idempotent-Replayed"]) == (claimed.content, "true")


def test_the_fast_path_refuses_a_request_without_a_token(server: RunningService) -> None:
    with server.client_as(None) as nobody, server.client_as("ana") as ana:
        case = open_claimed_case(ana)
        refused = nobody.post(f"/v1/cases/{case}/claim", headers={"If-Match": '"3"'})
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/not-authenticated")
