"""The times when an adjustment was proposed, approved, ordered, paid and reconciled, by its case's trail."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentEvent,
    AdjustmentExecuted,
    AdjustmentProposed,
    AdjustmentReconciled,
    AdjustmentSystemApproved,
    ExecutionStarted,
)
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
        if isinstance(line.event, AdjustmentEvent) and line.event.adjustment == adjustment
    ]


def find_adjustment_times(adjustment: UUID, lines: Iterable[RecordedEvent]) -> AdjustmentTimes:
    found: dict[str, datetime] = {}
    for line in lines_about(lines, adjustment):
        match line.event:
            case AdjustmentProposed():
                found["proposed_at"] = line.recorded_at
            case AdjustmentApproved(complete=True) | AdjustmentSystemApproved():
                found["approved_at"] = line.recorded_at
            case ExecutionStarted():
                found["ordered_at"] = line.recorded_at
            case AdjustmentExecuted():
                found["executed_at"] = line.recorded_at
            case AdjustmentReconciled():
                found["reconciled_at"] = line.recorded_at
    return AdjustmentTimes(**found)
