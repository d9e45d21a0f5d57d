"""The open work of every queue, most urgent first. Behind GET /v1/queues and claim-next."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.cases.events import CaseReleased, Claimed, Resolved, Routed
from domain.recorded import Recorded
from projections.projection import Projection, case_of


class QueueRow(Struct, frozen=True):
    case_id: UUID
    order_id: str
    kind: str
    bucket: str
    severity: str
    queue: str
    work_type: str
    skill: str
    priority: int
    owner_team: str
    person: str | None
    """Who holds it; None while it is open to be claimed."""
    since: datetime
    """Since when the present owner has owned it."""
    queued_at: datetime


def fold(row: QueueRow | None, line: Recorded) -> QueueRow | None:
    match line.event:
        case Routed() as routed:
            return QueueRow(
                case_id=line.stream,
                order_id=line.order or "",
                kind=routed.kind,
                bucket=routed.bucket,
                severity=routed.severity,
                queue=routed.queue,
                work_type=routed.work_type,
                skill=routed.skill,
                priority=routed.priority,
                owner_team=routed.owner_team,
                person=None,
                since=line.recorded_at,
                queued_at=line.recorded_at,
            )
        case Claimed(person=person):
            return row and replace(row, person=person, since=line.recorded_at)
        case CaseReleased():
            return row and replace(row, person=None, since=line.recorded_at)
        case Resolved():
            return None
        case _:
            return row


QUEUE = Projection(
    name="queue",
    version=1,
    row=QueueRow,
    key=case_of,
    fold=fold,
    indexes=("(queue, priority DESC, queued_at, case_id)", "(priority DESC, queued_at, case_id)"),
)
