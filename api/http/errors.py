"""Errors of HTTP requests. Each docstring is the title of a problem document."""

from domain.errors import CasetrailError


class MalformedBody(CasetrailError):
    """The body cannot be read."""

    explanation = "The body is not what its Content-Type says. `detail` says where."


class EncodingNotSupported(CasetrailError):
    """The body has a Content-Encoding that is not supported."""

    explanation = "Send the body as it is, or packed by gzip with `Content-Encoding: gzip`."


class MalformedParameter(CasetrailError):
    """A parameter of the request is not valid."""

    explanation = "`errors` lists each invalid parameter. A cursor is valid only for the list that it came from."


class NotAuthenticated(CasetrailError):
    """Authentication failed."""

    explanation = (
        "Send `Authorization: Bearer` with an API key (`ct_…`, from `casetrail people token NAME`), or "
        "with an OIDC access token (RFC 9068) of a trusted issuer. `detail` says what is wrong."
    )

    def __init__(self, detail: str, *, is_token: bool = True) -> None:
        super().__init__(detail)
        self.challenge = 'Bearer error="invalid_token"' if is_token else "Bearer"


class TooManyFailedSignIns(CasetrailError):
    """Too many authentications from this address have failed."""

    explanation = (
        "Wait for `Retry-After` seconds before you try another token. Requests with a valid token are "
        "answered meanwhile."
    )


class TooManyRequests(CasetrailError):
    """You have sent more requests than you may in a minute."""

    explanation = (
        "Wait for `Retry-After` seconds. `RateLimit` of every answer says what is left, and `RateLimit-Policy` "
        "the limit. Send signals in batches of up to 1,000."
    )


class NotPermitted(CasetrailError):
    """None of your roles has the permission for this."""

    explanation = "The route needs `permission`; `roles` have it. GET /v1/me lists your roles."


class PrincipalNotPermitted(CasetrailError):
    """Your roles have the permission, but this key or agent does not."""

    explanation = (
        "A key may have fewer permissions than its person. An agent never approves, executes, "
        "reconciles, activates, or manages people or sources. GET /v1/me lists the permissions of this one."
    )


class IssuerUnavailable(CasetrailError):
    """The token cannot be verified now."""

    explanation = "The keys of its issuer cannot be fetched. API keys (`ct_…`) still work."


class RouteUnguarded(RuntimeError):
    """A route has no permission and is not marked public."""


class VersionRequired(CasetrailError):
    """A command on a case needs the version of the case."""

    explanation = 'Read the case and send its ETag back: `If-Match: "7"`.'


class KeyRequired(CasetrailError):
    """This request needs an Idempotency-Key."""

    explanation = (
        "A request about money must be safe to repeat. Send a key of your choice in the header "
        "Idempotency-Key. If no answer comes, repeat the request with the same key."
    )


class IdempotencyKeyReused(CasetrailError):
    """This idempotency key was used for another request."""

    explanation = "A key belongs to one request, with its body. Use a new key for a new request."


class IdempotencyKeyInFlight(CasetrailError):
    """A request with this idempotency key is still running."""

    explanation = "Wait a moment and send the same request again to get its answer."


class TooLarge(CasetrailError):
    """The request is too large."""

    explanation = "A body may have 1 MiB, a batch 1,000 signals, a page 200 rows. Send it in parts."


class ReportBehind(CasetrailError):
    """The report does not include the requested position yet."""

    explanation = "Retry after `Retry-After`, or wait longer with `Prefer: wait=N` (seconds)."


class RouteNotFound(CasetrailError):
    """There is no such route."""

    explanation = "`/docs` lists the routes."


class MethodNotAllowed(CasetrailError):
    """The route does not allow this method."""

    explanation = "`Allow` lists the methods that it allows."


class LogUnwritable(CasetrailError):
    """The log cannot be written."""

    explanation = (
        "Nothing was stored. The log differs from the checkpoints kept outside the database, or the "
        "database is a read-only copy. The operator must look into it. Reads still work."
    )


class NothingRecorded(CasetrailError):
    """There is nothing to export."""

    explanation = (
        "The log has no such events up to its last checkpoint. The worker makes a checkpoint every few "
        "seconds while the log grows."
    )


class PositionNotFound(CasetrailError):
    """There is no such event."""

    explanation = (
        "The log has no event at this position, or you may not read it. `Casetrail-Position` of a "
        "command's answer is the position after it."
    )


class LogNotAsSigned(CasetrailError):
    """The log differs from its last checkpoint."""

    explanation = (
        "An envelope, or the hash tree over the envelopes, differs from what was signed. `detail` says "
        "which. `GET /v1/audit/questions/10` says more. The operator must look into it."
    )


class Unavailable(CasetrailError):
    """The service cannot answer now."""

    explanation = (
        "The database, or the store of evidence files, cannot be reached or written. The request may or may not have been executed. Repeat it with "
        "the same idempotency key (or signal ids): it is executed once."
    )


class Unexpected(CasetrailError):
    """An unexpected error occurred."""

    explanation = (
        "This is a bug in the service, and is logged. The request may or may not have been executed. "
        "Repeat it with the same idempotency key."
    )
