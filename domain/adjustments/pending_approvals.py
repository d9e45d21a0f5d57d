"""The adjustments that wait for approval, for reports that do not fold whole adjustments."""

from domain.adjustments import events
from domain.recorded_event import Event


def pending_after(pending: list[str], event: Event) -> list[str]:
    """The ids that are pending after one more event of the case."""
    match event:
        case events.AdjustmentProposed(adjustment=proposed):
            return [*pending, str(proposed)]
        case (
            events.AdjustmentApproved(complete=True, adjustment=decided)
            | events.AdjustmentSystemApproved(adjustment=decided)
            | events.AdjustmentRejected(adjustment=decided)
            | events.AdjustmentWithdrawn(adjustment=decided)
            | events.AdjustmentLapsed(adjustment=decided)
        ):
            return [other for other in pending if other != str(decided)]
        case _:
            return pending
