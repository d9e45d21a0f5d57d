"""The responses of an operation: its answer, its headers, and every status that a problem may have."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler

from api.http.concurrency import NEEDS_KEY
from api.http.deprecation import DEPRECATION, Deprecation, documented_headers
from api.http.problems import MEDIA_TYPE
from api.http.query import Page
from api.http.request_ids import REQUEST_ID
from api.http.responses import POSITION_HEADER, RECEIPT_HEADER, REPLAYED_HEADER
from api.routes.cases import CaseView
from api.routes.recovery import PlanView

HEADERS: Final[Mapping[str, Any]] = {
    REQUEST_ID: {
        "description": "The `X-Request-Id` of the request, else one that was made for it. The service's log and "
        "problem documents name it.",
        "schema": {"type": "string"},
        "example": "5f0c7d9ae1b24c3f8d6a",
    },
    "ETag": {
        "description": "The version of the resource, to be sent as `If-Match` with the next command.",
        "schema": {"type": "string"},
        "example": '"7"',
    },
    POSITION_HEADER: {
        "description": "The position of the log that the write reached. Send it as `Casetrail-Min-Position` "
        "with a read, and the answer includes the write.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "4711",
    },
    RECEIPT_HEADER: {
        "description": "The address of the proof that the write is in the log, once it is signed.",
        "schema": {"type": "string"},
        "example": "/v1/receipts/4711",
    },
    REPLAYED_HEADER: {
        "description": "`true` if this is the stored answer to an earlier request with the same key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Link": {
        "description": 'The address of the next page, with `rel="next"` (RFC 8288); absent on the last page.',
        "schema": {"type": "string"},
        "example": '</v1/cases?cursor=WzFd>; rel="next"',
    },
    "Location": {"description": "The address of what was stored.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "RateLimit": {
        "description": "What is left of a limit (`r`), and after how many seconds it is whole again (`t`).",
        "schema": {"type": "string"},
        "example": '"requests";r=119999;t=60',
    },
    "RateLimit-Policy": {
        "description": "A limit: its quota (`q`) within a window of seconds (`w`).",
        "schema": {"type": "string"},
        "example": '"requests";q=120000;w=60',
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
}
"""Headers of answers, by name: components of the document."""

_REASONS: Final = {
    400: "The request cannot be read: a parameter or the body is malformed.",
    401: "The request has no valid token.",
    403: "The permission, the scope or a control forbids it.",
    404: "There is no such thing, or it is out of the scope.",
    409: "It does not fit the present state.",
    410: "It was erased.",
    412: "The resource has another version than `If-Match` says.",
    413: "The body is too large.",
    415: "The body has an encoding that is not read.",
    422: "The body is readable, and not valid: `errors` names each place.",
    428: "A header is missing that the command needs.",
    429: "Too many requests of this principal, or failed sign-ins from this address.",
    500: "A fault of the service; it was logged.",
    502: "The payment provider did not say whether it carried the payment out.",
    503: "The service cannot answer now. Retry with the same key.",
}
VERSIONED_VIEWS: Final = (CaseView, PlanView)
_RETRIED: Final = frozenset((409, 503))
_LIMITS: Final = ("RateLimit", "RateLimit-Policy")


def problem_responses(
    handler: HTTPRouteHandler, operation: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """A response for each status that a problem of the operation may have."""
    content = {MEDIA_TYPE: {"schema": schema}}
    found = {}
    for status in sorted(_statuses(handler, operation)):
        headers = _refs(_problem_headers(status))
        found[str(status)] = {
            "description": _REASONS[status],
            "content": content,
            "headers": headers,
        }
    return found


def _problem_headers(status: int) -> Sequence[str]:
    if status == 401:
        return (REQUEST_ID, *_LIMITS, "WWW-Authenticate")
    if status == 429:
        return (REQUEST_ID, *_LIMITS, "Retry-After")
    if status == 412:
        return (REQUEST_ID, "ETag")
    return (REQUEST_ID, "Retry-After") if status in _RETRIED else (REQUEST_ID,)


def _statuses(handler: HTTPRouteHandler, operation: Mapping[str, Any]) -> set[int]:
    parameters = {(one["in"], one["name"]) for one in operation.get("parameters", ())}
    path = next(iter(handler.paths))
    found = {400, 500, 503}
    if not handler.opt.get("public"):
        found |= {401, 403, 429}
    elif "POST" in handler.http_methods:
        found.add(401)  # by its signature
    if any(place == "path" for place, _ in parameters):
        found.add(404)
    if "evidence" in path or "packets" in path:
        found.add(410)
    if "receipt" in path:
        found |= {409, 422}  # not signed yet, or no such version
    if "POST" in handler.http_methods:
        found |= {404, 409, 413, 415, 422}
    elif "audit" in path:
        found |= {404, 409, 422}
    elif ("query", "case") in parameters:
        found.add(404)
    elif ("query", "version") in parameters or ("query", "from") in parameters:
        found.add(422)
    if ("header", "If-Match") in parameters:
        found |= {412, 428}
    if handler.opt.get(NEEDS_KEY):
        found.add(428)
    if path.endswith("/execute"):
        found.add(502)
    return found


def answer_headers(
    handler: HTTPRouteHandler, operation: Mapping[str, Any], answer: Any
) -> dict[str, Any]:
    """The headers of the answer to a request that was carried out."""
    parameters = {one["name"] for one in operation.get("parameters", ())}
    names = [REQUEST_ID, *(() if handler.opt.get("public") else _LIMITS)]
    if "POST" in handler.http_methods:
        names += [POSITION_HEADER, RECEIPT_HEADER]
        if "Idempotency-Key" in parameters:
            names.append(REPLAYED_HEADER)
    elif "audit" in next(iter(handler.paths)):
        names += [POSITION_HEADER, RECEIPT_HEADER]  # a question is recorded before it is answered
    if "If-Match" in parameters or answer in VERSIONED_VIEWS:
        names.append("ETag")
    if _is_page(answer) or handler.handler_name == "get_events":
        names.append("Link")
    if handler.handler_name == "upload_evidence":
        names.append("Location")
    ends: Deprecation | None = handler.opt.get(DEPRECATION)
    return _refs(names) | (documented_headers(ends) if ends is not None else {})


def _is_page(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is Page


def _refs(names: Sequence[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
