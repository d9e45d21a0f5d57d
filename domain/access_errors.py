"""What can stand against whoever asks: people, their grants and principals, break-glass."""

from __future__ import annotations

from domain.errors import CasetrailError


class PersonExists(CasetrailError):
    """There is already a person with this name."""

    explanation = "Names are unique; choose another or use the person that is there."


class PersonNotFound(CasetrailError):
    """There is no person with this name."""

    explanation = "Add the person first: casetrail people add NAME."


class NotInScope(CasetrailError):
    """Your grants do not reach this far."""

    explanation = (
        "`permission` is what it needs here. You may see it, and your grants give the permission "
        "elsewhere: GET /v1/me lists them with their scopes."
    )


class AnotherPersonNeeded(CasetrailError):
    """Somebody else has to do this."""

    explanation = (
        "Nobody gives authority to themselves, nor opens or reviews their own break-glass: not under "
        "another name of theirs either, nor through an agent."
    )


class GrantNotFound(CasetrailError):
    """The person has no such grant."""

    explanation = "GET /v1/people/{name} lists the grants."


class GrantOver(CasetrailError):
    """The grant is over already."""

    explanation = "It was revoked, or its time has run out: there is nothing to take back."


class PersonGone(CasetrailError):
    """The person has left."""

    explanation = "Nothing can be given to somebody who has left: let the person return first."


class PersonPresent(CasetrailError):
    """The person has not left."""

    explanation = "Only somebody who has left can return."


class BreakGlassNotFound(CasetrailError):
    """There is no break-glass with this id."""

    explanation = "GET /v1/break-glass lists them."


class BreakGlassMoved(CasetrailError):
    """The break-glass is not, or no longer, at this point."""

    explanation = (
        "It is asked for, opened, closed and reviewed, in this order; `state` is where it stands."
    )


class BreakGlassReviewDue(CasetrailError):
    """A break-glass of yours has not been reviewed yet."""

    explanation = (
        "`due` lists them. Until somebody else has reviewed each, whoever asked for it or opened it "
        "can do neither again."
    )


class PrincipalNotLinked(CasetrailError):
    """The token is genuine, and whom it names is nobody here."""

    explanation = (
        "Whoever keeps the service links a subject to a person: "
        "`casetrail people link NAME --issuer … --subject …`."
    )


class ActorNotAllowed(CasetrailError):
    """Whoever acts here may not act for this person."""

    explanation = (
        "A person is acted for by an agent of their own (`casetrail people agent`), or by somebody "
        "to whom they have delegated, for as long as that lasts (`casetrail people delegate`)."
    )


class PrincipalTaken(CasetrailError):
    """This principal is somebody's already."""

    explanation = (
        "A subject stands for one person, an agent has one owner. Unlink or retire it there first."
    )


class PrincipalNotFound(CasetrailError):
    """There is no such principal."""

    explanation = (
        "`casetrail people tokens NAME` lists the keys, logins, agents and delegates of a person."
    )
