"""The acts in the trail of a case that gave persons a duty."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from application.audit.persons import canonical_names, persons_behind
from domain.adjustments.events import DutiesConflicted
from domain.adjustments.kinds import Duty
from domain.cases.duties import duty_of
from domain.cases.events import CaseEvent
from domain.recorded_event import RecordedEvent


class DutyAct(Struct, frozen=True):
    duty: Duty
    person: str
    type: str
    version: int
    position: int
    at: datetime


def find_duty_acts(
    lines: Iterable[RecordedEvent], canonical: dict[str, str]
) -> dict[str, dict[Duty, DutyAct]]:
    """The first act of each duty, by person."""
    acts: dict[str, dict[Duty, DutyAct]] = {}
    for line in lines:
        duty = duty_of(line.event) if isinstance(line.event, CaseEvent) else None
        if duty is None or line.actor.person is None:
            continue
        for person in persons_behind(line.actor, canonical):
            act = DutyAct(duty, person, line.type, line.version, line.position, line.recorded_at)
            acts.setdefault(person, {}).setdefault(duty, act)
    return acts


def find_recorded_persons(
    lines: Iterable[RecordedEvent], canonical: dict[str, str]
) -> frozenset[str]:
    """The persons with a conflict in the trail."""
    return frozenset().union(
        *(
            canonical_names(line.event.duties, canonical)
            for line in lines
            if isinstance(line.event, DutiesConflicted)
        )
    )
