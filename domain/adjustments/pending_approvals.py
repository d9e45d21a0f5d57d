"""Which adjustments somebody is asked to approve, for whoever folds a case without its adjustments."""

from __future__ import annotations

from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentLapsed,
    AdjustmentProposed,
    AdjustmentRejected,
    AdjustmentSystemApproved,
    AdjustmentWithdrawn,
)
from domain.recorded_event import Event


def pending_after(pending: list[str], event: Event) -> list[str]:
    """The ids that are pending after one more event of the case."""
    match event:
        case AdjustmentProposed(adjustment=one):
            return [*pending, str(one)]
        case (
            AdjustmentApproved(complete=True, adjustment=one)
            | AdjustmentSystemApproved(adjustment=one)
            | AdjustmentRejected(adjustment=one)
            | AdjustmentWithdrawn(adjustment=one)
            | AdjustmentLapsed(adjustment=one)
        ):
            return [other for other in pending if other != str(one)]
        case _:
            return pending
