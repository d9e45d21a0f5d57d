"""Conflicts of duties: those that grants would allow, refused attempts, those found later, unrecorded ones."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import LogScan
from application.audit.persons import canonical_names, load_persons, persons_behind
from application.audit.potential_conflicts import (
    Delegations,
    PotentialConflict,
    find_potential_conflicts,
)
from application.cases.trail import fill_from_line
from application.policy.reperformance import Period
from domain.adjustments.events import DutiesConflicted
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import AttemptRefused
from domain.cases.duties import duty_of
from domain.cases.events import CaseEvent
from domain.orders.order_names import order_name
from domain.recorded_event import RecordedEvent

SEPARATION_RULES: Final = frozenset(
    {"one-duty-per-person", "approvers-are-different-people", "agents-hold-no-duty"}
)
"""The rules that separate duties; other rules limit amounts."""


class RefusedDuty(Struct, frozen=True, kw_only=True):
    """A refused attempt to take a second duty."""

    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    shop: str | None
    who: str
    persons: Sequence[str]
    principal: str
    attempt: str
    rule: str
    detail: str
    earlier: int | None
    """The version of the case's trail with the earlier duty."""
    adjustment: UUID | None


class ConflictFoundLater(Struct, frozen=True, kw_only=True):
    """Two names with different duties in a case turned out to be one person."""

    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    shop: str | None
    duties: Mapping[str, Duty]


class DutyAct(Struct, frozen=True):
    duty: Duty
    person: str
    type: str
    version: int
    position: int
    at: datetime


class UnrecordedConflict(Struct, frozen=True, kw_only=True):
    """One person took two duties in a case, and the log does not record it; this must not be possible."""

    case: UUID
    order: str | None
    shop: str | None
    person: str
    acts: Sequence[DutyAct]
    """The first of each duty."""


class Conflicts(Struct, frozen=True, kw_only=True):
    as_of: datetime
    could: Sequence[PotentialConflict]
    refused: Sequence[RefusedDuty]
    other_refusals: Mapping[str, int]
    """The number of refusals by each other rule."""
    turned_out: Sequence[ConflictFoundLater]
    untold: Sequence[UnrecordedConflict]


def find_conflicts(scan: LogScan, as_of: datetime, period: Period) -> Conflicts:
    """Find what grants would allow as of a date, and the attempts and conflicts of the period."""
    recorded, delegations = _RecordedConflicts(period), Delegations(as_of)
    canonical = load_persons(scan).canonical()
    unrecorded = [
        conflict
        for lines in scan.money_trails(recorded, delegations)
        for conflict in find_unrecorded_conflicts(lines, canonical)
        if period.holds(max(act.at for act in conflict.acts))
    ]
    return Conflicts(
        as_of=as_of,
        could=[
            *find_potential_conflicts(
                load_persons(scan, as_of), delegations.active_by_delegate(), as_of
            )
        ],
        refused=recorded.refused,
        other_refusals=dict(sorted(recorded.others.items())),
        turned_out=recorded.turned_out,
        untold=sorted(unrecorded, key=lambda x: max(act.position for act in x.acts)),
    )


class _RecordedConflicts:
    """Collects the recorded conflicts and refusals of the period."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self.refused: list[RefusedDuty] = []
        self.others: dict[str, int] = {}
        self.turned_out: list[ConflictFoundLater] = []

    def take(self, line: RecordedEvent) -> None:
        if not self._period.holds(line.recorded_at):
            return
        match line.event:
            case AttemptRefused(rule=rule) if rule not in SEPARATION_RULES:
                self.others[rule] = self.others.get(rule, 0) + 1
            case AttemptRefused() as event:
                self.refused.append(fill_from_line(RefusedDuty, line, event, case=event.case))
            case DutiesConflicted() as event:
                self.turned_out.append(fill_from_line(ConflictFoundLater, line, event))


def find_unrecorded_conflicts(
    lines: Sequence[RecordedEvent], canonical: dict[str, str]
) -> Iterator[UnrecordedConflict]:
    """Find conflicts by the acts in the trail, not by the duties that the case computed from them."""
    acts: dict[str, dict[Duty, DutyAct]] = {}
    recorded: set[str] = set()
    for line in lines:
        if isinstance(line.event, DutiesConflicted):
            recorded |= canonical_names(line.event.duties, canonical)
        duty = duty_of(line.event) if isinstance(line.event, CaseEvent) else None
        if duty is None or line.actor.person is None:
            continue
        for person in persons_behind(line.actor, canonical):
            act = DutyAct(duty, person, line.type, line.version, line.position, line.recorded_at)
            acts.setdefault(person, {}).setdefault(duty, act)
    for person, by_duty in sorted(acts.items()):
        if len(by_duty) > 1 and person not in recorded:
            first = lines[0]
            name = order_name(first.order or "")
            yield UnrecordedConflict(
                case=first.stream,
                order=name.order,
                shop=name.shop,
                person=person,
                acts=[*by_duty.values()],
            )
