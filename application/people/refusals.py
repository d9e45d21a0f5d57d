"""What was forbidden to somebody, recorded beside the case: who tried what, and by which rule not.

In a stream of its own: an attempt that changes nothing must not change the case's version, or
whoever keeps trying would keep everybody else from working.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import REFUSALS
from domain.adjustments.errors import Refusal
from domain.adjustments.refusals import Refused, refusals_stream
from domain.cases.exception_case import ExceptionCase
from domain.people import Actor

ATTEMPTS = 10


def record_refusal(
    log: EventLog, case: ExceptionCase, refusal: Refusal, by: Actor, now: datetime, cause: str
) -> None:
    """Nothing is stored of what was asked; that it was refused is."""
    stream = refusals_stream(case.id)
    event = Refused(
        case=case.id,
        attempt=str(refusal.facts.get("duty", "approve")),
        rule=str(refusal.facts["rule"]),
        detail=refusal.detail,
        case_version=case.version,
        earlier=_version(refusal),
        adjustment=_adjustment(refusal),
    )
    for _ in range(ATTEMPTS):
        write = Write(
            stream=stream,
            kind=REFUSALS,
            expected=len(log.trail(stream)),
            events=[(by, event)],
            recorded_at=now,
            cause=cause,
            order=case.order,
        )
        try:
            log.append([write])
        except VersionTaken:
            continue
        return


def _version(refusal: Refusal) -> int | None:
    version = refusal.facts.get("version")
    return version if isinstance(version, int) else None


def _adjustment(refusal: Refusal) -> UUID | None:
    adjustment = refusal.facts.get("adjustment")
    return UUID(str(adjustment)) if adjustment is not None else None
