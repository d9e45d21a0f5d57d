"""What went past the usual way: openings in an emergency, edits of policy and who approved them, errors
that were declared, and decisions of policy that people set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, structs

from application.audit.log_scan import Reading
from application.audit.persons import everybody, one_name_each
from application.audit.policy_edits import PolicyEdit, PolicyEdits
from application.audit.policy_overrides import SetAside, candidate, set_aside
from application.cases.trail import who
from application.log.streams import break_glass_after
from application.policy.reperformance import Period
from domain.break_glass import (
    BreakGlass,
    BreakGlassAsked,
    BreakGlassEvent,
    Stage,
    name_of,
)
from domain.cases.work_events import ErrorDeclared, ErrorReason
from domain.recorded import Recorded


class ActUnder(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    type: str
    case: UUID
    order: str | None
    who: str


class Judged(StrEnum):
    NOT_OPENED = "not_opened"
    OPEN = "open"
    NOT_REVIEWED = "not_reviewed"
    REVIEWED = "reviewed"


class Emergency(Struct, frozen=True, kw_only=True):
    """Authority in an emergency: asked for, opened by another, what was done under it, and judged."""

    break_glass: UUID
    role: str
    queue: str | None
    case: UUID | None
    minutes: int
    reason: str
    asked_by: str
    asked_at: datetime
    opened_by: str | None
    opened_at: datetime | None
    ended_at: datetime | None
    ended: str | None
    acts: Sequence[ActUnder]
    judged: Judged
    reviewed_by: str | None
    reviewed_at: datetime | None
    justified: bool | None
    findings: str | None
    by_others: bool
    """The one who opened it is not the one who asked, and whoever reviewed it is neither."""


class DeclaredError(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    who: str
    about: int
    """The version of the case's trail that is wrong."""
    about_type: str | None
    reason: ErrorReason
    note: str


class Overrides(Struct, frozen=True, kw_only=True):
    emergencies: Sequence[Emergency]
    policy_edits: Sequence[PolicyEdit]
    errors: Sequence[DeclaredError]
    set_aside: Sequence[SetAside]


def overrides(reading: Reading, period: Period) -> Overrides:
    glasses, policies, human = Glasses(period), PolicyEdits(), everybody(reading).human()
    errors: list[DeclaredError] = []
    aside: list[SetAside] = []
    for batch in reading.batches():
        for line in batch:
            glasses.take(line)
            policies.take(line)
        told = [line for line in batch if period.holds(line.recorded_at)]
        wrong = [line for line in told if isinstance(line.event, ErrorDeclared)]
        asked = [line for line in told if candidate(line)]
        # What was said about it is told: so it is read.
        trails = reading.opened([*{line.stream for line in (*wrong, *asked)}])
        said = {line.position: line for lines in trails.values() for line in lines}
        errors += [_error(said[x.position], trails[x.stream]) for x in wrong]
        aside += [one for x in asked for one in set_aside(said[x.position], trails[x.stream])]
    return Overrides(
        emergencies=glasses.told(human),
        policy_edits=policies.told(period, human),
        errors=errors,
        set_aside=aside,
    )


class Glasses:
    """Every break-glass of which anything happened in the period."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._glasses: dict[UUID, BreakGlass] = {}
        self._acts: dict[str, list[ActUnder]] = {}
        self._within: set[UUID] = set()
        self._known: dict[str, UUID] = {}

    def take(self, line: Recorded) -> None:
        if isinstance(line.event, BreakGlassEvent):
            glass = self._glasses.get(line.stream)
            if glass is None and not isinstance(line.event, BreakGlassAsked):
                return
            self._glasses[line.stream] = break_glass_after(glass, line)
            self._known[name_of(line.stream)] = line.stream
            if self._period.holds(line.recorded_at):
                self._within.add(line.stream)
        if (under := line.actor.under) is not None:
            act = ActUnder(
                position=line.position,
                recorded_at=line.recorded_at,
                type=line.type,
                case=line.stream,
                order=line.order,
                who=who(structs.replace(line.actor, under=None)),
            )
            self._acts.setdefault(under, []).append(act)
            if under in self._known and self._period.holds(line.recorded_at):
                self._within.add(self._known[under])

    @property
    def glasses(self) -> list[BreakGlass]:
        return [glass for id, glass in self._glasses.items() if id in self._within]

    def told(self, human: dict[str, str]) -> list[Emergency]:
        return [self._emergency(glass, human) for glass in self.glasses]

    def _emergency(self, glass: BreakGlass, human: dict[str, str]) -> Emergency:
        assert glass.asked is not None
        assert glass.asked_at is not None
        return Emergency(
            break_glass=glass.id,
            role=glass.asked.role,
            queue=glass.asked.queue,
            case=glass.asked.case,
            minutes=glass.asked.minutes,
            reason=glass.asked.reason,
            asked_by=glass.asked_by,
            asked_at=glass.asked_at,
            opened_by=glass.opened_by,
            opened_at=glass.opened_at,
            ended_at=glass.ended_at,
            ended=glass.ended,
            acts=self._acts.get(name_of(glass.id), ()),
            judged=judged(glass),
            reviewed_by=glass.reviewed_by,
            reviewed_at=glass.reviewed_at,
            justified=glass.review.justified if glass.review is not None else None,
            findings=glass.review.findings if glass.review is not None else None,
            by_others=by_others(glass, human),
        )


def judged(glass: BreakGlass) -> Judged:
    match glass.stage:
        case Stage.ASKED | Stage.LAPSED:
            return Judged.NOT_OPENED
        case Stage.OPEN:
            return Judged.OPEN
        case Stage.REVIEW_DUE:
            return Judged.NOT_REVIEWED
        case Stage.REVIEWED:
            return Judged.REVIEWED


def by_others(glass: BreakGlass, human: dict[str, str]) -> bool:
    parts = [one for one in (glass.asked_by, glass.opened_by, glass.reviewed_by) if one]
    return len(one_name_each(parts, human)) == len(parts)


def _error(line: Recorded, lines: Sequence[Recorded]) -> DeclaredError:
    event = line.event
    assert isinstance(event, ErrorDeclared)
    about = next((one for one in lines if one.version == event.about), None)
    return DeclaredError(
        position=line.position,
        recorded_at=line.recorded_at,
        case=line.stream,
        order=line.order,
        who=who(line.actor),
        about=event.about,
        about_type=about.type if about is not None else None,
        reason=event.reason,
        note=event.note,
    )
