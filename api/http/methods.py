"""Methods of HTTP that no route has of its own: HEAD and OPTIONS, and which methods a path has (`Allow`)."""

from typing import Any, Final, cast

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Method, Receive, Scope, Send
from litestar.utils.path import normalize_path

_ROUTED: Final[tuple[Method, ...]] = ("DELETE", "GET", "PATCH", "POST", "PUT")


def allowed_methods(app: Litestar, path: str) -> list[str]:
    """The methods that a path answers, as the router itself decides; none if there is nothing."""
    found = [method for method in _ROUTED if _is_routed(app, path, method)]
    if not found:
        return []
    return sorted([*found, "OPTIONS", *(["HEAD"] if "GET" in found else [])])


def _is_routed(app: Litestar, path: str, method: Method) -> bool:
    try:
        app.asgi_router.handle_routing(path=normalize_path(path), method=method)
    except (MethodNotAllowedException, NotFoundException):
        return False
    return True


class Options(ASGIMiddleware):
    """Answers OPTIONS with the methods of the path, to anybody."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(lambda scope: scope.get("method") != "OPTIONS")

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        allowed = ", ".join(allowed_methods(scope["litestar_app"], scope["path"]))
        headers = [(b"allow", allowed.encode())]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class HeadOnly:
    """The `send` of a HEAD request that is answered as a GET: the head of the answer, and no body.

    An endless answer ends with its head: the server tells its route then that the client has left.
    """

    __slots__ = ("_is_sent", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_sent = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
        elif not self._is_sent:
            self._is_sent = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def as_read(scope: Scope) -> Scope:
    """A HEAD request as the GET request whose answer it is about (RFC 9110, 9.3.2)."""
    return cast(Scope, {**scope, "method": "GET"})
