"""Every conflict of duties: what somebody's grants would allow, what was tried and refused, what turned
out later, and what nobody has told yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import Reading
from application.audit.persons import everybody, names_of, one_name_each
from application.audit.potential_conflicts import CouldConflict, Delegations, could_conflict
from application.cases.trail import who
from application.policy.reperformance import Period
from domain.adjustments.events import DutiesConflicted
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import Refused
from domain.cases.duties import duty_of
from domain.cases.events import CaseEvent
from domain.recorded import Recorded

APART: Final = frozenset(
    {"one-duty-per-person", "approvers-are-different-people", "agents-hold-no-duty"}
)
"""The rules that keep duties apart; others bound how much somebody may approve."""


class RefusedDuty(Struct, frozen=True, kw_only=True):
    """Somebody tried to take a second duty, and was refused."""

    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    who: str
    persons: Sequence[str]
    principal: str
    attempt: str
    rule: str
    detail: str
    earlier: int | None
    """The version of the case's trail that stood against it."""
    adjustment: UUID | None


class TurnedOut(Struct, frozen=True, kw_only=True):
    """Names with different duties in a case turned out to be one human's."""

    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    duties: Mapping[str, Duty]


class DutyAct(Struct, frozen=True):
    duty: Duty
    person: str
    type: str
    version: int
    position: int
    at: datetime


class Untold(Struct, frozen=True, kw_only=True):
    """One human did two duties of a case, and the log does not say so: nobody should have been able to."""

    case: UUID
    order: str | None
    person: str
    acts: Sequence[DutyAct]
    """The first of each duty."""


class Conflicts(Struct, frozen=True, kw_only=True):
    as_of: datetime
    could: Sequence[CouldConflict]
    refused: Sequence[RefusedDuty]
    other_refusals: Mapping[str, int]
    """By other rules: how often each."""
    turned_out: Sequence[TurnedOut]
    untold: Sequence[Untold]


def conflicts(reading: Reading, as_of: datetime, period: Period) -> Conflicts:
    """What grants would allow is told as of a date; what was tried, turned out, or was done, of the
    period."""
    told, delegations, human = _Told(period), Delegations(as_of), everybody(reading).human()
    untold = [
        one
        for lines in reading.money_trails(told, delegations)
        for one in untold_in(lines, human)
        if period.holds(max(act.at for act in one.acts))
    ]
    return Conflicts(
        as_of=as_of,
        could=[*could_conflict(everybody(reading, as_of), delegations.living(), as_of)],
        refused=told.refused,
        other_refusals=dict(sorted(told.others.items())),
        turned_out=told.turned_out,
        untold=sorted(untold, key=lambda one: max(act.position for act in one.acts)),
    )


class _Told:
    """What the log tells of conflicts in the period."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self.refused: list[RefusedDuty] = []
        self.others: dict[str, int] = {}
        self.turned_out: list[TurnedOut] = []

    def take(self, line: Recorded) -> None:
        if not self._period.holds(line.recorded_at):
            return
        match line.event:
            case Refused(rule=rule) if rule not in APART:
                self.others[rule] = self.others.get(rule, 0) + 1
            case Refused() as event:
                self.refused.append(
                    RefusedDuty(
                        position=line.position,
                        recorded_at=line.recorded_at,
                        case=event.case,
                        order=line.order,
                        who=who(line.actor),
                        persons=line.actor.persons,
                        principal=line.actor.principal,
                        attempt=event.attempt,
                        rule=event.rule,
                        detail=event.detail,
                        earlier=event.earlier,
                        adjustment=event.adjustment,
                    )
                )
            case DutiesConflicted(duties=duties):
                self.turned_out.append(
                    TurnedOut(
                        position=line.position,
                        recorded_at=line.recorded_at,
                        case=line.stream,
                        order=line.order,
                        duties=duties,
                    )
                )
            case _:
                pass


def untold_in(lines: Sequence[Recorded], human: dict[str, str]) -> Iterator[Untold]:
    """By what was done in the case, not by what the case believes of duties."""
    acts: dict[str, dict[Duty, DutyAct]] = {}
    told: set[str] = set()
    for line in lines:
        if isinstance(line.event, DutiesConflicted):
            told |= one_name_each(line.event.duties, human)
        duty = duty_of(line.event) if isinstance(line.event, CaseEvent) else None
        if duty is None or line.actor.person is None:
            continue
        for person in names_of(line.actor, human):
            act = DutyAct(duty, person, line.type, line.version, line.position, line.recorded_at)
            acts.setdefault(person, {}).setdefault(duty, act)
    for person, did in sorted(acts.items()):
        if len(did) > 1 and person not in told:
            first = lines[0]
            yield Untold(case=first.stream, order=first.order, person=person, acts=[*did.values()])
