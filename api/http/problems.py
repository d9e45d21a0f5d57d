"""Errors as problem documents (RFC 9457)."""

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.utils.scope.state import ScopeState

from api.http import errors as e
from api.http.json_syntax import UNREADABLE, describe_malformed
from api.http.methods import allowed_methods
from api.http.problem_statuses import STATUS
from api.http.request_errors import describe_fault, describe_unknown_path, parameter_name
from api.http.request_ids import request_members
from domain import errors as d
from domain.backlog import errors as b
from domain.cases import errors as c
from domain.errors import CasetrailError
from domain.validation import faults_of
from infrastructure.postgres.datastore import LogHalted

_logger = logging.getLogger("casetrail")
MEDIA_TYPE = "application/problem+json"
_CLIENT_LEFT: Final = "client disconnected prematurely"
"""What Litestar says then; it has no error of its own for it."""


def slug(kind: type[CasetrailError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def title(kind: type[CasetrailError]) -> str:
    return (kind.__doc__ or "").partition("\n")[0].rstrip(".")


BY_SLUG: Mapping[str, type[CasetrailError]] = {slug(kind): kind for kind in STATUS}


def problem_of(error: CasetrailError) -> dict[str, Any]:
    """The problem document of an error."""
    kind = type(error)
    document: dict[str, Any] = {
        "type": f"/problems/{slug(kind)}",
        "title": title(kind),
        "status": STATUS[kind],
        "detail": error.detail,
    }
    if isinstance(error, d.Invalid):
        document["errors"] = [
            {"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults
        ]
    return document | msgspec.to_builtins(error.facts)  # type: ignore[no-any-return]


def respond(error: CasetrailError, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    document = problem_of(error) | request_members()
    extra = dict(headers or {})
    if isinstance(error, e.NotAuthenticated):
        extra["WWW-Authenticate"] = error.challenge
    if isinstance(error, e.EncodingNotSupported):
        extra["Accept-Encoding"] = "gzip"
    if document["status"] == 503 or isinstance(error, e.IdempotencyKeyInFlight):
        extra["Retry-After"] = "1"
    if isinstance(error, e.TooManyFailedSignIns | e.TooManyRequests | d.ReceiptNotReady):
        extra["Retry-After"] = str(error.facts["retry_after"])
    if isinstance(error, c.CaseChanged | b.RecoveryChanged):
        extra["ETag"] = f'"{error.facts["version"]}"'
    return Response(
        msgspec.json.encode(document),
        status_code=document["status"],
        media_type=MEDIA_TYPE,
        headers=extra,
    )


def from_domain(_: Request[Any, Any, Any], error: CasetrailError) -> Response[bytes]:
    if type(error) not in STATUS:
        return from_unexpected(_, error)
    return respond(error)


def from_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The problem for a request that Litestar refuses."""
    if isinstance(error, NotFoundException):
        return respond(e.RouteNotFound(describe_unknown_path(request)))
    if isinstance(error, MethodNotAllowedException):
        allowed = ", ".join(allowed_methods(request.app, request.scope["path"]))
        if not allowed:  # a path whose id is none, of a route that has other methods
            return respond(e.RouteNotFound(describe_unknown_path(request)))
        told = f"{request.method} {request.url.path}: the path answers {allowed}"
        return respond(e.MethodNotAllowed(told), {"Allow": allowed})
    if error.status_code == 413:
        limit = request.route_handler.resolve_request_max_body_size()
        return respond(
            e.TooLarge(f"the body has more than the {limit} bytes that this route takes; send less")
        )
    if isinstance(error, ValidationException):
        return respond(_invalid(request, error))
    if isinstance(error, ClientException):
        return respond(e.MalformedBody(_describe_body(request, error, error.detail)))
    if isinstance(error, InternalServerException) and error.detail == _CLIENT_LEFT:
        _logger.info(
            "%s %s: the client left before its body had come", request.method, request.url.path
        )
        return respond(e.MalformedBody("the body has not come"))
    return from_unexpected(request, error)


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> CasetrailError:
    """All faults of the body; if it has none, those that Litestar found in the parameters."""
    field = request.route_handler.parsed_data_field
    body = ScopeState.from_scope(request.scope).body
    if field is not None and isinstance(body, bytes):
        try:
            raw = msgspec.json.decode(body)
        except UNREADABLE as malformed:
            return e.MalformedBody(describe_malformed(body, malformed))
        if found := faults_of(raw, field.annotation):
            return d.Invalid(found, "the body")
    extra = error.extra if isinstance(error.extra, list) else []
    faults = [
        {
            "parameter": parameter_name(request, str(fault.get("key", ""))),
            "detail": describe_fault(request, fault),
        }
        for fault in extra
        if isinstance(fault, dict)
    ]
    detail = "; ".join(f"{f['parameter']}: {d.without_known(f['detail'])}" for f in faults)
    return e.MalformedParameter(detail or error.detail, errors=faults)


def from_database(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _logger.warning("the database did not answer %s: %s", request.url.path, error)
    return respond(e.Unavailable("the database did not answer"))


def from_halted_log(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _logger.error("the log is halted, %s: %s", request.url.path, error)
    return respond(e.LogUnwritable(str(error)))


def from_undecodable_body(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Errors that the JSON decoder raises for invalid UTF-8 and for too deep nesting."""
    return respond(e.MalformedBody(_describe_body(request, error, str(error))))


def _describe_body(request: Request[Any, Any, Any], error: Exception, otherwise: str) -> str:
    """Why the decoder refused the request's body; `otherwise`, if it would take it."""
    body = ScopeState.from_scope(request.scope).body
    if not isinstance(body, bytes):
        return otherwise
    try:
        msgspec.json.decode(body)
    except UNREADABLE as malformed:
        return describe_malformed(body, malformed)
    return otherwise


def refusal_of(error: Exception) -> type[CasetrailError] | None:
    """The problem of an answer that refuses a request (4xx); None for what is no refusal, such as a client that left."""
    if isinstance(error, CasetrailError):
        return type(error) if STATUS.get(type(error), 500) < 500 else None
    if isinstance(error, HTTPException) and error.status_code == 413:
        return e.TooLarge
    return e.MalformedBody if isinstance(error, ClientException) else None


def from_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _logger.error("%s %s", request.method, request.url.path, exc_info=error)
    return respond(e.Unexpected("see the service's log"))


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    CasetrailError: from_domain,
    HTTPException: from_framework,
    UnicodeDecodeError: from_undecodable_body,
    RecursionError: from_undecodable_body,
    LogHalted: from_halted_log,
    OperationalError: from_database,
    InterfaceError: from_database,
    psycopg.OperationalError: from_database,
    psycopg.InterfaceError: from_database,
    Exception: from_unexpected,
}
