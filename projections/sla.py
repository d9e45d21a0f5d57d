"""The clock of every case: due times, measures at risk and breached, and where the time went. Behind GET
/v1/views/sla."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.cases.events import CaseEvent, Reopened, Resolved, Routed
from domain.cases.timing import clock_after
from domain.cases.work_events import AtRisk, Breached, CaseReleased, Claimed, ClaimLapsed, HandedOff
from domain.clock.clock import Clock
from domain.clock.terms import Measure
from domain.recorded_event import RecordedEvent
from projections.projection import NEVER, Projection, case_key, order_columns

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Clock).decode


class SlaRow(Struct, frozen=True):
    case_id: UUID
    order_id: str
    kind: str
    queue: str
    work_type: str
    service: str
    """The rule of the policy that set the terms."""
    owner: str
    owner_team: str
    due_next: datetime
    """The earliest due time; the year 9999 while there is none (a paused clock, say)."""
    risk_next: datetime
    """When the first running measure is, or was, at risk; the year 9999 if none."""
    clock: str
    """The domain's clock, in JSON."""
    resolved_at: datetime | None = None
    paused: bool = False
    first_action_due: datetime | None = None
    next_update_due: datetime | None = None
    resolution_due: datetime | None = None
    at_risk: list[str] = []
    breached: list[str] = []
    waits_for: str | None = None
    spent: dict[str, int] = {}
    """Seconds up to the last event, by place: `queue`, `work`, `wait:category/party`."""
    shop: str = "default"


def fold(row: SlaRow | None, line: RecordedEvent) -> SlaRow | None:
    event = line.event
    if isinstance(event, Routed):
        row = _apply_routing(row, line, event)
    if row is None:
        return None
    match event:
        case AtRisk(measure=measure):
            return replace(row, at_risk=sorted({*row.at_risk, str(measure)}))
        case Breached(measure=measure):
            return replace(row, breached=sorted({*row.breached, str(measure)}))
        case Claimed(person=person):
            row = replace(row, owner=person)
        case CaseReleased() | ClaimLapsed():
            row = replace(row, owner=row.owner_team)
        case HandedOff(to_queue=queue, to_person=person, owner_team=team):
            row = replace(row, queue=queue, owner=person or team, owner_team=team)
        case Resolved():
            row = replace(row, resolved_at=line.recorded_at)
        case Reopened():
            row = replace(row, resolved_at=None)
    return _update_clock(row, line)


def _apply_routing(row: SlaRow | None, line: RecordedEvent, routed: Routed) -> SlaRow | None:
    if routed.terms is None:
        return row
    if row is not None:  # Its clock continues.
        team = routed.owner_team
        return replace(row, queue=routed.queue, owner=team, owner_team=team)
    return SlaRow(
        case_id=line.stream,
        **order_columns(line),
        kind=routed.kind,
        queue=routed.queue,
        work_type=routed.work_type,
        service=routed.service or "",
        owner=routed.owner_team,
        owner_team=routed.owner_team,
        due_next=NEVER,
        risk_next=NEVER,
        clock=_encode(Clock()).decode(),
    )


def _update_clock(row: SlaRow, line: RecordedEvent) -> SlaRow:
    """The row with the clock after the line, and the columns that follow from it."""
    if not isinstance(line.event, CaseEvent):
        return row
    before = _decode(row.clock)
    clock = clock_after(before, line.event, line.recorded_at)
    if clock is before:
        return row
    running = {m: run for m, run in clock.runs.items() if run.is_running and run.due_at}
    dues = {m: run.due_at for m, run in running.items() if run.due_at}
    risks = [run.at_risk_at for run in running.values() if run.at_risk_at]
    return replace(
        row,
        clock=_encode(clock).decode(),
        due_next=min(dues.values(), default=NEVER),
        risk_next=min(risks, default=NEVER),
        paused=clock.paused,
        first_action_due=dues.get(Measure.FIRST_ACTION),
        next_update_due=dues.get(Measure.NEXT_UPDATE),
        resolution_due=dues.get(Measure.RESOLUTION),
        waits_for=clock.place.removeprefix("wait:") if clock.waits_on else None,
        spent=clock.attribution(line.recorded_at).elapsed.parts,
    )


SLA = Projection(
    name="sla",
    version=3,
    row=SlaRow,
    key=case_key,
    fold=fold,
    indexes=(
        "(due_next, case_id) WHERE resolved_at IS NULL",
        "(queue, due_next, case_id) WHERE resolved_at IS NULL",
        "(queue, risk_next, case_id) WHERE resolved_at IS NULL",
    ),
)
