"""Every comparison of a payment provider's statement with the log, and its discrepancies. Behind GET
/v1/reconciliations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.adjustments.reconciliation import ReconciliationRecorded
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill
from projections.projection import Projection


class ReconciliationRow(Struct, frozen=True):
    reconciliation: UUID
    provider: str
    since: datetime
    until: datetime
    statement: str
    from_file: bool
    position: int
    lines: int
    matched: int
    reconciled: int
    counts: dict[str, int]
    sums: list[dict[str, Any]]
    discrepancies: list[dict[str, Any]]
    recorded_by: str | None
    recorded_at: datetime


def key(line: RecordedEvent) -> UUID | None:
    return line.stream if isinstance(line.event, ReconciliationRecorded) else None


def fold(row: ReconciliationRow | None, line: RecordedEvent) -> ReconciliationRow | None:
    if not isinstance(line.event, ReconciliationRecorded):
        return row
    event = line.event
    return fill(
        ReconciliationRow,
        event,
        reconciliation=line.stream,
        counts=dict(event.counts),
        sums=_to_builtins(event.sums),
        discrepancies=_to_builtins(event.discrepancies),
        recorded_by=line.actor.person,
        recorded_at=line.recorded_at,
    )


def _to_builtins(items: Sequence[Struct]) -> list[dict[str, Any]]:
    """Plain data, as the database returns it."""
    return msgspec.json.decode(msgspec.json.encode(items), type=list[dict[str, Any]])


RECONCILIATIONS = Projection(
    name="reconciliations",
    version=1,
    row=ReconciliationRow,
    key=key,
    fold=fold,
    indexes=("(recorded_at DESC, reconciliation)",),
)
