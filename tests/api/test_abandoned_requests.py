"""A client that leaves in the middle of its request is no error of the service: one line, no traceback."""

from __future__ import annotations

import logging
import socket
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.event_store.appends import wait_until


@pytest.mark.parametrize("path", ["/v1/signals", "/v1/no-such-route"])
def test_a_client_that_leaves_before_its_body_came_is_one_line_in_the_log(
    server: RunningService, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.INFO, "casetrail")
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=10) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        token = f"Authorization: Bearer {server.tokens['shop']}\r\n"
        connection.sendall(f'{head}{token}Content-Length: 100\r\n\r\n{{"type"'.encode())
    if path == "/v1/signals":
        wait_until(lambda: any("the client left" in line for line in caplog.messages))
        assert [m for m in caplog.messages if "the client left" in m] == [
            "POST /v1/signals: the client left before its body had come"
        ]
    assert httpx2.get(f"{server.url}/livez").status_code == 200
    assert not [record for record in caplog.records if record.exc_info]
