"""How a person's act on a case is decided and stored: on the version that was named, after what has
come to pass by then, with the duties that it takes; what a rule forbids is recorded beside the case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from msgspec import Struct, structs

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import DutyRow, DutyTaken, VersionTaken
from application.log.repository import Repository
from application.log.streams import CASE
from application.log.writes import timer_after
from application.people.refusals import record_refusal
from application.people.scope import as_reached, must_reach
from domain.access_errors import NotInScope
from domain.adjustments.errors import DutyConflict, Refusal
from domain.adjustments.events import AdjustmentProposed, ByPolicy
from domain.adjustments.kinds import Duty
from domain.authority import EVERYWHERE, Authority
from domain.cases.duties import duty_of, must_be_free_for
from domain.cases.errors import CaseChanged, CaseNotFound
from domain.cases.events import CaseEvent, Detected
from domain.cases.exception_case import ExceptionCase
from domain.cases.timers import look_at_clock
from domain.cases.timing import Staff
from domain.cases.work_events import Opened
from domain.errors import TrailHasGap
from domain.people import POLICY, TIMEKEEPER, Actor
from domain.permissions import Permission
from domain.recorded import Recorded

Decide = Callable[[ExceptionCase], Sequence[CaseEvent]]


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
        needs: Permission = Permission.WORK_CASES,
    ) -> Done:
        """Carry out what is decided on the case at this version, as far as the caller reaches;
        `also` is stored with it.

        Raises CaseNotFound, NotInScope, CaseChanged, what is raised by the decision, and every Refusal once it
        is recorded. VersionTaken is left to the caller where `also` may be the cause.
        """
        case, by = self._at(case_id, expected, by, needs)
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
            case = self.case(case_id, by.authority)
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

    def case(self, case_id: UUID, by: Authority = EVERYWHERE) -> ExceptionCase:
        """The case as the log has it now. Raises CaseNotFound, also for one out of reach."""
        case = self._folded(case_id, self._lines(case_id))
        must_reach(by, case)
        return case

    def trail(self, case_id: UUID, by: Authority = EVERYWHERE) -> list[Recorded]:
        """Every line of the case, oldest first. Raises CaseNotFound, also for one out of reach."""
        lines = self._lines(case_id)
        if Permission.READ_CASES not in by.everywhere:
            must_reach(by, self._folded(case_id, lines))
        return lines

    def _lines(self, case_id: UUID) -> list[Recorded]:
        lines = self.log.trail(case_id)
        if not lines or not isinstance(lines[0].event, Detected | Opened):
            raise CaseNotFound(f"no case {case_id}")
        return lines

    def _folded(self, case_id: UUID, lines: Sequence[Recorded]) -> ExceptionCase:
        case = self.cases.folded(lines)
        assert case is not None
        self.cases.keep(case_id, case)
        return case

    def changed(self, case: ExceptionCase, expected: int) -> CaseChanged:
        since = [line.type for line in self.log.trail(case.id) if line.version > expected]
        return CaseChanged(case.id, expected, case.version, since)

    def _at(
        self, case_id: UUID, expected: int, by: Caller, needs: Permission
    ) -> tuple[ExceptionCase, Caller]:
        """The case at this version, and the caller as whom the permission reaches it."""
        try:
            case = self.cases.at_hand([case_id]).get(case_id)
        except TrailHasGap:
            case = None  # not a case's stream, or a broken one: reading it anew says which
        # What is at hand may be behind: of what seems out of reach, the log has the last word.
        if case is None or case.version != expected or as_reached(case, by, needs) is None:
            case = self.case(case_id, by.authority)
        reached = as_reached(case, by, needs)
        if reached is None:
            raise NotInScope(
                f"{by.person} has no grant that reaches case {case_id}", permission=needs
            )
        if case.version != expected:
            raise self.changed(case, expected)
        return case, reached

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
