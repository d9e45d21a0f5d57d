"""Signals are processed by one of the server processes; the others forward them to it.

Within a process, batches about the same orders wait for each other. Between processes they would
conflict on versions, and all but one would have to start again.
"""

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

from api.http.body_encoding import read_body
from api.http.errors import Unavailable

SIGNALS_PATH: Final = "/v1/signals"
PATIENCE_SECONDS: Final = 120.0
_HOP_BY_HOP_HEADERS: Final = frozenset(
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


class SignalForwarding(ASGIMiddleware):
    """Forwards signals to the process at this address, and its answer to the client."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(lambda scope: scope["path"] != SIGNALS_PATH)

    def __init__(self, address: str, largest_bytes: int) -> None:
        self._client = httpx2.AsyncClient(base_url=address, timeout=PATIENCE_SECONDS)
        self._largest_bytes = largest_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        body = await read_body(receive, self._largest_bytes)
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        try:
            answer = await self._client.request(
                str(scope.get("method")),
                f"{scope['path']}{query}",
                headers=[*_end_to_end_headers(scope["headers"])],
                content=body,
            )
        except httpx2.TransportError as error:
            raise Unavailable(
                f"the process that receives signals does not answer: {error}"
            ) from None
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": answer.status_code,
            "headers": [
                *_end_to_end_headers(answer.headers.raw),
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


def _end_to_end_headers(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """The headers of the message, without those of the connection (RFC 9110, 7.6.1)."""
    return ((name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP_HEADERS)
