"""The times when an adjustment was proposed, approved, ordered, paid and reconciled, by its case's trail."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.adjustments import events
from domain.recorded_event import RecordedEvent


class AdjustmentTimes(Struct, frozen=True, kw_only=True):
    proposed_at: datetime | None = None
    approved_at: datetime | None = None
    """When the last approval was given."""
    ordered_at: datetime | None = None
    executed_at: datetime | None = None
    """When the payment was recorded."""
    reconciled_at: datetime | None = None


def lines_about(lines: Iterable[RecordedEvent], adjustment: UUID) -> list[RecordedEvent]:
    """The lines of a case that are about this adjustment."""
    return [
        line
        for line in lines
        if isinstance(line.event, events.AdjustmentEvent) and line.event.adjustment == adjustment
    ]


def find_adjustment_times(adjustment: UUID, lines: Iterable[RecordedEvent]) -> AdjustmentTimes:
    found: dict[str, datetime] = {}
    for line in lines_about(lines, adjustment):
        match line.event:
            case events.AdjustmentProposed():
                found["proposed_at"] = line.recorded_at
            case events.AdjustmentApproved(complete=True) | events.AdjustmentSystemApproved():
                found["approved_at"] = line.recorded_at
            case events.ExecutionStarted():
                found["ordered_at"] = line.recorded_at
            case events.AdjustmentExecuted():
                found["executed_at"] = line.recorded_at
            case events.AdjustmentReconciled():
                found["reconciled_at"] = line.recorded_at
    return AdjustmentTimes(**found)
