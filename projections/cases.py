"""Every case in its current state. Behind GET /v1/cases."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.adjustments.pending_approvals import pending_after
from domain.cases import work_events as work
from domain.cases.case_parts import WHOLE_ORDER
from domain.cases.events import CaseAbout, Detected, Reopened, Resolved, Routed, SignalJoined
from domain.cases.part_events import PartJoined
from domain.recorded_event import RecordedEvent
from projections.projection import Projection, case_key, order_columns


class CaseRow(Struct, frozen=True):
    case_id: UUID
    version: int
    order_id: str
    kind: str
    bucket: str
    severity: str
    automation: str
    state: str
    occurrence: int
    detected_at: datetime
    opened_at: datetime
    updated_at: datetime
    """When its last event was recorded."""
    deadline: datetime | None = None
    queue: str | None = None
    work_type: str | None = None
    skill: str | None = None
    priority: int = 0
    owner_team: str | None = None
    owner: str | None = None
    """The person who holds it, else the team of its queue; None once it is resolved."""
    person: str | None = None
    owned_since: datetime | None = None
    signals_joined: int = 0
    cleared: bool = False
    reopened: int = 0
    resolved_at: datetime | None = None
    reason: str | None = None
    root_cause: str | None = None
    resolved_by: str | None = None
    recurrence_of: UUID | None = None
    waits_for: str | None = None
    hand_offs: int = 0
    escalations: int = 0
    pending_approvals: list[str] = []
    """Ids of the adjustments that wait for approval."""
    region: str | None = None
    """Where the order ships to, if it was known when the case was routed."""
    shop: str = "default"
    about: CaseAbout | None = None
    """What it is about, if that is no order, such as the name of a source."""
    parts: list[str] = []
    """The parts of the order that it is about, such as `parcel:P1`. Without any, it is about the whole
    order; beside others, `""` is the whole order."""


def fold(row: CaseRow | None, line: RecordedEvent) -> CaseRow | None:
    if isinstance(line.event, Detected | work.Opened):
        return _start_row(line, line.event)
    if row is None:
        return None
    now, pending = _apply_event(row, line), pending_after(row.pending_approvals, line.event)
    if row.pending_approvals or pending:
        return _update_state(replace(now, pending_approvals=pending))
    return now


def _update_state(row: CaseRow) -> CaseRow:
    """The state while approvals are pending, and after the last one."""
    if row.state in ("waiting", "resolved"):
        return row
    if row.pending_approvals:
        return replace(row, state="pending_approval")
    return replace(row, state="claimed" if row.person else "open")


def _apply_event(row: CaseRow, line: RecordedEvent) -> CaseRow:
    at = line.recorded_at
    now = replace(row, version=line.version, updated_at=at)
    match line.event:
        case Routed() as routed:
            return replace(
                now,
                bucket=routed.bucket,
                severity=routed.severity,
                queue=routed.queue,
                work_type=routed.work_type,
                skill=routed.skill,
                priority=routed.priority,
                owner_team=routed.owner_team,
                owner=routed.owner_team,
                owned_since=at,
                region=routed.region,
            )
        case SignalJoined(clearing=clearing):
            joined = now.signals_joined + 1
            # A signal shows only of the whole order that it has the problem again.
            is_clear = now.cleared and WHOLE_ORDER not in (now.parts or [WHOLE_ORDER])
            return replace(now, signals_joined=joined, cleared=clearing is not None or is_clear)
        case work.Claimed(person=person):
            return replace(now, state="claimed", person=person, owner=person, owned_since=at)
        case work.CaseReleased() | work.ClaimLapsed():
            team = now.owner_team
            return replace(now, state="open", person=None, owner=team, owned_since=at)
        case work.HandedOff(to_person=person, owner_team=team):
            stays = now.state in ("waiting", "resolved")
            return replace(
                now,
                state=now.state if stays else "claimed" if person else "open",
                queue=line.event.to_queue,
                owner_team=team,
                owner=None if now.state == "resolved" else person or team,
                person=person,
                owned_since=at,
                hand_offs=now.hand_offs + 1,
            )
        case work.WaitStarted(dependency=dependency, party=party):
            return replace(now, state="waiting", waits_for=f"{dependency}/{party}")
        case work.WaitEnded():
            return replace(now, state="claimed" if now.person else "open", waits_for=None)
        case work.Escalated():
            return replace(now, escalations=now.escalations + 1)
        case Resolved(resolution=resolution):
            return replace(
                now,
                state="resolved",
                waits_for=None,
                person=None,
                owner=None,
                resolved_at=at,
                reason=resolution.reason,
                root_cause=resolution.root_cause,
                resolved_by=line.actor.person or line.actor.principal,
            )
        case Reopened(deadline=deadline):
            return replace(
                now,
                state="open",
                owner=now.owner_team,
                owned_since=at,
                deadline=deadline or now.deadline,
                resolved_at=None,
                reason=None,
                root_cause=None,
                resolved_by=None,
                cleared=False,
                reopened=now.reopened + 1,
                parts=_with_part(now.parts, line.event.part or WHOLE_ORDER),
            )
        case PartJoined(part=part):
            return replace(now, parts=_with_part(now.parts, part), cleared=False)
        case _:
            return now


def _with_part(parts: list[str], part: str) -> list[str]:
    known = parts or [WHOLE_ORDER]
    return parts if part in known else [*known, part]


def _start_row(line: RecordedEvent, event: Detected | work.Opened) -> CaseRow:
    detected = event if isinstance(event, Detected) else None
    named = event.part if isinstance(event, Detected) else event.parts
    return CaseRow(
        case_id=line.stream,
        version=line.version,
        **order_columns(line),
        kind=event.kind,
        bucket=event.bucket,
        severity=event.severity,
        automation=event.automation,
        state="open",
        occurrence=event.occurrence,
        detected_at=detected.detected_at if detected else line.recorded_at,
        opened_at=line.recorded_at,
        updated_at=line.recorded_at,
        deadline=detected.deadline if detected else None,
        recurrence_of=detected.recurrence_of if detected else None,
        about=(detected.about or None) if detected else None,
        parts=[named] if isinstance(named, str) else [*(named or ())],
    )


CASES = Projection(
    name="cases",
    version=7,
    row=CaseRow,
    key=case_key,
    fold=fold,
    indexes=(
        "(priority DESC, opened_at, case_id)",
        "(order_id)",
        "(updated_at)",
        "(queue, state, priority DESC, opened_at, case_id)",
        "(owner, priority DESC, opened_at, case_id)",
    ),
)
