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
from application.people.scope import caller_in_scope, require_case_in_scope
from domain.access_errors import NotInScope
from domain.adjustments.errors import DutyConflict, Refusal
from domain.adjustments.events import AdjustmentProposed, SystemAdjustmentEvent
from domain.adjustments.kinds import Duty
from domain.authority import FULL_AUTHORITY, Authority
from domain.cases.duties import duty_of, require_no_duty_conflict
from domain.cases.errors import CaseChanged, CaseNotFound
from domain.cases.events import CaseEvent, Detected
from domain.cases.exception_case import ExceptionCase
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.cases.work_events import Opened
from domain.errors import TrailHasGap
from domain.people import POLICY_ACTOR, TIMEKEEPER_ACTOR, Actor
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent

CaseDecider = Callable[[ExceptionCase], Sequence[CaseEvent]]


class CommandResult(Struct, frozen=True):
    """The case after the command, and the log's position."""

    case: ExceptionCase
    position: int


class CaseCommands:
    def __init__(self, log: EventLog, cases: Repository[ExceptionCase], staff: RoleMembers) -> None:
        self.log = log
        self.cases = cases
        self._staff = staff

    def act(
        self,
        case_id: UUID,
        expected: int,
        by: Caller,
        decide: CaseDecider,
        also: Sequence[Write] = (),
        needs: Permission = Permission.WORK_CASES,
    ) -> CommandResult:
        """Carry out what is decided on the case at this version, as far as the caller reaches;
        `also` is stored with it.

        Raises CaseNotFound, NotInScope, CaseChanged, what is raised by the decision, and every Refusal once it
        is recorded. VersionTaken is left to the caller where `also` may be the cause.
        """
        case, by = self._at(case_id, expected, by, needs)
        passed, now = apply_due_events(case, by.now, self._staff)
        told = [self._due_events_write(case, passed, by)] if passed else []
        try:
            events = decide(now)
            for event in events:
                if (duty := duty_of(event)) is not None and _event_actor(event, by) is by.actor:
                    require_no_duty_conflict(now.duties, by.names, duty)
            return self.record(now, events, by, told, also)
        except Refusal as refusal:
            record_refusal(self.log, now, refusal, by.actor, by.now, by.cause)
            raise
        except DutyTaken as taken:
            # Somebody was quicker: what the log has by now says which act it was.
            found = self._duty_conflict(case_id, taken, by)
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
    ) -> CommandResult:
        """Store what was decided, after what is told `before` it in the same append."""
        after = case
        told = [(_event_actor(event, by), event) for event in events]
        for actor, event in told:
            after = after.after(event, case.order, by.now, actor)
        write = self._write(case, told, by)
        due = after.next_due if before else timer_after(case, after)
        writes = [*before, structs.replace(write, next_due=due), *also]
        duties = duty_rows_of(case, told, by.names)
        appended = self.log.append(writes, by.row(after) if by.row else None, duties)
        self.cases.keep(case.id, after)
        return CommandResult(after, appended.position)

    def case(self, case_id: UUID, by: Authority = FULL_AUTHORITY) -> ExceptionCase:
        """The case as the log has it now. Raises CaseNotFound, also for one out of reach."""
        case = self._fold_case(case_id, self._lines(case_id))
        require_case_in_scope(by, case)
        return case

    def trail(self, case_id: UUID, by: Authority = FULL_AUTHORITY) -> list[RecordedEvent]:
        """Every line of the case, oldest first. Raises CaseNotFound, also for one out of reach."""
        lines = self._lines(case_id)
        if Permission.READ_CASES not in by.everywhere:
            require_case_in_scope(by, self._fold_case(case_id, lines))
        return lines

    def _lines(self, case_id: UUID) -> list[RecordedEvent]:
        lines = self.log.trail(case_id)
        if not lines or not isinstance(lines[0].event, Detected | Opened):
            raise CaseNotFound(f"no case {case_id}")
        return lines

    def _fold_case(self, case_id: UUID, lines: Sequence[RecordedEvent]) -> ExceptionCase:
        case = self.cases.fold_lines(lines)
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
            case = self.cases.cached([case_id]).get(case_id)
        except TrailHasGap:
            case = None  # not a case's stream, or a broken one: reading it anew says which
        # What is at hand may be behind: of what seems out of reach, the log has the last word.
        if case is None or case.version != expected or caller_in_scope(case, by, needs) is None:
            case = self.case(case_id, by.authority)
        reached = caller_in_scope(case, by, needs)
        if reached is None:
            raise NotInScope(
                f"{by.person} has no grant that reaches case {case_id}", permission=needs
            )
        if case.version != expected:
            raise self.changed(case, expected)
        return case, reached

    def _duty_conflict(self, case_id: UUID, taken: DutyTaken, by: Caller) -> DutyConflict:
        try:
            require_no_duty_conflict(self.case(case_id).duties, by.names, taken.duty)
        except DutyConflict as found:
            return found
        return DutyConflict(
            f"{by.person} has another duty in case {case_id} than to {taken.duty}",
            rule="one-duty-per-person",
            duty=taken.duty.value,
            person=by.person,
        )

    def _due_events_write(
        self, case: ExceptionCase, events: Sequence[CaseEvent], by: Caller
    ) -> Write:
        """What the timekeeper would have told by now."""
        write = self._write(case, [(TIMEKEEPER_ACTOR, event) for event in events], by)
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


def duty_rows_of(
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
            held += [(name, duty) for name in names if not _has_duty(case, name, duty)]
    return [DutyRow(case.id, name, duty) for name, duty in dict.fromkeys(held)]


def _has_duty(case: ExceptionCase, name: str, duty: Duty) -> bool:
    known = case.duties.get(name)
    return known is not None and known.duty is duty


def _event_actor(event: CaseEvent, by: Caller) -> Actor:
    """Whoever asks, but for what policy adds to it."""
    return POLICY_ACTOR if isinstance(event, SystemAdjustmentEvent) else by.actor
