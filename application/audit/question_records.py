"""Records every audit question before its answer is given out, and lists these records."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from application.cases.trail import fill_from_line
from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.streams import AUDIT
from application.policy.reperformance import Period
from domain.audit import AuditAsked, audit_stream
from domain.errors import TooContended
from domain.people import Actor

ATTEMPTS = 10
BATCH_SIZE = 200


class QuestionRecord(Struct, frozen=True, kw_only=True):
    """A question whose answer was given out."""

    position: int
    """The position of this record."""
    recorded_at: datetime
    who: str
    actor: Actor
    account: str | None
    asked: str
    parameters: Mapping[str, str]
    log_position: int
    """The position of the log when it was answered."""
    answer: str
    """SHA-256 of the answer, or of the manifest of a bundle."""


def record_question(log: EventLog, asked: AuditAsked, by: Actor, now: datetime) -> int:
    """Record a question, and return the position of the record. Raises TooContended."""
    caller = system_caller(by, now, "command:audit")
    appended = log.append_last(caller.write(audit_stream(now), AUDIT, 0, [asked]), ATTEMPTS)
    if appended is None:
        raise TooContended(f"others asked at the same moment; {ATTEMPTS} attempts")
    return appended.position


def list_question_records(log: EventLog, period: Period) -> list[QuestionRecord]:
    """Every question that was recorded in the period, oldest first."""
    found = [
        fill_from_line(QuestionRecord, line, line.event, log_position=line.event.position)
        for page in log.pages("audit.asked", log.head(), BATCH_SIZE)
        for lines in log.trails(page).values()
        for line in lines
        if isinstance(line.event, AuditAsked) and period.holds(line.recorded_at)
    ]
    return sorted(found, key=lambda record: record.position)
