"""Unpacks request bodies with `Content-Encoding: gzip`. The limit of a body applies packed and unpacked."""

from functools import partial
from typing import Any, Final, cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from api.http.errors import EncodingNotSupported, MalformedBody, TooLarge
from infrastructure.encoded_text import TextTooLong, UnreadableText, unpack
from infrastructure.event_loops import THREADS

_HEADER: Final = b"content-encoding"
_REPLACED: Final = frozenset([_HEADER, b"content-length", b"transfer-encoding"])
_GZIP: Final = frozenset(["gzip", "x-gzip"])


class BodyUnpacking(ASGIMiddleware):
    """Gives the handler the unpacked body, without the header."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(
        lambda scope: all(name != _HEADER for name, _ in scope["headers"])
    )

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        is_packed = _is_packed(scope)
        body = await read_body(receive, _limit_of(scope))
        if is_packed and body:
            body = await THREADS.run(partial(_unpack, body, _limit_of(scope)))
        kept = [(name, value) for name, value in scope["headers"] if name not in _REPLACED]
        unpacked = {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
        message = {"type": "http.request", "body": body, "more_body": False}
        await next_app(cast(Scope, unpacked), replay_message(message, receive), send)


async def read_body(receive: Receive, most: int) -> bytes:
    """The whole body; empty if the client has disconnected. Raises TooLarge."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        parts.append(message["body"])
        size += len(parts[-1])
        if size > most:
            raise TooLarge(f"more than {most} bytes")
        if not message["more_body"]:
            return b"".join(parts)


def replay_message(message: Any, receive: Receive) -> Receive:
    """A `receive` that starts with the message that was received already."""
    waiting = [message]

    async def replay() -> HTTPReceiveMessage:
        found: Any = waiting.pop() if waiting else await receive()
        return cast(HTTPReceiveMessage, found)

    return cast(Receive, replay)


def _is_packed(scope: Scope) -> bool:
    """Whether the body is packed by gzip. Raises EncodingNotSupported."""
    told = b",".join(value for name, value in scope["headers"] if name == _HEADER)
    names = [name.strip().lower() for name in told.decode("latin-1").split(",")]
    found = [name for name in names if name not in ("", "identity")]
    if len(found) > 1 or not _GZIP.issuperset(found):
        raise EncodingNotSupported(
            f"the Content-Encoding is {', '.join(found)}; send gzip, or leave the header out"
        )
    return bool(found)


def _limit_of(scope: Scope) -> int:
    handler: Any = scope["route_handler"]
    return cast(int, handler.resolve_request_max_body_size())


def _unpack(body: bytes, most: int) -> bytes:
    try:
        return unpack(body, most)
    except UnreadableText as error:
        raise MalformedBody(f"the body: {error}") from None
    except TextTooLong as error:
        raise TooLarge(f"the body has {error}") from None
