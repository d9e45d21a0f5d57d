"""Errors of policy commands."""

from domain.errors import CasetrailError


class PolicyVersionReused(CasetrailError):
    """Another document has this policy version already."""

    explanation = (
        "The document of a version never changes. Give the changed document a new version."
    )


class PolicyNotFound(CasetrailError):
    """There is no policy with this version or digest."""

    explanation = "GET /v1/policies lists every version."


class PolicyStateWrong(CasetrailError):
    """The state of the policy does not allow this."""

    explanation = (
        "`state` is its state now. Approve a proposal before you activate it. Propose a rejected, "
        "withdrawn or expired policy again; return to a retired one with a rollback."
    )


class PolicyOutOfDate(CasetrailError):
    """Another policy is in force than the one that this proposal was compared with."""

    explanation = (
        "`in_force` is the digest of the policy in force. Compare the proposal with it, and propose "
        "it again: the approval was for the difference to another policy."
    )


class PolicyUnchanged(CasetrailError):
    """The document says the same as the policy in force."""

    explanation = "There is nothing to decide on: change the document first."


class PolicyInForce(CasetrailError):
    """A policy is in force already."""

    explanation = (
        "`casetrail policy bootstrap` works only on a log without a policy. "
        "Propose the document instead: casetrail policy propose FILE."
    )


class AuthorMayNotDecide(CasetrailError):
    """An author cannot approve or ratify their own policy, and only an author can withdraw it."""

    explanation = (
        "`authors` lists everybody who wrote it or a version that it revises; agents and delegates "
        "count as their person. Ask another person to approve or ratify it, or reject it."
    )


class OnlyPersonsDecide(CasetrailError):
    """Only a person can decide on policies."""

    explanation = "An agent can propose and simulate. A person must approve and activate."
