"""Pages for people: the console's first room, and the API's reference. Nothing is fetched from
elsewhere: what the pages need is served from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.static_files import create_static_files_router

from api.http.concurrency import get
from api.http.errors import RouteNotFound
from api.http.problems import respond
from api.openapi import contract

CONSOLE = Path(__file__).parent / "console"
_PUBLIC = {"public": True}
# The pages run only what this server sends; nothing may frame them.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def _page(name: str) -> Response[bytes]:
    return Response((CONSOLE / name).read_bytes(), media_type=MediaType.HTML, headers=_HEADERS)


@get("/", include_in_schema=False, needs=None)
def console() -> Response[bytes]:
    return _page("queues.html")


@get("/docs", include_in_schema=False, needs=None)
def docs() -> Response[bytes]:
    return _page("docs.html")


@get("/openapi.json", include_in_schema=False, needs=None)
def openapi() -> Response[bytes]:
    return Response(msgspec.json.encode(contract()), media_type=MediaType.JSON)


PAGES: tuple[HTTPRouteHandler, ...] = (console, docs, openapi)


def _no_file(request: Request[Any, Any, Any], _: ValueError) -> Response[bytes]:
    """No file system takes a NUL in a name."""
    return respond(RouteNotFound(f"nothing at {request.url.path}"))


STATIC = create_static_files_router(
    "/console",
    directories=[CONSOLE],
    opt=_PUBLIC,
    include_in_schema=False,
    exception_handlers={ValueError: _no_file},
)
