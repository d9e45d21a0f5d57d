"""Errors about recovery plans."""

from domain.errors import CasetrailError


class RecoveryNotFound(CasetrailError):
    """The queue has no recovery plan."""

    explanation = (
        "A plan starts when a queue holds more or older work than the policy's `backlog` allows."
    )


class RecoveryChanged(CasetrailError):
    """The plan has changed since you read it."""

    explanation = (
        "Read the plan again, then decide on its current state; `version` is the current version."
    )


class ActionNotOpen(CasetrailError):
    """The plan has no such open action."""

    explanation = "The plan lists its actions; only one that is not done can be completed."
