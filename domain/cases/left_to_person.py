"""Why a case stays open although its problem is gone: a person must resolve it."""

from domain.cases.exception_case import ExceptionCase
from domain.policy.document import Automation


def why_left_to_person(case: ExceptionCase) -> str | None:
    """What keeps the case from resolving by itself; None if it has a problem, or is resolved."""
    if case.is_resolved or not case.cleared:
        return None
    return f"The problem is gone. A person must resolve the case: {_reason(case)}."


def _reason(case: ExceptionCase) -> str:
    if case.paused_by:
        return f"`{case.paused_by}` of the policy paused automation for this order"
    if case.adjustments.live:
        return "it has an adjustment that is not finished"
    if case.automation is not Automation.AUTOMATIC:
        return f"the automation of this kind is `{case.automation}`"
    if case.is_worked:
        return "a person has worked on it"
    return "policy does not let it resolve by itself"
