"""Every break-glass: who requested which role where, who opened it, its state and its review. Behind
GET /v1/break-glass."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain import break_glass as glass
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill
from projections.projection import Projection, keyed_by_stream


class BreakGlassRow(Struct, frozen=True):
    break_glass: UUID
    stage: str
    role: str
    queue: str | None
    case_id: UUID | None
    reason: str
    minutes: int
    asked_by: str
    asked_at: datetime
    lapses_at: datetime
    version: int = 1
    grant_id: str | None = None
    opened_by: str | None = None
    opened_at: datetime | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    ended: str | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    justified: bool | None = None
    findings: str | None = None


def fold(row: BreakGlassRow | None, line: RecordedEvent) -> BreakGlassRow | None:
    who, at = line.actor.person or line.actor.principal, line.recorded_at
    if isinstance(line.event, glass.BreakGlassAsked):
        return fill(
            BreakGlassRow,
            line.event,
            break_glass=line.stream,
            stage=glass.BreakGlassStage.ASKED,
            case_id=line.event.case,
            asked_by=who,
            asked_at=at,
        )
    if row is None:
        return None
    row = replace(row, version=line.version)
    match line.event:
        case glass.BreakGlassOpened(grant=grant, until=until):
            return replace(
                row,
                stage=glass.BreakGlassStage.OPEN,
                opened_by=who,
                opened_at=at,
                grant_id=grant,
                until=until,
            )
        case glass.BreakGlassEnded(how=how):
            stage = (
                glass.BreakGlassStage.REVIEW_DUE if row.opened_at else glass.BreakGlassStage.LAPSED
            )
            return replace(row, stage=stage, ended_at=at, ended=how)
        case glass.BreakGlassReviewed(justified=justified, findings=findings):
            return replace(
                row,
                stage=glass.BreakGlassStage.REVIEWED,
                reviewed_by=who,
                reviewed_at=at,
                justified=justified,
                findings=findings,
            )
        case _:
            return row


BREAK_GLASS = Projection(
    name="break_glass",
    version=2,
    row=BreakGlassRow,
    key=keyed_by_stream("break_glass."),
    fold=fold,
    indexes=("(asked_at, break_glass)", "(stage, asked_at, break_glass)"),
)
