"""A local HTTP server that speaks as an outside system does: with its own tokens, limits, and faults on demand."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

TOKEN = "a-token-of-the-local-system"


@dataclass
class Asked:
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Answer:
    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What goes wrong with one request: another answer, a body that is cut off or late, or no answer at all."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut_to: int | None = None
    """Only so many bytes are sent of what was announced."""
    seconds: float = 0
    hang_up: bool = False


class LocalSystem:
    """The base class of systems. `answer` says what it has; `faults` are used up, one by each request."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.asked: list[Asked] = []
        self.faults: deque[Fault] = deque()
        self.bucket = 0
        """How many requests may come at once before the limit; 0: no limit."""
        self.refill_per_second = 2.0
        self.retry_after = "0.2"
        self.clock_offset = 0.0
        """Seconds that its clock is ahead of ours."""
        self.watch: Callable[[Asked], None] = lambda _: None
        """Called at each request, for tests that do something in the midst of a pull."""
        self._used, self._used_at = 0.0, time.monotonic()
        self._lock = threading.RLock()
        self.url = ""

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def is_known(self, asked: Asked) -> bool:
        """Whether the request has the right secret."""
        raise NotImplementedError

    def respond(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            if not self.is_known(asked):
                return Answer({"errors": "the token is wrong"}, 401)
            if self._is_over_limit():
                headers = {"Retry-After": self.retry_after}
                return Answer({"errors": "too many requests"}, 429, headers)
            return self.answer(asked)

    def _is_over_limit(self) -> bool:
        if not self.bucket:
            return False
        now = time.monotonic()
        self._used = max(0.0, self._used - (now - self._used_at) * self.refill_per_second)
        self._used_at = now
        if self._used + 1 > self.bucket:
            return True
        self._used += 1
        return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    system: LocalSystem

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers)
        self.system.watch(asked)
        fault = self.system.faults.popleft() if self.system.faults else Fault()
        time.sleep(fault.seconds)
        if fault.hang_up:
            self.close_connection = True
            return
        answer = Answer(None, fault.status, fault.headers) if fault.status else self.system.respond(asked)  # fmt: skip
        body = fault.body if fault.body is not None else json.dumps(answer.body).encode()
        self.send_response_only(answer.status)
        headers = {
            "Date": formatdate(time.time() + self.system.clock_offset, usegmt=True),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **answer.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault.cut_to is not None:
            body, self.close_connection = body[: fault.cut_to], True
        self.wfile.write(body)

    def log_message(self, format: str, *_: Any) -> None:
        """Say nothing on standard error."""


S = TypeVar("S", bound=LocalSystem)


@contextmanager
def running(system: S) -> Iterator[S]:
    """The system on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"system": system})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        system.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)  # fmt: skip
        thread.start()
        try:
            yield system
        finally:
            server.shutdown()
            thread.join(10)
