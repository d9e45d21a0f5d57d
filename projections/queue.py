"""The open work of every queue, most urgent first. Behind GET /v1/queues and claim-next."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.adjustments.pending_approvals import pending_after
from domain.cases import work_events as work
from domain.cases.events import Resolved, Routed
from domain.cases.step_events import TaskDone
from domain.recorded_event import RecordedEvent
from projections.projection import Projection, case_key, order_columns


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
    """The person who holds it; None while it can be claimed."""
    since: datetime
    """Since when the present owner has owned it."""
    queued_at: datetime
    waits_for: str | None = None
    """`dependency/party` while it waits; nobody can claim it then."""
    resumed: bool = False
    """The person's wait has ended: claim-next offers it to that person first."""
    hand_offs: int = 0
    escalations: int = 0
    lease_seconds: float | None = None
    lease_until: datetime | None = None
    """When the claim lapses, unless the person's work renews it."""
    pending_approvals: list[str] = []
    """Ids of the adjustments that wait for approval; nobody can claim the case then."""
    region: str | None = None
    shop: str = "default"


def fold(row: QueueRow | None, line: RecordedEvent) -> QueueRow | None:
    if row is None:
        return _apply_event(row, line)
    pending = pending_after(row.pending_approvals, line.event)
    if not (pending or row.pending_approvals):
        return _apply_event(row, line)
    now = _apply_event(replace(row, pending_approvals=pending), line)
    return (
        now and _with_renewed_lease(now, line)
        if not pending
        else now and replace(now, lease_until=None)
    )


def _apply_event(row: QueueRow | None, line: RecordedEvent) -> QueueRow | None:
    match line.event:
        case Routed() as routed:
            return QueueRow(
                case_id=line.stream,
                **order_columns(line),
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
                region=routed.region,
            )
        case work.Claimed(person=person, lease=lease):
            return row and _with_lease(
                replace(row, person=person, waits_for=None, since=line.recorded_at), lease, line
            )
        case work.CaseReleased() | work.ClaimLapsed():
            return row and replace(
                row, person=None, waits_for=None, since=line.recorded_at, lease_until=None
            )
        case work.HandedOff() as handed:
            return row and _with_lease(
                replace(
                    row,
                    queue=handed.to_queue,
                    owner_team=handed.owner_team,
                    person=handed.to_person,
                    hand_offs=row.hand_offs + 1,
                    resumed=False,
                    since=line.recorded_at,
                    queued_at=line.recorded_at,
                ),
                handed.lease,
                line,
            )
        case work.WaitStarted(dependency=dependency, party=party):
            waits_for = f"{dependency}/{party}"
            return row and replace(row, waits_for=waits_for, resumed=False, lease_until=None)
        case work.WaitEnded():
            return row and _with_renewed_lease(
                replace(row, waits_for=None, resumed=row.person is not None), line
            )
        case work.NoteAdded() | work.EvidenceAttached() | TaskDone():
            return row and _with_renewed_lease(replace(row, resumed=False), line)
        case work.Escalated():
            return row and replace(row, escalations=row.escalations + 1)
        case Resolved():
            return None
        case _:
            return row


def _with_lease(row: QueueRow, lease: timedelta | None, line: RecordedEvent) -> QueueRow:
    seconds = lease.total_seconds() if lease is not None else None
    return _with_renewed_lease(replace(row, lease_seconds=seconds), line)


def _with_renewed_lease(row: QueueRow, line: RecordedEvent) -> QueueRow:
    """A new lease for the claim; none while the case waits, since it is not forgotten."""
    if row.person is None or row.waits_for is not None or row.lease_seconds is None:
        return replace(row, lease_until=None)
    until = line.recorded_at + timedelta(seconds=row.lease_seconds)
    return replace(row, lease_until=until)


QUEUE = Projection(
    name="queue",
    version=5,
    row=QueueRow,
    key=case_key,
    fold=fold,
    indexes=(
        "(queue, priority DESC, queued_at, case_id) WHERE person IS NULL AND waits_for IS NULL",
        "(person) WHERE resumed",
        "(queue, priority DESC, queued_at, case_id)",
        "(priority DESC, queued_at, case_id)",
    ),
)
