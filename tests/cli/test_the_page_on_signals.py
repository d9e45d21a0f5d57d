"""The examples of docs/signals.md work as printed, and the consumer loses and repeats nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import as_ndjson, order_id, placed
from tests.cli.conftest import ROOT
from tests.cli.test_readme import requests_of

PAGE = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")
CONSUMER = ROOT / "docs" / "examples" / "consumer.py"
SIGNALS = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def shop(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("shop") as client:
        yield client


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda one: one["type"])
def test_each_signal_is_taken(shop: httpx2.Client, signal: object) -> None:
    answer = shop.post("/v1/signals", json=signal)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] in ("recorded", "held")


def test_the_events_are_taken(server: RunningService) -> None:
    (block,) = [block for block in BLOCKS if "$ curl" in block]
    answers = requests_of(block, server.url, server.tokens["shop"])
    assert [answer.json()["outcome"] for answer in answers] == ["recorded", "held"]


class Unreliable(BaseHTTPRequestHandler):
    """Passes requests on. Some it refuses with 503 or 429, and of some it loses the answer."""

    target = ""
    requests = 0
    seen: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        cls = type(self)
        cls.requests += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if cls.requests in (1, 4):
            self.send_response(503 if cls.requests == 1 else 429)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
        answer = httpx2.post(f"{cls.target}{self.path}", content=body, headers=headers)
        cls.seen.append(body.count(b"\n") + 1)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        # Cut off in the middle, or before it begins; else whole.
        cut = {2: len(answer.content) // 2, 5: 0}.get(cls.requests)
        self.wfile.write(answer.content[:cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def unreliable(server: RunningService) -> Iterator[str]:
    Unreliable.target, Unreliable.requests, Unreliable.seen = server.url, 0, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Unreliable) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_port}"
        proxy.shutdown()
        thread.join()


def test_a_message_that_is_delivered_twice_over_a_bad_line_is_recorded_once(
    server: RunningService, shop: httpx2.Client, unreliable: str
) -> None:
    """As a broker does: at least once, in any order."""
    assert len(CONSUMER.read_text(encoding="utf-8").splitlines()) <= 50
    told = [placed(order_id()) for _ in range(1_400)]
    wrong = {**placed(order_id()), "type": "nonsense"}
    head = server.service.desks.log.head()
    ran = subprocess.run(
        [sys.executable, CONSUMER],
        input=as_ndjson([*told, wrong, *reversed(told)]) + b"\n\n",
        capture_output=True,
        env={**os.environ, "CASETRAIL_URL": unreliable, "CASETRAIL_TOKEN": server.tokens["shop"]},
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    refused = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith(b"{")]
    assert [one["signal"] for one in refused] == [f"storefront/{wrong['id']}"]
    assert Unreliable.requests >= 7
    assert max(Unreliable.seen) <= 500
    lines = server.service.desks.log.read(head, 100_000)
    recorded = [line.order for line in lines if line.type == "order.signal_recorded"]
    assert sorted(str(order) for order in recorded) == sorted(one["order"] for one in told)


def test_a_consumer_without_permission_ends_with_the_reason(server: RunningService) -> None:
    ran = subprocess.run(
        [sys.executable, CONSUMER],
        input=as_ndjson([placed(order_id())]),
        capture_output=True,
        env={**os.environ, "CASETRAIL_URL": server.url, "CASETRAIL_TOKEN": "ct_wrong"},
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert b"not-authenticated" in ran.stderr
