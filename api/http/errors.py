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
        "Send `Authorization: Bearer` with a key (`ct_…`) that was issued here (`casetrail people "
        "token NAME`), or with an OIDC access token (RFC 9068) of an issuer that is trusted here. "
        "`detail` says what is wrong with what came."
    )

    def __init__(self, detail: str, *, is_token: bool = True) -> None:
        super().__init__(detail)
        self.challenge = 'Bearer error="invalid_token"' if is_token else "Bearer"


class NotPermitted(CasetrailError):
    """None of your roles may do this."""

    explanation = "`permission` is what the route needs, `roles` are those that have it. GET /v1/me lists yours."


class PrincipalNotPermitted(CasetrailError):
    """Your roles may do this, but not through this key or agent."""

    explanation = (
        "A key may be good for less than its person, and an agent never approves, executes, "
        "reconciles, activates or manages people. GET /v1/me says how far this one reaches."
    )


class IssuerUnavailable(CasetrailError):
    """Whether the token is genuine cannot be told now."""

    explanation = "The keys of its issuer cannot be fetched. Keys (`ct_…`) go on being taken."


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


class LogUnwritable(CasetrailError):
    """The log cannot be written to."""

    explanation = (
        "Nothing was stored. The log is not the one that was witnessed outside its database, or the "
        "database is a copy that is read only: its operator has to look into it. Reading goes on."
    )


class NothingRecorded(CasetrailError):
    """There is nothing that could be exported."""

    explanation = (
        "Nothing of what was asked for stands in the log as the last checkpoint signed it. A worker "
        "makes one every few seconds while the log grows."
    )


class LogNotAsSigned(CasetrailError):
    """The log is not what was signed."""

    explanation = (
        "An envelope, or the tree over them, is not that of the last checkpoint: `detail` says which. "
        "`GET /v1/audit/questions/10` tells more, and its operator has to look into it."
    )


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
