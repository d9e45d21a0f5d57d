"""When an adjustment was proposed, approved, ordered, paid and reconciled, as its case's trail says it."""

from __future__ import annotations

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
from domain.recorded import Recorded


class Moments(Struct, frozen=True, kw_only=True):
    proposed_at: datetime | None = None
    approved_at: datetime | None = None
    """When nobody's approval was missing any more."""
    ordered_at: datetime | None = None
    executed_at: datetime | None = None
    """When it was said to be paid."""
    reconciled_at: datetime | None = None


def moments(adjustment: UUID, lines: Iterable[Recorded]) -> Moments:
    found: dict[str, datetime] = {}
    for line in lines:
        if not isinstance(line.event, AdjustmentEvent) or line.event.adjustment != adjustment:
            continue
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
            case _:
                pass
    return Moments(**found)
