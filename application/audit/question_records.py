"""Who asked what of the log, with which parameters, at which position: recorded before an answer is
given out, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.cases.trail import who
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import AUDIT
from application.policy.reperformance import Period
from domain.audit import AuditAsked, audit_stream
from domain.errors import TooContended
from domain.people import Actor
from domain.recorded import Recorded

ATTEMPTS = 10
AT_ONCE = 200


class AskedBefore(Struct, frozen=True, kw_only=True):
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


def record_asked(log: EventLog, asked: AuditAsked, by: Actor, now: datetime) -> int:
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


def asked_before(log: EventLog, period: Period) -> list[AskedBefore]:
    """Every answer that was recorded in the period, oldest first."""
    found: list[AskedBefore] = []
    after = 0
    while page := log.recorder.select_beginnings("audit.asked", after, AT_ONCE):
        after = page[-1][0]
        trails = log.trails([stream for _, stream in page])
        found += _told(trails, period)
    return sorted(found, key=lambda one: one.position)


def _told(trails: Mapping[UUID, Sequence[Recorded]], period: Period) -> list[AskedBefore]:
    return [
        AskedBefore(
            position=line.position,
            recorded_at=line.recorded_at,
            who=who(line.actor),
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
