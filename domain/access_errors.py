"""Errors about access: people, their grants and principals, break-glass."""

from domain.errors import CasetrailError


class PersonExists(CasetrailError):
    """There is already a person with this name."""

    explanation = "Names are unique: choose another name, or use the existing person."


class PersonNotFound(CasetrailError):
    """There is no person with this name."""

    explanation = "Add the person first: casetrail people add NAME."


class NotInScope(CasetrailError):
    """Your grants do not cover this."""

    explanation = (
        "This needs `permission`. You may read it, but your grants give the permission in other "
        "scopes only: GET /v1/me lists your grants with their scopes."
    )


class AnotherPersonNeeded(CasetrailError):
    """Another person has to do this."""

    explanation = (
        "People cannot give themselves authority, and cannot open or review their own break-glass. "
        "Their other names and their agents count as the same person."
    )


class GrantNotFound(CasetrailError):
    """The person has no such grant."""

    explanation = "GET /v1/people/{name} lists the grants."


class GrantOver(CasetrailError):
    """The grant has already ended."""

    explanation = "It was revoked or it has expired: there is nothing to revoke."


class GrantNotWaiting(CasetrailError):
    """The grant does not wait for a confirmation."""

    explanation = (
        "Only a proposed grant can be confirmed, rejected or withdrawn, and an active one be confirmed that "
        "one person gave alone. GET /v1/grants?status=proposed lists those that wait."
    )


class PersonGone(CasetrailError):
    """The person has left."""

    explanation = "Record the person's return first, then give roles or skills."


class PersonPresent(CasetrailError):
    """The person has not left."""

    explanation = "Only a person who has left can return."


class BreakGlassNotFound(CasetrailError):
    """There is no break-glass with this id."""

    explanation = "GET /v1/break-glass lists them."


class BreakGlassMoved(CasetrailError):
    """The break-glass is in another state."""

    explanation = (
        "A break-glass is requested, opened, closed and reviewed, in this order. `state` is its "
        "current state."
    )


class BreakGlassReviewDue(CasetrailError):
    """A break-glass of yours has not been reviewed yet."""

    explanation = (
        "`due` lists them. Until another person has reviewed each one, the people who requested or "
        "opened it can neither request nor open another."
    )


class AccessReviewNotFound(CasetrailError):
    """There is no access review with this name."""

    explanation = "GET /v1/access-reviews lists them."


class AccessReviewMoved(CasetrailError):
    """The access review is in another state."""

    explanation = (
        "One review is open at a time. Each of its grants is decided once, and it is completed when all are: "
        "GET /v1/access-reviews/{review} lists what is left."
    )


class PrincipalNotLinked(CasetrailError):
    """The token is valid, but its subject is not linked to a person."""

    explanation = (
        "Ask the operator of the service to link the subject to a person: "
        "`casetrail people link NAME --issuer … --subject …`."
    )


class ActorNotAllowed(CasetrailError):
    """The actor may not act for this person."""

    explanation = (
        "Only the person's own agents (`casetrail people agent`) and current delegates "
        "(`casetrail people delegate`) may act for the person."
    )


class PrincipalTaken(CasetrailError):
    """This principal already belongs to a person."""

    explanation = (
        "A subject is linked to one person, and an agent has one owner. Unlink the subject or retire "
        "the agent first."
    )


class PrincipalNotFound(CasetrailError):
    """There is no such principal."""

    explanation = (
        "`casetrail people tokens NAME` lists the keys, logins, agents and delegates of a person."
    )
