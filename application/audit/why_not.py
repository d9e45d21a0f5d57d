"""Explains why a person could not take a duty at a time: the rules that forbade it, and refused attempts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.audit.refused_requests import RefusedKind, list_refused_requests
from application.cases.history import recorded_until
from application.cases.trail import fill_from_line
from application.log.event_log import EventLog
from application.money.eligibility import Candidate, EligibilityCheck
from domain.access_errors import PersonNotFound
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import AttemptRefused
from domain.recorded_event import RecordedEvent


class RefusedAttempt(Struct, frozen=True, kw_only=True):
    """A refused attempt of the person."""

    position: int
    recorded_at: datetime
    who: str
    attempt: str
    rule: str
    detail: str
    case_version: int
    earlier: int | None
    """The version of the case's trail with the act that forbids it."""
    adjustment: UUID | None


class WhyNotReport(Struct, frozen=True, kw_only=True):
    person: str
    duty: Duty
    as_of: datetime
    was_here: bool
    """Whether the person had been added by then."""
    could: bool
    against: Candidate | None
    attempts: Sequence[RefusedAttempt]
    requests: Sequence[RefusedKind]
    """Requests of the person that were refused by permission or scope, on any case."""


def explain_why_not(
    log: EventLog,
    who_could: EligibilityCheck,
    lines: Sequence[RecordedEvent],
    refusals: Sequence[RecordedEvent],
    adjustment: UUID,
    duty: Duty,
    person: str,
    at: datetime,
) -> WhyNotReport:
    """Explain it by what was recorded until then. Raises PersonNotFound if nobody has this name."""
    names = who_could.people.names_of(person)
    if who_could.people.known(person) is None:
        raise PersonNotFound(f"no person {person}{who_could.people.similar_to(person)}")
    candidates = who_could.look(lines, adjustment, duty, at)
    found = next((candidate for candidate in candidates if candidate.person == person), None)
    return WhyNotReport(
        person=person,
        duty=duty,
        as_of=at,
        was_here=found is not None,
        could=found is not None and found.could,
        against=found,
        attempts=[
            fill_from_line(RefusedAttempt, line, line.event)
            for line in recorded_until(refusals, at)
            if isinstance(line.event, AttemptRefused) and names & {*line.actor.persons}
        ],
        requests=list_refused_requests(log, names, at),
    )
