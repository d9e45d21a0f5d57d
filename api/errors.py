"""Why a request can be turned away before it reaches a desk. Docstrings are the clients' titles."""

from domain.errors import CasetrailError


class MalformedBody(CasetrailError):
    """The body cannot be read."""

    explanation = "The body is not what its Content-Type says. `detail` names the place."


class MalformedParameter(CasetrailError):
    """A parameter of the request is not valid."""

    explanation = "`errors` names each parameter at fault. A cursor is only good for the list that it came from."


class NotAuthenticated(CasetrailError):
    """The request names nobody whom we know."""

    explanation = (
        "Send `Authorization: Bearer ct_…` with a token that was issued here and has not expired: "
        "`casetrail people token NAME` issues one."
    )


class NotPermitted(CasetrailError):
    """None of your roles may do this."""

    explanation = "`permission` is what the route needs, `roles` are those that have it. GET /v1/me lists yours."


class RouteUnguarded(RuntimeError):
    """A route says neither which permission it needs nor that it is for everybody."""


class VersionRequired(CasetrailError):
    """A command on a case must name the version that it was decided on."""

    explanation = 'Read the case and send its ETag back: `If-Match: "7"`.'


class KeyRequired(CasetrailError):
    """This needs an Idempotency-Key."""

    explanation = (
        "What concerns money must be safe to send again: give each request a key of your own in the "
        "header Idempotency-Key, and send it again with the same key if no answer came."
    )


class IdempotencyKeyReused(CasetrailError):
    """This idempotency key was used for another request."""

    explanation = "A key belongs to one request, body and all. Use a fresh key for a new request."


class IdempotencyKeyInFlight(CasetrailError):
    """A request with this idempotency key is being carried out."""

    explanation = "Wait a moment and send the same request again to get its answer."


class TooLarge(CasetrailError):
    """The request is too large."""

    explanation = "A body may have 1 MiB, a batch 1,000 signals, a page 200 rows. Send it in parts."


class ReportBehind(CasetrailError):
    """The report has not yet seen the position that you asked for."""

    explanation = "Ask again after `Retry-After`, or wait longer with `Prefer: wait=N` (seconds)."


class RouteNotFound(CasetrailError):
    """There is nothing at this address."""

    explanation = "`/docs` lists what there is."


class MethodNotAllowed(CasetrailError):
    """This address does not take this method."""

    explanation = "`Allow` lists the methods that it takes."


class Unavailable(CasetrailError):
    """The service cannot answer now."""

    explanation = (
        "The database cannot be reached. Whether the request was carried out is not known: send it "
        "again with the same idempotency key (or signal ids), and it happens once."
    )


class Unexpected(CasetrailError):
    """Something went wrong here."""

    explanation = (
        "A fault of the service, not of the request; it is logged. Whether the request was carried "
        "out is not known: send it again with the same idempotency key."
    )
