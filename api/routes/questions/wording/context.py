"""What several answers say: their case and adjustment, and which part of the log was searched."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from api.routes.questions.bundles import envelope_time
from api.routes.questions.question import AnswerSources
from api.routes.questions.times import PeriodParameters
from api.routes.questions.words import at, given_to_customer, ids, names, period_in_words, plain
from application.cases.history import case_of
from application.policy.reperformance import Period
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.events import AdjustmentEvent
from domain.cases.about import describe_subject
from domain.cases.exception_case import ExceptionCase
from domain.recorded_event import RecordedEvent

_JUST_BEFORE = timedelta(microseconds=1)


class Subject(Struct, frozen=True):
    """The case of a question. Its sealed texts stay sealed: naming it reads no personal data."""

    case: ExceptionCase
    lines: Sequence[RecordedEvent]

    @property
    def name(self) -> str:
        return f"{self.case.kind} of {describe_subject(self.case.order, self.case.about)}"

    @property
    def sentence(self) -> str:
        return f"The case is {self.name} ({ids(self.case.id)})."

    def adjustment(self, id: UUID) -> Adjustment:
        return self.case.adjustments.get(id)

    def adjustment_sentence(self, id: UUID) -> str:
        one = self.adjustment(id)
        given = describe_adjustment(one)
        return (
            f"The adjustment is the {given} for {self.name}, proposed by "
            f"{names(one.proposed_by, 'policy')} at {at(one.proposed_at)}; it is now "
            f"{plain(one.state)} ({ids(self.case.id, id)})."
        )

    def acts(self, id: UUID) -> list[str]:
        """The moment before each act on the adjustment, as a time for `--at`, and who did it."""
        return [
            f"{envelope_time(line.recorded_at - _JUST_BEFORE)} "
            f"({plain(line.type.removeprefix('case.adjustment_'))} by "
            f"{line.actor.person or line.actor.principal.removeprefix('system:')})"
            for line in self.lines
            if isinstance(line.event, AdjustmentEvent) and line.event.adjustment == id
        ]


def describe_adjustment(one: Adjustment) -> str:
    return given_to_customer(one.kind, one.amount.amount, one.amount.currency)


def subject(sources: AnswerSources, case: UUID) -> Subject:
    lines = sources.reading.trails([case])[case]
    return Subject(case_of(lines), lines)


def case_name(sources: AnswerSources, case: UUID | str) -> str:
    """`refund_due of order A-1001 (--case …)`; the id alone if the log has no such case."""
    id = UUID(str(case))
    lines = sources.reading.trails([id]).get(id, ())
    named = f"{Subject(case_of(lines), lines).name} ({ids(id)})" if lines else f"{ids(id)}, unknown"
    return f"the case {named}"


def log_range(sources: AnswerSources) -> str:
    """`positions 1 (recorded …) to 9,883 (recorded …)`: what the answer reflects."""
    log, upto = sources.desks.log, sources.position
    if not upto:
        return "no position: the log is empty"
    first, last = log.read(0, 1)[0], log.read(upto - 1, 1)[0]
    return (
        f"positions 1 (recorded {at(first.recorded_at)}) to {upto:,} "
        f"(recorded {at(last.recorded_at)})"
    )


def in_period(sources: AnswerSources, given: PeriodParameters) -> str:
    """Which part of the log the answer is about, and whether the period goes beyond the log."""
    period = given.period
    note = beyond_log(sources, period)
    if period == Period():
        return f"Of the whole log: {log_range(sources)}."
    said = f"Only what was {period_in_words(period)}, of {log_range(sources)}."
    return f"{said} {note}" if note else said


def beyond_log(sources: AnswerSources, period: Period) -> str | None:
    """That some or all of the period is before the first event of the log, or still to come."""
    now = sources.desks.clock()
    first = next(iter(sources.desks.log.read(0, 1)), None)
    if first is None or (period.until is not None and period.until <= first.recorded_at):
        return "The first event of the log is later than the period."
    if period.since is not None and period.since > now:
        return "The period is still to come."
    if period.since is not None and period.since < first.recorded_at:
        return "The period begins before the first event of the log."
    if period.until is not None and period.until > now:
        return "The period is not over yet: the answer may change."
    return None
