"""Questions about the control itself: by which builds the log was written, and whether every control
operated."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from api.http.errors import MalformedParameter
from api.routes.questions.question import Asking, Question, Sources
from api.routes.questions.times import InPeriod
from application.audit.builds import HandledBy, handled_by
from application.audit.control_operation import ControlsOperated, operated
from infrastructure.reports.control_state import StandingNow


class AboutBuilds(Asking, frozen=True, kw_only=True):
    position: Annotated[int | None, Meta(description="Of an event in the log.")] = None
    case: Annotated[UUID | None, Meta(description="Every event of this case.")] = None


class AboutControls(InPeriod, frozen=True, kw_only=True):
    witnessed_within: Annotated[
        int, Meta(description="Seconds in which what was recorded must be signed [60].")
    ] = 60
    late_after: Annotated[
        int, Meta(description="Seconds after which what fell due is recorded too late [60].")
    ] = 60


def which_build(sources: Sources, asked: AboutBuilds) -> HandledBy:
    """Every build that has written, with its files, libraries and migrations; and of an event, or of
    each of a case, all by which it may have been written: those that the log had seen by then."""
    positions = () if asked.position is None else (asked.position,)
    reading = sources.reading
    if asked.position is not None and not 1 <= asked.position <= reading.upto:
        raise MalformedParameter(
            f"position={asked.position} is none of the log's, which has 1 to {reading.upto}"
        )
    return handled_by(reading, positions, asked.case)


def did_it_operate(sources: Sources, asked: AboutControls) -> ControlsOperated:
    """A row for each control: how much of it there was in the period, the evidence, and each exception.
    Reports, rows of duties and a halt stand as they stand now."""
    within = _seconds("witnessed_within", asked.witnessed_within)
    late = _seconds("late_after", asked.late_after)
    now = sources.desks.clock()
    if asked.until is not None:
        now = min(now, asked.until)
    standing = StandingNow(sources.desks.datastore)
    return operated(sources.reading, standing, asked.period, now, within, late)


def _seconds(name: str, told: int) -> timedelta:
    if not 0 < told <= 10**9:
        raise MalformedParameter(f"{name}={told} must be above 0")
    return timedelta(seconds=told)


CONTROL = (
    Question(
        number=23,
        answer=which_build,
    ),
    Question(
        number=25,
        answer=did_it_operate,
        holds=lambda told: told.all_operated,
        even_if_halted=True,
    ),
)
