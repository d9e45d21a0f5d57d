"""Signals are taken by one of the processes that serve beside each other.

Batches that speak of the same orders take turns within a process; between processes they would take
the versions from under each other's feet, and all but one would have been worked out in vain. Whoever
gets signals without being that process passes them on as they came, and the answer back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import httpx2
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import (
    ASGIApp,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    Receive,
    Scope,
    Send,
)

from api.http.errors import TooLarge, Unavailable

SIGNALS: Final = "/v1/signals"
PATIENCE_SECONDS: Final = 120.0
_OF_THE_CONNECTION: Final = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        b"content-length",
        b"host",
        b"te",
        b"upgrade",
    ]
)


class Forwarding(ASGIMiddleware):
    """Passes signals on to the process that answers at this address."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(lambda scope: scope["path"] != SIGNALS)

    def __init__(self, address: str, largest_bytes: int) -> None:
        self._client = httpx2.AsyncClient(base_url=address, timeout=PATIENCE_SECONDS)
        self._largest_bytes = largest_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        body = await _whole(receive, self._largest_bytes)
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        try:
            answer = await self._client.request(
                str(scope.get("method")),
                f"{scope['path']}{query}",
                headers=[*_told(scope["headers"])],
                content=body,
            )
        except httpx2.TransportError as error:
            raise Unavailable(f"the process that takes signals does not answer: {error}") from None
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": answer.status_code,
            "headers": [
                *_told(answer.headers.raw),
                (b"content-length", str(len(answer.content)).encode()),
            ],
        }
        end: HTTPResponseBodyEvent = {
            "type": "http.response.body",
            "body": answer.content,
            "more_body": False,
        }
        await send(start)
        await send(end)


def _told(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """What is of the message, and not of the connection that it came over."""
    return ((name, value) for name, value in headers if name.lower() not in _OF_THE_CONNECTION)


async def _whole(receive: Receive, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""  # whoever asked has gone
        parts.append(message["body"])
        size += len(parts[-1])
        if size > largest:
            raise TooLarge(f"more than {largest} bytes")
        if not message["more_body"]:
            return b"".join(parts)
