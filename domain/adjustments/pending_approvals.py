"""The adjustments that wait for approval, for reports that do not fold whole adjustments."""

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
        case AdjustmentProposed(adjustment=proposed):
            return [*pending, str(proposed)]
        case (
            AdjustmentApproved(complete=True, adjustment=decided)
            | AdjustmentSystemApproved(adjustment=decided)
            | AdjustmentRejected(adjustment=decided)
            | AdjustmentWithdrawn(adjustment=decided)
            | AdjustmentLapsed(adjustment=decided)
        ):
            return [other for other in pending if other != str(decided)]
        case _:
            return pending
