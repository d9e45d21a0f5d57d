"""Overrides: break-glass uses, policy edits and their approvals, declared errors, overridden policy decisions."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, structs

from application.audit.log_scan import LogScan
from application.audit.persons import canonical_names, load_persons
from application.audit.policy_edits import PolicyEdit, PolicyEdits
from application.audit.policy_overrides import (
    PolicyOverride,
    find_policy_overrides,
    may_be_override,
)
from application.cases.trail import describe_actor, fill_from_line
from application.log.streams import break_glass_after
from application.policy.reperformance import Period
from domain.break_glass import (
    BreakGlass,
    BreakGlassAsked,
    BreakGlassEvent,
    BreakGlassStage,
    break_glass_name,
)
from domain.cases.work_events import ErrorDeclared, ErrorReason
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill


class EmergencyAct(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    type: str
    case: UUID
    order: str | None
    shop: str | None
    who: str


class EmergencyReviewStatus(StrEnum):
    NOT_OPENED = "not_opened"
    OPEN = "open"
    NOT_REVIEWED = "not_reviewed"
    REVIEWED = "reviewed"


class Emergency(Struct, frozen=True, kw_only=True):
    """A break-glass: who asked, who opened it, the acts under it, and its review."""

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
    acts: Sequence[EmergencyAct]
    judged: EmergencyReviewStatus
    reviewed_by: str | None
    reviewed_at: datetime | None
    justified: bool | None
    findings: str | None
    by_others: bool
    """Whether the asker, the opener and the reviewer are different persons."""


class DeclaredError(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    shop: str | None
    who: str
    about: int
    """The version of the case's trail that is declared wrong."""
    about_type: str | None
    reason: ErrorReason
    note: str


class Overrides(Struct, frozen=True, kw_only=True):
    emergencies: Sequence[Emergency]
    policy_edits: Sequence[PolicyEdit]
    errors: Sequence[DeclaredError]
    set_aside: Sequence[PolicyOverride]


def find_overrides(scan: LogScan, period: Period) -> Overrides:
    glasses, policies, canonical = (
        BreakGlassUses(period),
        PolicyEdits(),
        load_persons(scan).canonical(),
    )
    errors: list[DeclaredError] = []
    overrides: list[PolicyOverride] = []
    for batch in scan.batches():
        for line in batch:
            glasses.take(line)
            policies.take(line)
        within = [line for line in batch if period.holds(line.recorded_at)]
        declared = [line for line in within if isinstance(line.event, ErrorDeclared)]
        candidates = [line for line in within if may_be_override(line)]
        # The answer has people's notes, so this counts as reading personal data.
        trails = scan.opened([*{line.stream for line in (*declared, *candidates)}])
        opened = {line.position: line for lines in trails.values() for line in lines}
        errors += [_declared_error(opened[x.position], trails[x.stream]) for x in declared]
        for x in candidates:
            overrides += find_policy_overrides(opened[x.position], trails[x.stream])
    return Overrides(
        emergencies=glasses.emergencies(canonical),
        policy_edits=policies.edits(period, canonical),
        errors=errors,
        set_aside=overrides,
    )


class BreakGlassUses:
    """Collects every break-glass with an event or an act in the period."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._glasses: dict[UUID, BreakGlass] = {}
        self._acts: dict[str, list[EmergencyAct]] = {}
        self._within: set[UUID] = set()
        self._known: dict[str, UUID] = {}

    def take(self, line: RecordedEvent) -> None:
        if isinstance(line.event, BreakGlassEvent):
            glass = self._glasses.get(line.stream)
            if glass is None and not isinstance(line.event, BreakGlassAsked):
                return
            self._glasses[line.stream] = break_glass_after(glass, line)
            self._known[break_glass_name(line.stream)] = line.stream
            if self._period.holds(line.recorded_at):
                self._within.add(line.stream)
        if (under := line.actor.under) is not None:
            who = describe_actor(structs.replace(line.actor, under=None))
            self._acts.setdefault(under, []).append(fill_from_line(EmergencyAct, line, who=who))
            if under in self._known and self._period.holds(line.recorded_at):
                self._within.add(self._known[under])

    def emergencies(self, canonical: dict[str, str]) -> list[Emergency]:
        return [
            self._emergency(glass, canonical)
            for id, glass in self._glasses.items()
            if id in self._within
        ]

    def _emergency(self, glass: BreakGlass, canonical: dict[str, str]) -> Emergency:
        return fill(
            Emergency,
            glass.asked,
            glass,
            break_glass=glass.id,
            acts=self._acts.get(break_glass_name(glass.id), ()),
            judged=review_status_of(glass),
            justified=glass.review.justified if glass.review is not None else None,
            findings=glass.review.findings if glass.review is not None else None,
            by_others=is_by_others(glass, canonical),
        )


def review_status_of(glass: BreakGlass) -> EmergencyReviewStatus:
    return {
        BreakGlassStage.OPEN: EmergencyReviewStatus.OPEN,
        BreakGlassStage.REVIEW_DUE: EmergencyReviewStatus.NOT_REVIEWED,
        BreakGlassStage.REVIEWED: EmergencyReviewStatus.REVIEWED,
    }.get(glass.stage, EmergencyReviewStatus.NOT_OPENED)


def is_by_others(glass: BreakGlass, canonical: dict[str, str]) -> bool:
    names = [name for name in (glass.asked_by, glass.opened_by, glass.reviewed_by) if name]
    return len(canonical_names(names, canonical)) == len(names)


def _declared_error(line: RecordedEvent, lines: Sequence[RecordedEvent]) -> DeclaredError:
    event = line.event
    assert isinstance(event, ErrorDeclared)
    about = next((x for x in lines if x.version == event.about), None)
    about_type = about.type if about is not None else None
    return fill_from_line(DeclaredError, line, event, about_type=about_type)
