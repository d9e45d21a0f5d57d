"""Errors as problem documents (RFC 9457), and the table from error to HTTP status."""

import logging
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.utils.scope.state import ScopeState

from api.http import errors as e
from api.http.json_syntax import UNREADABLE, describe_malformed
from api.http.request_errors import (
    allowed_methods,
    describe_fault,
    describe_unknown_path,
    parameter_name,
)
from domain import access_errors as a
from domain import errors as d
from domain import personal_data_errors as y
from domain.adjustments import errors as m
from domain.backlog import errors as b
from domain.cases import errors as c
from domain.errors import CasetrailError
from domain.policy import errors as p
from domain.validation import faults_of
from infrastructure.postgres.datastore import LogHalted

STATUS: Mapping[type[CasetrailError], int] = {
    e.MalformedBody: 400,
    e.MalformedParameter: 400,
    e.NotAuthenticated: 401,
    e.NotPermitted: 403,
    a.NotInScope: 403,
    a.AnotherPersonNeeded: 403,
    e.PrincipalNotPermitted: 403,
    a.PrincipalNotLinked: 403,
    a.ActorNotAllowed: 403,
    p.AuthorMayNotDecide: 403,
    p.OnlyPersonsDecide: 403,
    p.ChangeNeedsApproval: 403,
    p.RoutesOwnGrants: 403,
    e.RouteNotFound: 404,
    e.NothingRecorded: 404,
    d.OrderNotFound: 404,
    c.CaseNotFound: 404,
    c.QueueNotFound: 404,
    c.EvidenceNotFound: 404,
    c.PacketNotFound: 404,
    b.RecoveryNotFound: 404,
    a.PersonNotFound: 404,
    a.GrantNotFound: 404,
    a.BreakGlassNotFound: 404,
    a.PrincipalNotFound: 404,
    p.PolicyNotFound: 404,
    d.NotWitnessedYet: 404,
    e.MethodNotAllowed: 405,
    m.DutyConflict: 403,
    m.ApprovalsNoLongerHold: 403,
    m.BreakGlassOfTheInvolved: 403,
    m.BeyondAuthority: 403,
    m.AgentHoldsNoDuty: 403,
    m.ApprovedAlready: 403,
    m.AdjustmentNotFound: 404,
    y.CustomerUnknown: 404,
    y.NoSuchHold: 404,
    m.AdjustmentNotPending: 409,
    m.AdjustmentDrifted: 409,
    m.AdjustmentsOpen: 409,
    m.DigestDiffers: 409,
    m.MoreThanPaid: 409,
    m.MoreThanLine: 409,
    m.MoreThanCharge: 409,
    m.NothingMayBeGiven: 409,
    m.NoPaymentToRefund: 409,
    c.CaseNotOpen: 409,
    c.ProblemHasCase: 409,
    c.CaseNotYours: 409,
    c.CaseAlreadyResolved: 409,
    c.CaseNotResolved: 409,
    c.CaseNotWaiting: 409,
    c.EvidenceMissing: 409,
    c.NotDoneYet: 409,
    c.TaskNotOpen: 409,
    b.ActionNotOpen: 409,
    c.HoldNotOurs: 409,
    c.StepsOpen: 409,
    m.AmountNotAsOrdered: 409,
    m.StatementNotWhole: 422,
    m.NoPaymentProvider: 409,
    m.RefundRefused: 409,
    a.PersonExists: 409,
    a.PersonGone: 409,
    a.PersonPresent: 409,
    a.GrantOver: 409,
    a.BreakGlassMoved: 409,
    a.BreakGlassReviewDue: 409,
    a.PrincipalTaken: 409,
    p.PolicyStateWrong: 409,
    p.PolicyOutOfDate: 409,
    p.PolicyUnchanged: 409,
    p.SimulationMissing: 409,
    p.PolicyVersionReused: 409,
    y.UnderLegalHold: 409,
    y.CustomerStillServed: 409,
    y.NothingToErase: 409,
    y.StoredInTheClear: 409,
    e.IdempotencyKeyInFlight: 409,
    c.EvidenceErased: 410,
    c.CaseChanged: 412,
    b.RecoveryChanged: 412,
    e.TooLarge: 413,
    e.EncodingNotSupported: 415,
    d.Invalid: 422,
    d.SignalIdReused: 422,
    d.SourceReserved: 422,
    c.NoNextOwner: 422,
    c.NoTermsFit: 422,
    c.NoSuchVersion: 422,
    e.IdempotencyKeyReused: 422,
    e.KeyRequired: 428,
    e.TooManyFailedSignIns: 429,
    e.VersionRequired: 428,
    e.Unexpected: 500,
    m.RefundKeyReused: 500,
    m.OutcomeUnknown: 502,
    e.ReportBehind: 503,
    e.Unavailable: 503,
    e.LogUnwritable: 503,
    e.LogNotAsSigned: 503,
    e.IssuerUnavailable: 503,
    y.KeyStoreUnavailable: 503,
    d.TooContended: 503,
}
"""Every error that a client may see. Any other error is a bug, and answered with 500."""

_logger = logging.getLogger("casetrail")
MEDIA_TYPE = "application/problem+json"


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
    document = problem_of(error)
    extra = dict(headers or {})
    if isinstance(error, e.NotAuthenticated):
        extra["WWW-Authenticate"] = error.challenge
    if isinstance(error, e.EncodingNotSupported):
        extra["Accept-Encoding"] = "gzip"
    if document["status"] == 503 or isinstance(error, e.IdempotencyKeyInFlight):
        extra["Retry-After"] = "1"
    if isinstance(error, e.TooManyFailedSignIns):
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
        allowed = {"Allow": ", ".join(allowed_methods(request))}
        return respond(e.MethodNotAllowed(f"{request.method} {request.url.path}"), allowed)
    if error.status_code == 413:
        limit = request.route_handler.resolve_request_max_body_size()
        return respond(
            e.TooLarge(f"the body has more than the {limit} bytes that this route takes; send less")
        )
    if isinstance(error, ValidationException):
        return respond(_invalid(request, error))
    if isinstance(error, ClientException):
        return respond(e.MalformedBody(_describe_body(request, error, error.detail)))
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
    detail = "; ".join(f"{fault['parameter']}: {fault['detail']}" for fault in faults)
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
