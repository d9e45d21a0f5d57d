"""Why somebody could not: the rules that stood against the person at a time, and what the person tried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.cases.history import known_by
from application.cases.trail import who
from application.money.eligibility import Candidate, WhoCould
from domain.access_errors import PersonNotFound
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import Refused
from domain.recorded import Recorded


class Attempt(Struct, frozen=True, kw_only=True):
    """What the person tried, and was refused."""

    position: int
    recorded_at: datetime
    who: str
    attempt: str
    rule: str
    detail: str
    case_version: int
    earlier: int | None
    """The version of the case's trail that stands against it."""
    adjustment: UUID | None


class CouldNot(Struct, frozen=True, kw_only=True):
    person: str
    duty: Duty
    as_of: datetime
    was_here: bool
    """Somebody had added the person by then."""
    could: bool
    against: Candidate | None
    attempts: Sequence[Attempt]


def why_not(
    who_could: WhoCould,
    lines: Sequence[Recorded],
    refusals: Sequence[Recorded],
    adjustment: UUID,
    duty: Duty,
    person: str,
    at: datetime,
) -> CouldNot:
    """By what was recorded until then. Raises PersonNotFound for whom nobody ever added."""
    names = who_could.people.names_of(person)
    if who_could.people.known(person) is None:
        raise PersonNotFound(f"no person {person}")
    candidates = who_could.look(lines, adjustment, duty, at)
    found = next((one for one in candidates if one.person == person), None)
    return CouldNot(
        person=person,
        duty=duty,
        as_of=at,
        was_here=found is not None,
        could=found is not None and found.could,
        against=found,
        attempts=[
            _attempt(line, line.event)
            for line in known_by(refusals, at)
            if isinstance(line.event, Refused) and names & {*line.actor.persons}
        ],
    )


def _attempt(line: Recorded, event: Refused) -> Attempt:
    return Attempt(
        position=line.position,
        recorded_at=line.recorded_at,
        who=who(line.actor),
        attempt=event.attempt,
        rule=event.rule,
        detail=event.detail,
        case_version=event.case_version,
        earlier=event.earlier,
        adjustment=event.adjustment,
    )
