"""How a person's act on a case is decided and stored: on the version that was named, after what has
come to pass by then, with the duties that it takes; what a rule forbids is recorded beside the case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from application.event_log import EventLog, Write
from application.log_recorder import CommandRow, DutyRow, DutyTaken, VersionTaken
from application.refusals import record_refusal
from application.repository import Repository
from application.streams import CASE
from application.writes import timer_after
from domain.adjustments.decisions import Hands
from domain.adjustments.events import AdjustmentProposed, ByPolicy
from domain.adjustments.kinds import Duty
from domain.cases.duties import duty_of, must_be_free_for
from domain.cases.events import CaseEvent, Detected
from domain.cases.exception_case import ExceptionCase
from domain.cases.passing_time import look_at_clock
from domain.cases.timing import Staff
from domain.cases.work_events import Opened
from domain.errors import CaseChanged, CaseNotFound, DutyConflict, Refusal, TrailHasGap
from domain.people import POLICY, TIMEKEEPER, Actor, Role
from domain.recorded import Recorded

Decide = Callable[[ExceptionCase], Sequence[CaseEvent]]


class Caller(Struct, frozen=True):
    """Who asks, when, and under which key; `row` makes the row that keeps the answer."""

    actor: Actor
    person: str
    now: datetime
    cause: str
    row: Callable[[Any], CommandRow | None] | None = None
    roles: tuple[Role, ...] = ()
    known_as: tuple[str, ...] = ()
    """Other names of everybody whose act it is."""

    @property
    def hands(self) -> Hands:
        return Hands(self.person, self.names, self.roles, self.actor.is_agent)

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody whose act it counts as, by all of their names."""
        return tuple(dict.fromkeys((*self.actor.persons, *self.known_as)))


class Done(Struct, frozen=True):
    """The case after the command, and the log's position."""

    case: ExceptionCase
    position: int


class CaseActs:
    def __init__(self, log: EventLog, cases: Repository[ExceptionCase], staff: Staff) -> None:
        self.log = log
        self.cases = cases
        self._staff = staff

    def act(
        self,
        case_id: UUID,
        expected: int,
        by: Caller,
        decide: Decide,
        also: Sequence[Write] = (),
    ) -> Done:
        """Carry out what is decided on the case at this version; `also` is stored with it.

        Raises CaseNotFound, CaseChanged, what is raised by the decision, and every Refusal once it
        is recorded. VersionTaken is left to the caller where `also` may be the cause.
        """
        case = self._at(case_id, expected)
        passed, now = look_at_clock(case, by.now, self._staff)
        told = [self._passed(case, passed, by)] if passed else []
        try:
            events = decide(now)
            for event in events:
                if (duty := duty_of(event)) is not None and _actor_of(event, by) is by.actor:
                    must_be_free_for(now.duties, by.names, duty)
            return self.record(now, events, by, told, also)
        except Refusal as refusal:
            record_refusal(self.log, now, refusal, by.actor, by.now, by.cause)
            raise
        except DutyTaken as taken:
            # Somebody was quicker: what the log has by now says which act it was.
            found = self._conflict(case_id, taken, by)
            record_refusal(self.log, now, found, by.actor, by.now, by.cause)
            raise found from None
        except VersionTaken:
            case = self.case(case_id)
            if also and case.version == expected:
                raise
            raise self.changed(case, expected) from None

    def record(
        self,
        case: ExceptionCase,
        events: Sequence[CaseEvent],
        by: Caller,
        before: Sequence[Write] = (),
        also: Sequence[Write] = (),
    ) -> Done:
        """Store what was decided, after what is told `before` it in the same append."""
        after = case
        told = [(_actor_of(event, by), event) for event in events]
        for actor, event in told:
            after = after.after(event, case.order, by.now, actor)
        write = self._write(case, told, by)
        due = after.next_due if before else timer_after(case, after)
        writes = [*before, structs.replace(write, next_due=due), *also]
        duties = duties_taken(case, told, by.names)
        appended = self.log.append(writes, by.row(after) if by.row else None, duties)
        self.cases.keep(case.id, after)
        return Done(after, appended.position)

    def case(self, case_id: UUID) -> ExceptionCase:
        """The case as the log has it now. Raises CaseNotFound."""
        case = self.cases.folded(self.trail(case_id))
        assert case is not None
        self.cases.keep(case_id, case)
        return case

    def trail(self, case_id: UUID) -> list[Recorded]:
        """Every line of the case, oldest first. Raises CaseNotFound."""
        lines = self.log.trail(case_id)
        if not lines or not isinstance(lines[0].event, Detected | Opened):
            raise CaseNotFound(f"no case {case_id}")
        return lines

    def changed(self, case: ExceptionCase, expected: int) -> CaseChanged:
        since = [line.type for line in self.log.trail(case.id) if line.version > expected]
        return CaseChanged(case.id, expected, case.version, since)

    def _at(self, case_id: UUID, expected: int) -> ExceptionCase:
        try:
            case = self.cases.at_hand([case_id]).get(case_id)
        except TrailHasGap:
            case = None  # not a case's stream, or a broken one: reading it anew says which
        if case is None or case.version != expected:
            case = self.case(case_id)
            if case.version != expected:
                raise self.changed(case, expected)
        return case

    def _conflict(self, case_id: UUID, taken: DutyTaken, by: Caller) -> DutyConflict:
        try:
            must_be_free_for(self.case(case_id).duties, by.names, taken.duty)
        except DutyConflict as found:
            return found
        return DutyConflict(
            f"{by.person} has another duty in case {case_id} than to {taken.duty}",
            rule="one-duty-per-person",
            duty=taken.duty.value,
            person=by.person,
        )

    def _passed(self, case: ExceptionCase, events: Sequence[CaseEvent], by: Caller) -> Write:
        """What the timekeeper would have told by now."""
        write = self._write(case, [(TIMEKEEPER, event) for event in events], by)
        assert case.next_due is not None
        return structs.replace(write, cause=f"due:{case.next_due.isoformat()}")

    @staticmethod
    def _write(case: ExceptionCase, events: Sequence[tuple[Actor, CaseEvent]], by: Caller) -> Write:
        return Write(
            stream=case.id,
            kind=CASE,
            expected=case.version,
            events=events,
            recorded_at=by.now,
            cause=by.cause,
            order=case.order,
        )


def duties_taken(
    case: ExceptionCase, events: Sequence[tuple[Actor, CaseEvent]], names: Sequence[str]
) -> list[DutyRow]:
    """The duties that these events take, for the database to refuse a second one of a person.

    Nobody needs to be kept apart before there is money: with the first proposal, the duties go in
    that people had by then; from then on, each with the act that takes it.
    """
    proposed = any(isinstance(event, AdjustmentProposed) for _, event in events)
    if not proposed and not case.adjustments:
        return []
    held = [(name, one.duty) for name, one in case.duties.items()] if proposed else []
    for actor, event in events:
        duty = duty_of(event)
        if duty is not None and actor.person is not None:
            held += [(name, duty) for name in names if not _has(case, name, duty)]
    return [DutyRow(case.id, name, duty) for name, duty in dict.fromkeys(held)]


def _has(case: ExceptionCase, name: str, duty: Duty) -> bool:
    known = case.duties.get(name)
    return known is not None and known.duty is duty


def _actor_of(event: CaseEvent, by: Caller) -> Actor:
    """Whoever asks, but for what policy adds to it."""
    return POLICY if isinstance(event, ByPolicy) else by.actor
