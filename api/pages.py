"""Pages for people: the console and the API reference. They load nothing from other servers."""

from functools import cache
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from api.http.assets import Asset, asset, console_files, page, respond_with
from api.http.concurrency import get
from api.http.errors import RouteNotFound
from api.http.responses import JSON_MEDIA_TYPE
from api.openapi import openapi_document
from api.reference.page import filled
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.reasons import ResolutionReason, RootCause
from domain.clock.terms import Dependency

_AnyRequest = Request[Any, Any, Any]
# The pages run only scripts of this server, and cannot be framed.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "Referrer-Policy": "no-referrer",
}
WORDS = "words.json"
"""The choices of the console's forms."""
_OFFERED = (
    AdjustmentKind,
    AdjustmentReason,
    Dependency,
    HoldOn,
    HoldReason,
    NextAction,
    ResolutionReason,
    RootCause,
)


@cache
def _console() -> Asset:
    return page("queues.html")


@cache
def _docs() -> Asset:
    return page("docs.html", lambda text: filled(text, openapi_document()))


@cache
def _openapi() -> Asset:
    return asset(msgspec.json.encode(openapi_document()), JSON_MEDIA_TYPE)


@cache
def _files() -> dict[str, Asset]:
    words = {kind.__name__: [choice.value for choice in kind] for kind in _OFFERED}
    return {**console_files(), WORDS: asset(msgspec.json.encode(words), JSON_MEDIA_TYPE)}


@get("/", include_in_schema=False, needs=None)
def console(request: _AnyRequest) -> Response[bytes]:
    return respond_with(_console(), request, _HEADERS)


@get("/docs", include_in_schema=False, needs=None)
def docs(request: _AnyRequest) -> Response[bytes]:
    return respond_with(_docs(), request, _HEADERS)


@get("/openapi.json", include_in_schema=False, needs=None)
def openapi(request: _AnyRequest) -> Response[bytes]:
    return respond_with(_openapi(), request)


@get("/console/{name:str}", include_in_schema=False, needs=None)
def console_file(request: _AnyRequest, name: FromPath[str]) -> Response[bytes]:
    found = _files().get(name)
    if found is None:
        raise RouteNotFound(f"no route {request.url.path}")
    return respond_with(found, request)


PAGES: tuple[HTTPRouteHandler, ...] = (console, docs, openapi, console_file)
