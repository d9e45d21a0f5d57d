"""What can stand against a change of policy."""

from __future__ import annotations

from domain.errors import CasetrailError


class PolicyVersionReused(CasetrailError):
    """This policy version already names another document."""

    explanation = "A version is written once. Give the changed document a version of its own."


class PolicyNotFound(CasetrailError):
    """There is no policy with this version or digest."""

    explanation = "GET /v1/policies lists every version that there ever was."


class PolicyStateWrong(CasetrailError):
    """The policy does not stand as this needs it to."""

    explanation = (
        "`state` says how it stands. A proposal is approved, then activated; what is over is "
        "proposed anew, and what has decided before is gone back to with a rollback."
    )


class PolicyOutOfDate(CasetrailError):
    """Another policy decides than the one that this proposal was held against."""

    explanation = (
        "`in_force` is the digest of what decides now. Compare the proposal with it, and propose "
        "it anew: what was approved was the difference to another policy."
    )


class PolicyUnchanged(CasetrailError):
    """The document says what the policy in force says."""

    explanation = "There is nothing to decide on: change the document first."


class PolicyInForce(CasetrailError):
    """Another policy decides here already."""

    explanation = (
        "Only a log without a policy is given one from beside the database. Propose the document "
        "instead: casetrail policy propose FILE."
    )


class AuthorMayNotDecide(CasetrailError):
    """Who wrote a policy does not decide on it, and who did not does not withdraw it."""

    explanation = (
        "`authors` lists everybody who wrote it or a version that it revises; agents and delegates "
        "count as their person. Another person approves, rejects or ratifies it."
    )


class OnlyPersonsDecide(CasetrailError):
    """Only a person decides on policies."""

    explanation = "An agent may propose and simulate. Approving and activating is for people."
