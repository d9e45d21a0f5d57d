"""A fast path to the handlers of case commands, for plain requests.

Litestar's parsing of arguments takes longer than a command does. Here the arguments that case commands
have are read from the raw request, and the same handler is called. A request that is not plain (a body
in parts, a repeated header, JSON that does not fit) goes through Litestar, which reports what is wrong.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.params import RawBody
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from api.http.body_encoding import replay_message
from api.http.commands import CommandRequest, empty_body
from api.http.query import KEY_PATTERN
from api.http.responses import JSON_MEDIA_TYPE
from infrastructure.event_loops import run_in_greenlet

LARGEST_BYTES = 64 << 10
"""Larger bodies go through Litestar, which reports the limit."""
_CONTENT_TYPE = (b"content-type", JSON_MEDIA_TYPE.encode())


class PlainRequest(Struct, frozen=True):
    """The body and the headers of a plain request."""

    body: bytes
    if_match: str | None
    key: str | None


class FastPath(ASGIMiddleware):
    """Calls the handler of a case command whose body has this type (None: no body)."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, handler: Callable[..., Response[Any]], kind: Any | None) -> None:
        self._handler = handler
        self._decode = msgspec.json.Decoder(kind).decode if kind is not None else None
        self._instead_of_nothing = b"{}" if empty_body(kind) is not None else b""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        message = await receive()
        plain = _read_plain_request(scope, message)
        call = self._call(scope, plain) if plain is not None else None
        if call is None:
            await next_app(scope, replay_message(message, receive), send)
        else:
            await _send_response(await run_in_greenlet(call), send)

    def _call(self, scope: Scope, plain: PlainRequest) -> Callable[[], Response[Any]] | None:
        data: dict[str, Any] = {}
        if self._decode is not None:
            try:
                data["data"] = self._decode(plain.body or self._instead_of_nothing)
            except (msgspec.MsgspecError, ValueError):
                return None
        return partial(
            self._handler,
            command=CommandRequest(
                Request(scope), scope["litestar_app"].state.service, RawBody(plain.body), plain.key
            ),
            case_id=cast(UUID, scope["path_params"]["case_id"]),
            if_match=plain.if_match,
            **data,
        )


def _read_plain_request(scope: Scope, message: Any) -> PlainRequest | None:
    """The request, or None if it is not plain."""
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    body: bytes = message.get("body", b"")
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in (b"if-match", b"idempotency-key", b"content-type"):
            if name in headers:
                return None
            headers[name] = value
    key = headers.get(b"idempotency-key")
    if len(body) > LARGEST_BYTES or (
        body and headers.get(b"content-type") != JSON_MEDIA_TYPE.encode()
    ):
        return None
    if key is not None and KEY_PATTERN.fullmatch(key.decode("latin-1")) is None:
        return None
    if_match = headers.get(b"if-match")
    return PlainRequest(
        body,
        if_match.decode("latin-1") if if_match is not None else None,
        key.decode("latin-1") if key is not None else None,
    )


async def _send_response(response: Response[Any], send: Send) -> None:
    body: bytes = response.content
    headers = [_CONTENT_TYPE, (b"content-length", str(len(body)).encode())]
    headers += [(k.lower().encode(), v.encode("latin-1")) for k, v in response.headers.items()]
    status = response.status_code or 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
