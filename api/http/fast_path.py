"""A faster way to the handlers of commands, for requests with nothing odd about them.

Litestar reads the arguments of any handler: that takes longer than a command does. Here they are read
for the one shape that commands have, from the raw request, and the same handler is called. Whatever
is not plain (a body in pieces, a header that stands twice, JSON that does not fit) goes Litestar's way
as if nobody had looked: it says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send
from msgspec import Struct

from api.http.query import KEY_PATTERN
from api.http.responses import JSON
from infrastructure.event_loops import as_guest

LARGEST_BYTES = 64 << 10
"""More is no command as people give them: it goes the other way, where the limit is told."""
_CONTENT_TYPE = (b"content-type", JSON.encode())


class Plain(Struct, frozen=True):
    """What a plain request holds."""

    body: bytes
    if_match: str | None
    key: str | None


class Quick(ASGIMiddleware):
    """Calls the handler of a command on a case, whose body is of this kind, or empty for None."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, handler: Callable[..., Response[Any]], kind: Any | None) -> None:
        self._handler = handler
        self._decode = msgspec.json.Decoder(kind).decode if kind is not None else None

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        message = await receive()
        plain = _plain(scope, message)
        call = self._call(scope, plain) if plain is not None else None
        if call is None:
            await next_app(scope, _again(message, receive), send)
        else:
            await _answer(await as_guest(call), send)

    def _call(self, scope: Scope, plain: Plain) -> Callable[[], Response[Any]] | None:
        more: dict[str, Any] = {}
        if self._decode is not None:
            try:
                more["data"] = self._decode(plain.body)
            except (msgspec.MsgspecError, ValueError):
                return None
        return partial(
            self._handler,
            request=Request(scope),
            case_id=cast(UUID, scope["path_params"]["case_id"]),
            service=scope["litestar_app"].state.service,
            body=plain.body,
            if_match=plain.if_match,
            key=plain.key,
            **more,
        )


def _plain(scope: Scope, message: Any) -> Plain | None:
    """None for what is not plain."""
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    body: bytes = message.get("body", b"")
    told: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in (b"if-match", b"idempotency-key", b"content-type"):
            if name in told:
                return None
            told[name] = value
    key = told.get(b"idempotency-key")
    if len(body) > LARGEST_BYTES or (body and told.get(b"content-type") != JSON.encode()):
        return None
    if key is not None and KEY_PATTERN.fullmatch(key.decode("latin-1")) is None:
        return None
    if_match = told.get(b"if-match")
    return Plain(
        body,
        if_match.decode("latin-1") if if_match is not None else None,
        key.decode("latin-1") if key is not None else None,
    )


def _again(message: Any, receive: Receive) -> Receive:
    """What was received, to be received once more."""
    waiting = [message]

    async def once_more() -> HTTPReceiveMessage:
        found: Any = waiting.pop() if waiting else await receive()
        return cast(HTTPReceiveMessage, found)

    return cast(Receive, once_more)


async def _answer(response: Response[Any], send: Send) -> None:
    body: bytes = response.content
    headers = [_CONTENT_TYPE, (b"content-length", str(len(body)).encode())]
    headers += [(k.lower().encode(), v.encode("latin-1")) for k, v in response.headers.items()]
    status = response.status_code or 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
