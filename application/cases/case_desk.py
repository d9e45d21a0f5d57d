"""The commands of people on a case: one method, one command, one append."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from application.cases.case_commands import CaseCommands, CommandResult
from application.cases.cited_evidence import CitedEvidence, FileLookup, assume_stored
from application.cases.opening import open_by_hand
from application.log import streams
from application.log.caller import Caller
from application.log.event_log import EventLog
from application.log.repository import Repository
from application.people.order_duties import OrderDuties
from domain.access_errors import NotInScope
from domain.adjustments.ledger import Ledger
from domain.authority import FULL_AUTHORITY, Authority
from domain.cases import decisions
from domain.cases.errors import CaseChanged, CaseNotFound, CaseNotOpen
from domain.cases.events import CaseEvent, Resolution
from domain.cases.evidence import Evidence
from domain.cases.exception_case import CaseState, ExceptionCase
from domain.cases.part_outcomes import require_part_outcomes
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.timing import RoleMembers
from domain.cases.work_commands import DeclareError, HandOff, LinkCase, OpenCase, StartWait
from domain.cases.work_events import EvidenceAttached, NoteAdded
from domain.errors import Fault, Invalid
from domain.fault_texts import did_you_mean
from domain.orders.order import Order, order_stream
from domain.people import Role
from domain.permissions import Permission
from domain.policy.rulebook import Rulebook
from domain.texts import Note, RequiredNote

AuthorityLookup = Callable[[str, datetime], Authority | None]
"""What a person may do now; None if nobody has this name."""


class CaseDesk:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        rulebook: Callable[[], Rulebook],
        staff: RoleMembers,
        authority_of: AuthorityLookup = lambda person, now: FULL_AUTHORITY,
        is_file_stored: FileLookup = assume_stored,
        ledgers: Repository[Ledger] | None = None,
    ) -> None:
        self._authority_of = authority_of
        cited = CitedEvidence(orders, is_file_stored)
        known = ledgers if ledgers is not None else streams.ledgers(log)
        duties = OrderDuties(orders, cases, known, lambda: rulebook().document.kinds)
        self._commands = CaseCommands(log, cases, staff, cited, duties)
        self._act = self._commands.act
        self.case = self._commands.case
        self.trail = self._commands.trail
        self._orders = orders
        self._cases = cases
        self._rulebook = rulebook
        self._staff = staff

    def open(self, ask: OpenCase, by: Caller) -> CommandResult:
        """Open a case by hand, for a problem of an order that no rule found; or add the parts to the
        open case of this problem.

        Raises Invalid for a kind, a queue or parts that do not exist, OrderNotFound, ProblemHasCase.
        """
        return open_by_hand(ask, by, self._commands, self._orders, self._rulebook())

    def claim(self, case_id: UUID, expected: int, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [self._claimed(case, by)])

    def release(self, case_id: UUID, expected: int, note: Note, by: Caller) -> CommandResult:
        return self._act(
            case_id, expected, by, lambda case: [decisions.release(case, by.person, note)]
        )

    def hand_off(self, case_id: UUID, expected: int, ask: HandOff, by: Caller) -> CommandResult:
        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            to = decisions.next_owner(case, ask, self._rulebook())
            # Replayed data names people who were never added.
            if to.person is not None and by.authority is not FULL_AUTHORITY:
                self._require_owner_in_scope(to.person, to.queue, case, by.now)
            return [decisions.hand_off(case, by.person, to, ask.note, ask.evidence)]

        return self._act(case_id, expected, by, decide)

    def wait(self, case_id: UUID, expected: int, ask: StartWait, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: decisions.wait(case, by.person, ask))

    def resume(self, case_id: UUID, expected: int, note: Note, by: Caller) -> CommandResult:
        return self._act(
            case_id, expected, by, lambda case: [decisions.resume(case, by.person, note)]
        )

    def note(self, case_id: UUID, expected: int, note: RequiredNote, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [NoteAdded(note=note)])

    def attach(self, case_id: UUID, expected: int, evidence: Evidence, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [EvidenceAttached(evidence=evidence)])

    def add_task(self, case_id: UUID, expected: int, ask: AddTask, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [decisions.add_task(case, ask)])

    def complete_task(
        self, case_id: UUID, expected: int, ask: CompleteTask, by: Caller
    ) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [decisions.complete_task(case, ask)])

    def drop_task(self, case_id: UUID, expected: int, ask: DropTask, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [decisions.drop_task(case, ask)])

    def place_hold(self, case_id: UUID, expected: int, ask: PlaceHold, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [decisions.place_hold(case, ask)])

    def release_hold(
        self, case_id: UUID, expected: int, ask: ReleaseHold, by: Caller
    ) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [decisions.release_hold(case, ask)])

    def escalate(
        self, case_id: UUID, expected: int, note: RequiredNote, by: Caller
    ) -> CommandResult:
        return self._act(
            case_id, expected, by, lambda case: [decisions.escalate(case, note, self._staff)]
        )

    def reterm(self, case_id: UUID, expected: int, note: RequiredNote, by: Caller) -> CommandResult:
        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            return [decisions.reterm(case, note, by.now, self._rulebook())]

        return self._act(case_id, expected, by, decide)

    def link(self, case_id: UUID, expected: int, ask: LinkCase, by: Caller) -> CommandResult:
        other = self.case(ask.case, by.authority)
        return self._act(case_id, expected, by, lambda case: [decisions.link(case, other, ask)])

    def declare_error(
        self, case_id: UUID, expected: int, ask: DeclareError, by: Caller
    ) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: [decisions.declare_error(case, ask)])

    def resolve(
        self, case_id: UUID, expected: int, resolution: Resolution, by: Caller
    ) -> CommandResult:
        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            requires = self._rulebook().document.resolving_requires
            required = requires.get(resolution.reason, ())
            order = self._order(case.order)
            decisions.require_claimed_by(case, by.person)
            require_part_outcomes(case, resolution, requires)
            return decisions.resolve(case, by.person, resolution, order, required)

        return self._act(case_id, expected, by, decide)

    def reopen(self, case_id: UUID, expected: int, note: RequiredNote, by: Caller) -> CommandResult:
        return self._act(case_id, expected, by, lambda case: decisions.reopen(case, note))

    def claim_next(self, candidates: Iterable[UUID], by: Caller) -> CommandResult | None:
        """Claim the first of the candidates that can still be claimed; None if none can.

        The candidates come from a report, which may be behind, so each is decided on its own stream.
        """
        for case_id in candidates:
            # First try the cached state, which may be behind; then what the log says.
            for load in (self._cases.cached, self._cases.current):
                case = load([case_id]).get(case_id)
                if case is None or not _can_be_claimed(case, by.person):
                    continue
                try:
                    return self.claim(case_id, case.version, by)
                except (CaseNotOpen, CaseChanged, CaseNotFound, NotInScope):
                    self._cases.forget([case_id])
        return None

    def current_cases(self, case_ids: Iterable[UUID]) -> list[ExceptionCase]:
        """The cases as the log has them now."""
        return [*self._cases.current([*case_ids]).values()]

    def _require_owner_in_scope(
        self, person: str, queue: str, case: ExceptionCase, now: datetime
    ) -> None:
        """Raises Invalid if the new owner does not exist, or may not work on the case."""
        authority = self._authority_of(person, now)
        if authority is None:
            names = {name for role in Role for name in self._staff(role)}
            detail = f"no person {person}{did_you_mean(person, names)}"
            raise Invalid([Fault("/to_person", detail)], "the hand-off")
        if not authority.covers(Permission.WORK_CASES, queue, case.region, case.id):
            detail = f"{person} may not work on this case in queue {queue}"
            raise Invalid([Fault("/to_person", detail)], "the hand-off")

    def _order(self, order_id: str) -> Order | None:
        """The order as the log has it now."""
        stream = order_stream(order_id)
        return self._orders.current([stream]).get(stream)

    def _claimed(self, case: ExceptionCase, by: Caller) -> CaseEvent:
        queue = self._rulebook().document.queues.get(case.queue)
        return decisions.claim(case, by.person, queue.claim_lease if queue else None)


def _can_be_claimed(case: ExceptionCase, person: str) -> bool:
    return case.state is CaseState.OPEN or (case.ownership.resumed and case.person == person)
