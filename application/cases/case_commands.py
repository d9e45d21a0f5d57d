"""Decides and stores a person's act on a case.

The act applies to the named version, after the events that are due by then. It is stored with the duties that it
takes, in the case and over its order. If a rule forbids it, the refusal is recorded in a stream of its own.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from msgspec import Struct, structs

from application.cases.cited_evidence import CitedEvidence
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import DutyRow, DutyTaken, VersionTaken
from application.log.repository import Repository
from application.log.streams import CASE, require_case_trail
from application.log.writes import timer_after
from application.people.break_glass_parties import load_parties
from application.people.order_duties import OrderCases, OrderDuties
from application.people.refusals import record_refusal
from application.people.scope import caller_in_scope, require_case_in_scope
from domain.access_errors import NotInScope
from domain.adjustments.errors import DutyConflict, Refusal
from domain.adjustments.events import AdjustmentProposed, SystemAdjustmentEvent
from domain.adjustments.kinds import Duty
from domain.authority import FULL_AUTHORITY, Authority
from domain.cases.duties import (
    duty_of,
    require_no_duty_conflict,
    require_not_opener,
    require_uninvolved,
)
from domain.cases.errors import CaseChanged
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.errors import TooContended, TrailHasGap
from domain.people import POLICY_ACTOR, TIMEKEEPER_ACTOR, Actor
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent

ATTEMPTS = 20

CaseDecider = Callable[[ExceptionCase], Sequence[CaseEvent]]


class CommandResult(Struct, frozen=True):
    """The case after the command, and the log's position."""

    case: ExceptionCase
    position: int


class CaseCommands:
    def __init__(
        self,
        log: EventLog,
        cases: Repository[ExceptionCase],
        staff: RoleMembers,
        cited: CitedEvidence,
        duties: OrderDuties,
    ) -> None:
        self.log = log
        self.cases = cases
        self.duties = duties
        self._staff = staff
        self._cited = cited

    def act(
        self,
        case_id: UUID,
        expected: int,
        by: Caller,
        decide: CaseDecider,
        also: Sequence[Write] = (),
        needs: Permission = Permission.WORK_CASES,
        over: OrderCases | None = None,
    ) -> CommandResult:
        """Decide on the case at this version, within the caller's scope, and store it with `also`.

        `over` are the cases of the order if they are read already. Raises CaseNotFound, NotInScope,
        CaseChanged, what `decide` raises, and every Refusal after it is recorded. Raises VersionTaken if
        `also` or `over` may be the cause.
        """
        for _ in range(ATTEMPTS):
            case, caller = self._at(case_id, expected, by, needs)
            try:
                return self._act(case, caller, decide, also, over or self.duties.of(case))
            except VersionTaken:
                now = self.case(case_id, caller.authority)
                self.duties.refresh(now.order)
                if now.version != expected:
                    raise self.changed(now, expected) from None
                if also or over is not None:
                    raise
        raise TooContended(f"case {case_id}, {ATTEMPTS} attempts")

    def _act(
        self,
        case: ExceptionCase,
        by: Caller,
        decide: CaseDecider,
        also: Sequence[Write],
        over: OrderCases,
    ) -> CommandResult:
        due, now = apply_due_events(case, by.now, self._staff)
        before = [self._due_events_write(case, due, by)] if due else []
        used = {under: load_parties(self.log, under) for under in over.glasses(now)}
        try:
            if (under := by.actor.under) is not None:
                parties = used.get(under) or load_parties(self.log, under)
                require_uninvolved(over.all_duties(now), parties)
            events = self._cited.mark(now, decide(now))
            for event in events:
                if (duty := duty_of(event)) is not None and _event_actor(event, by) is by.actor:
                    require_no_duty_conflict(now.duties, by.names, duty, over.elsewhere)
                    require_not_opener(used.values(), by.names, duty)
            return self._record(now, events, by, before, also, over)
        except Refusal as refusal:
            record_refusal(self.log, now, refusal, by)
            raise
        except DutyTaken as taken:
            # Another act came first: the log says by now which one.
            found = self._duty_conflict(now, taken.duty, by)
            record_refusal(self.log, now, found, by)
            raise found from None

    def open(
        self,
        case: ExceptionCase,
        opening: Sequence[CaseEvent],
        by: Caller,
        also: Sequence[Write] = (),
    ) -> CommandResult:
        """Store the first events of a case. Raises VersionTaken, DutyConflict."""
        over = self.duties.of(case)
        try:
            require_no_duty_conflict({}, by.names, Duty.REVIEW, over.elsewhere)
            return self._record(case, opening, by, (), also, over)
        except VersionTaken:
            self.duties.refresh(case.order)
            raise
        except (DutyConflict, DutyTaken) as refused:
            found = self._duty_conflict(case, Duty.REVIEW, by)
            record_refusal(self.log, case, found, by)
            raise found from refused

    def _record(
        self,
        case: ExceptionCase,
        events: Sequence[CaseEvent],
        by: Caller,
        before: Sequence[Write],
        also: Sequence[Write],
        over: OrderCases,
    ) -> CommandResult:
        """Store what was decided; the writes `before` it and `also` are in the same append."""
        after, by_actor = case, [(_event_actor(event, by), event) for event in events]
        for actor, event in by_actor:
            after = after.after(event, case.order, by.now, actor)
        write = self._write(case, by_actor, by)
        due = after.next_due if before else timer_after(case, after)
        # The case's own event is the last one: its position names the command's receipt.
        writes = [*before, *also, structs.replace(write, next_due=due)]
        if duties_taken(case, by_actor, by.names):
            writes += over.guards(by, writes)
        duties = duty_rows_of(case, by_actor, by.names, over)
        appended = self.log.append(writes, by.row(after) if by.row else None, duties)
        self.cases.keep(case.id, after)
        return CommandResult(after, appended.position)

    def case(self, case_id: UUID, by: Authority = FULL_AUTHORITY) -> ExceptionCase:
        """The case as the log has it now. Raises CaseNotFound, also if it is out of scope."""
        case, _ = self.case_and_trail(case_id)
        require_case_in_scope(by, case)
        return case

    def case_and_trail(self, case_id: UUID) -> tuple[ExceptionCase, list[RecordedEvent]]:
        """The case as the log has it now, and its lines. Raises CaseNotFound."""
        lines = self._lines(case_id)
        return self._fold_case(case_id, lines), lines

    def trail(self, case_id: UUID, by: Authority = FULL_AUTHORITY) -> list[RecordedEvent]:
        """Every line of the case, oldest first. Raises CaseNotFound, also if it is out of scope."""
        lines = self._lines(case_id)
        if Permission.READ_CASES not in by.everywhere:
            require_case_in_scope(by, self._fold_case(case_id, lines))
        return lines

    def _lines(self, case_id: UUID) -> list[RecordedEvent]:
        lines = self.log.trail(case_id)
        require_case_trail(case_id, lines)
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
        """The case at this version, and the caller with the permission over it."""
        try:
            case = self.cases.cached([case_id]).get(case_id)
        except TrailHasGap:
            case = None  # a stream of another kind, or a broken one: `self.case` says which
        # The cache may be behind: read the log before saying that a case changed or is out of scope.
        if case is None or case.version != expected or caller_in_scope(case, by, needs) is None:
            case = self.case(case_id, by.authority)
        in_scope = caller_in_scope(case, by, needs)
        if in_scope is None:
            raise NotInScope(
                f"{by.person} has no grant with the permission {needs} for case {case_id}",
                permission=needs,
            )
        if case.version != expected:
            raise self.changed(case, expected)
        return case, in_scope

    def _duty_conflict(self, case: ExceptionCase, duty: Duty, by: Caller) -> DutyConflict:
        every = self.duties.read([case.order])[case.order]
        duties = self.cases.refreshed([case.id])
        own = duties[case.id].duties if case.id in duties else {}
        try:
            require_no_duty_conflict(own, by.names, duty, every.elsewhere)
        except DutyConflict as found:
            return found
        return DutyConflict(
            f"{by.person} has another duty in the order of case {case.id} than to {duty}",
            rule="one-duty-per-person",
            duty=duty.value,
            person=by.person,
        )

    def _due_events_write(
        self, case: ExceptionCase, events: Sequence[CaseEvent], by: Caller
    ) -> Write:
        """The events that the timekeeper would have recorded by now."""
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


