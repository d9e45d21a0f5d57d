"""Outgoing answers: gzip for reads; the request's ids and `nosniff` for all, and `no-store` unless an answer
says otherwise.

Whole answers of text or JSON to a GET are compressed, if the client accepts gzip. Not compressed are
streams (server-sent events, bundles), answers to commands (stored and sent again byte for byte), tokens
(only sent in answers to POST), and answers with a strong ETag, which identifies their bytes.
"""

import gzip
from functools import lru_cache, partial
from typing import Any, Final, cast

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from api.http.encoded_orders import keep_encoded_slashes
from api.http.methods import HeadOnly, as_read
from api.http.request_ids import Header, mark_request
from infrastructure.event_loops import THREADS

SMALLEST_BYTES: Final = 1_000
"""A smaller answer fits into one packet without compression."""
_IN_A_THREAD_BYTES: Final = 32 << 10
"""Compressing more would block the event loop for too long."""
_LEVEL: Final = 5
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_NO_STORE: Final = (b"cache-control", b"no-store")
"""Answers have personal data, and nothing about them is the same for two readers."""
_STREAMED: Final = b"text/event-stream"


class Application(Litestar):
    """Litestar with all its answers compressed and marked, also those it sends before middleware, with
    encoded slashes in the ids of orders, and with HEAD wherever there is GET."""

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        if scope["type"] == ScopeType.HTTP:
            keep_encoded_slashes(scope)
            scope, mark = mark_request(cast(Scope, scope))
            if scope.get("method") == "HEAD":
                scope, send = as_read(scope), cast(Send, HeadOnly(cast(Send, send)))
            send = cast(Send, _Outgoing(scope, cast(Send, send), mark.headers))
        await super().__call__(scope, receive, send)


class _Outgoing:
    """The `send` of one request. It holds back the head of an answer until its body comes."""

    __slots__ = ("_head", "_is_read", "_more", "_scope", "_send")

    def __init__(self, scope: Scope, send: Send, more: list[Header]) -> None:
        """`more`: headers of the answer unless it has them, also those that are added while it is made."""
        self._scope = scope
        self._send = send
        self._more = more
        self._is_read = scope.get("method") == "GET"
        self._head: Any = None

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"]]
            given = {name for name, _ in headers}
            headers += [
                one
                for one in (_NOSNIFF, _NO_STORE, *self._more)
                if one[0] not in given or one[0] == b"link"
            ]
            message = {**message, "headers": headers}
            if self._is_read and message["status"] == 200 and _is_compressible(headers):
                self._head = message
                return
        elif (head := self._head) is not None:
            self._head = None
            body = message.get("body", b"")
            if len(body) >= SMALLEST_BYTES and not message.get("more_body"):
                head["headers"], body = await self._compressed(head["headers"], body)
                message = {**message, "body": body}
            await self._send(head)
        await self._send(message)

    async def _compressed(
        self, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[list[tuple[bytes, bytes]], bytes]:
        headers = _varying(headers)
        if not takes_gzip(_accepted(self._scope)):
            return headers, body
        if len(body) < _IN_A_THREAD_BYTES:
            body = compressed(body)
        else:
            body = await THREADS.run(partial(compressed, body))
        rest = [pair for pair in headers if pair[0] != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        return [*rest, length, (b"content-encoding", b"gzip")], body


def compressed(body: bytes, level: int = _LEVEL) -> bytes:
    """The body, gzipped: the same bytes at any time (no timestamp)."""
    return gzip.compress(body, level, mtime=0)


@lru_cache(maxsize=256)
def takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding (RFC 9110, 12.5.3) allows gzip."""
    found: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, weight = part.partition(";")
        try:
            found[name.strip()] = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            found[name.strip()] = 0.0
    return found.get("gzip", found.get("x-gzip", found.get("*", 0.0))) > 0


def _accepted(scope: Scope) -> bytes:
    return b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")


def _is_compressible(headers: list[tuple[bytes, bytes]]) -> bool:
    kind = b""
    for name, value in headers:
        if name in (b"etag", b"content-encoding"):
            return False
        if name == b"content-type":
            kind = value
    is_text = kind.startswith((b"text/", b"application/json"))
    return is_text and not kind.startswith(_STREAMED)


def _varying(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    vary = [value for name, value in headers if name == b"vary"]
    rest = [pair for pair in headers if pair[0] != b"vary"]
    return [*rest, (b"vary", b", ".join([*vary, b"Accept-Encoding"]))]
