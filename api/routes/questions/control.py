"""Questions about controls: which builds wrote the log, and whether every control operated."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from api.http.errors import MalformedParameter
from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from api.routes.questions.times import PeriodParameters
from application.audit.builds import BuildReport, find_builds
from application.audit.control_operation import ControlsOperated, check_controls
from infrastructure.reports.control_state import ControlState


class BuildsParameters(QuestionParameters, frozen=True, kw_only=True):
    position: Annotated[int | None, Meta(description="The position of an event.")] = None
    case: Annotated[UUID | None, Meta(description="Every event of this case.")] = None


class ControlsParameters(PeriodParameters, frozen=True, kw_only=True):
    witnessed_within: Annotated[
        int, Meta(description="Seconds within which an event must be signed and cosigned [60].")
    ] = 60
    late_after: Annotated[
        int, Meta(description="Seconds after which a due event is recorded too late [60].")
    ] = 60


def which_build(sources: AnswerSources, given: BuildsParameters) -> BuildReport:
    """Every build that wrote, with its files, libraries and migrations. For an event, or each event of a
    case: the builds that may have written it, which are those recorded before."""
    positions = () if given.position is None else (given.position,)
    reading = sources.reading
    if given.position is not None and not 1 <= given.position <= reading.upto:
        raise MalformedParameter(
            f"position={given.position} is not in the log, which has 1 to {reading.upto}"
        )
    return find_builds(reading, positions, given.case)


def did_it_operate(sources: AnswerSources, given: ControlsParameters) -> ControlsOperated:
    """A row for each control: how often it operated in the period, the evidence, and each exception.
    Reports, duty rows and a halt are checked as they are now."""
    within = _seconds("witnessed_within", given.witnessed_within)
    late = _seconds("late_after", given.late_after)
    now = sources.desks.clock()
    if given.until is not None:
        now = min(now, given.until)
    state = ControlState(sources.desks.datastore, sources.witnesses)
    return check_controls(sources.reading, state, given.period, now, within, late)


def _seconds(name: str, value: int) -> timedelta:
    if not 0 < value <= 10**9:
        raise MalformedParameter(f"{name}={value} must be from 1 to {10**9}")
    return timedelta(seconds=value)


CONTROL_QUESTIONS = (
    Question(number=23, answer=which_build),
    Question(
        number=25,
        answer=did_it_operate,
        holds=lambda found: found.all_operated,
        even_if_halted=True,
    ),
)
