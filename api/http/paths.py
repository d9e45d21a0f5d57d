"""Paths are read strictly: what they encode is UTF-8 without NUL, so that no two of them name one thing."""

from typing import Final
from urllib.parse import unquote_to_bytes

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.http.errors import MalformedParameter

_ENCODED: Final = b"%"


class StrictPath(ASGIMiddleware):
    """Refuses a path that holds a NUL, which PostgreSQL does not store, or bytes that are no UTF-8, which the
    server reads as U+FFFD: several paths would then name the thing that has this character."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(
        lambda scope: _ENCODED not in (scope.get("raw_path") or b"")
    )

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        raw = scope["raw_path"].partition(b"?")[0]
        try:
            has_nul = "\0" in unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise MalformedParameter(
                "the path has bytes that are not UTF-8: percent-encode its ids as UTF-8"
            ) from None
        if has_nul:
            raise MalformedParameter("the path contains a NUL character (%00), which no id has")
        await next_app(scope, receive, send)
