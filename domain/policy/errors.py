"""Errors of policy commands."""

from collections.abc import Sequence

from domain.errors import CasetrailError, Fault


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
        "count as their person, and all names of a person count as one. Ask another person to approve or "
        "ratify it, or reject it."
    )


class PolicyActsNoLongerHold(CasetrailError):
    """Somebody who proposed or approved this policy had no valid role for it."""

    explanation = (
        "`act` names the act. A role counts for nothing if its receiver, giver and confirmer turn out to be fewer "
        "than three people. Reject the policy, and let people with valid roles propose and approve it."
    )


class ChangeNeedsApproval(CasetrailError):
    """One person may not change this part of the policy alone."""

    explanation = (
        "`errors` names each part, with its place in the policy. An emergency change or a rollback may only "
        "make a kind's automation stricter, add to `automation_pauses_when`, and change routes, "
        "priorities, backlogs and calendars. Propose the document: "
        "another person approves it after a simulation."
    )

    def __init__(self, faults: Sequence[Fault], what: str) -> None:
        places = ", ".join(fault.pointer.removeprefix("/document") for fault in faults[:3])
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        super().__init__(
            f"{what} would change {places}{more}, which takes two people and a simulation: propose "
            "the document with `casetrail policy propose FILE`",
            errors=[*faults],
        )


class SimulationMissing(CasetrailError):
    """The policy was not simulated lately against the policy in force."""

    explanation = (
        "POST /v1/policies/VERSION/simulate records a simulation, by default of the last thirty days. Before "
        "an activation it must be of at least seven days, end at most seven days ago, and compare with "
        "the policy in force."
    )


class RoutesOwnGrants(CasetrailError):
    """A person whose grants are limited to queues may not change routes alone."""

    explanation = (
        "The change would decide which cases your own grants cover. Let a person change the routes "
        "whose grants are not limited to queues, or propose the document."
    )


class OnlyPersonsDecide(CasetrailError):
    """Only a person can decide on policies."""

    explanation = "An agent can propose and simulate. A person must approve and activate."
