"""What can stand against work on a plan to recover."""

from __future__ import annotations

from domain.errors import CasetrailError


class RecoveryNotFound(CasetrailError):
    """The queue has no plan to recover."""

    explanation = (
        "A plan begins when a queue holds more, or older, work than its policy's `backlog` allows."
    )


class RecoveryChanged(CasetrailError):
    """The plan has changed since you read it."""

    explanation = (
        "Read the plan again and decide on what it says now; `version` is the current one."
    )


class ActionNotOpen(CasetrailError):
    """The plan has no such action to be done."""

    explanation = "The plan lists its actions; only one that is not done yet can be completed."
