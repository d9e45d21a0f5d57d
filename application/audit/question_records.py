"""Who asked what of the log, with which parameters, at which position: recorded before an answer is
given out, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.cases.trail import describe_actor
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import AUDIT
from application.policy.reperformance import Period
from domain.audit import AuditAsked, audit_stream
from domain.errors import TooContended
from domain.people import Actor
from domain.recorded_event import RecordedEvent

ATTEMPTS = 10
BATCH_SIZE = 200


class QuestionRecord(Struct, frozen=True, kw_only=True):
    """One answer that was given out."""

    position: int
    """Where it is recorded."""
    recorded_at: datetime
    who: str
    actor: Actor
    account: str | None
    asked: str
    parameters: Mapping[str, str]
    log_position: int
    """How far the log reached when it was answered."""
    answer: str
    """SHA-256 of the answer, or of the manifest of a bundle."""


def record_question(log: EventLog, asked: AuditAsked, by: Actor, now: datetime) -> int:
    """The position at which it stands. Raises TooContended."""
    stream = audit_stream(now)
    for _ in range(ATTEMPTS):
        write = Write(
            stream=stream,
            kind=AUDIT,
            expected=len(log.trail(stream)),
            events=[(by, asked)],
            recorded_at=now,
            cause="command:audit",
        )
        try:
            return log.append([write]).position
        except VersionTaken:
            continue
    raise TooContended("others asked at the same moment")


def list_question_records(log: EventLog, period: Period) -> list[QuestionRecord]:
    """Every answer that was recorded in the period, oldest first."""
    found: list[QuestionRecord] = []
    after = 0
    while page := log.recorder.select_beginnings("audit.asked", after, BATCH_SIZE):
        after = page[-1][0]
        trails = log.trails([stream for _, stream in page])
        found += _records_in(trails, period)
    return sorted(found, key=lambda one: one.position)


def _records_in(
    trails: Mapping[UUID, Sequence[RecordedEvent]], period: Period
) -> list[QuestionRecord]:
    return [
        QuestionRecord(
            position=line.position,
            recorded_at=line.recorded_at,
            who=describe_actor(line.actor),
            actor=line.actor,
            account=line.event.account,
            asked=line.event.asked,
            parameters=line.event.parameters,
            log_position=line.event.position,
            answer=line.event.answer,
        )
        for lines in trails.values()
        for line in lines
        if isinstance(line.event, AuditAsked) and period.holds(line.recorded_at)
    ]