def duties_taken(
    case: ExceptionCase, events: Sequence[tuple[Actor, CaseEvent]], names: Sequence[str]
) -> list[DutyRow]:
    """The duties that these events give to the people behind them."""
    duties = [duty for actor, event in events if actor.person and (duty := duty_of(event))]
    return [DutyRow(case.id, name, duty) for duty in dict.fromkeys(duties) for name in names]


def duty_rows_of(
    case: ExceptionCase,
    events: Sequence[tuple[Actor, CaseEvent]],
    names: Sequence[str],
    over: OrderCases,
) -> list[DutyRow]:
    """Rows for the duties that these events take: the database refuses a second duty of a person.

    Duties are separated only where there is money. The first proposal adds the duties that people had by then;
    after it, each act adds its own, for the case and for its order.
    """
    proposed = any(isinstance(event, AdjustmentProposed) for _, event in events)
    taken = duties_taken(case, events, names)
    of_order = over.rows(case, proposed, taken) if proposed or over.ledger.version else []
    if not proposed and not case.adjustments:
        return of_order
    held = [(name, one.duty) for name, one in case.duties.items()] if proposed else []
    held += [(row.person, row.duty) for row in taken if not _has_duty(case, row.person, row.duty)]
    return [*(DutyRow(case.id, *row) for row in dict.fromkeys(held)), *of_order]


def _has_duty(case: ExceptionCase, name: str, duty: Duty) -> bool:
    known = case.duties.get(name)
    return known is not None and known.duty is duty


def _event_actor(event: CaseEvent, by: Caller) -> Actor:
    """The caller; policy for the events that it adds by itself."""
    return POLICY_ACTOR if isinstance(event, SystemAdjustmentEvent) else by.actor
