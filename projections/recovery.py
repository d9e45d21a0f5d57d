"""The newest recovery plan of each queue. Behind GET /v1/recovery-plans."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.backlog import events
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill
from projections.projection import Projection, keyed_by_stream


class RecoveryRow(Struct, frozen=True):
    stream: UUID
    version: int
    queue: str
    plan: int
    """The number of the plan within its queue."""
    owner: str
    causes: list[str]
    cases: int
    """How many cases the queue held when the plan started; `oldest_queued_at` is of the oldest."""
    oldest_queued_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None = None
    actions: int = 0
    actions_done: int = 0


def fold(row: RecoveryRow | None, line: RecordedEvent) -> RecoveryRow | None:
    if isinstance(line.event, events.RecoveryOpened):
        return fill(
            RecoveryRow,
            line,
            line.event,
            line.event.measured,
            causes=[*line.event.causes],
            opened_at=line.recorded_at,
        )
    if row is None:
        return None
    now = replace(row, version=line.version)
    match line.event:
        case events.RecoveryOwned(owner=owner):
            return replace(now, owner=owner)
        case events.RecoveryActionAdded():
            return replace(now, actions=now.actions + 1)
        case events.RecoveryActionDone():
            return replace(now, actions_done=now.actions_done + 1)
        case events.RecoveryClosed():
            return replace(now, closed_at=line.recorded_at)
        case _:
            return now


RECOVERY = Projection(
    name="recovery",
    version=1,
    row=RecoveryRow,
    key=keyed_by_stream("recovery."),
    fold=fold,
    indexes=("(queue)",),
)
