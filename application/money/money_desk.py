"""Commands on adjustments: one method, one command, one append; and why a person may not approve."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from application.cases.case_commands import CaseCommands, CommandResult
from application.cases.cited_evidence import CitedEvidence, FileLookup, assume_stored
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import LEDGER, ORDER
from application.money.current_people import CurrentPeople, adjustment_of
from application.money.given_money import Given, GivenMoney, entered_in
from application.money.own_statements import state_own_refund
from application.orders.intake import Intake
from application.people.people_desk import PeopleDesk
from domain.adjustments import decisions
from domain.adjustments.adjustment import Adjustment, AdjustmentState
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    ProposeAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.adjustments.decisions import ActingPerson
from domain.adjustments.errors import Refusal
from domain.adjustments.events import AdjustmentExecuted, AdjustmentProposed
from domain.adjustments.ledger import AdjustmentEntered, Ledger
from domain.adjustments.money_left import money_left
from domain.adjustments.own_statement import STATED_KINDS, own_statement
from domain.adjustments.proposal import propose
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import RoleMembers
from domain.errors import TooContended
from domain.money import to_positive
from domain.orders.order import Order, order_stream
from domain.permissions import Permission
from domain.policy.rulebook import Rulebook

ATTEMPTS = 20
PROPOSE, APPROVE = Permission.PROPOSE_ADJUSTMENTS, Permission.APPROVE_ADJUSTMENTS
EXECUTE, RECONCILE = Permission.EXECUTE_ADJUSTMENTS, Permission.RECONCILE_ADJUSTMENTS

AdjustmentDecider = Callable[[ExceptionCase, Adjustment, ActingPerson], Sequence[CaseEvent]]
OrderDecider = Callable[[ExceptionCase, Adjustment, ActingPerson, Order], Sequence[CaseEvent]]


class MoneyDesk:
    """`provider` is the name of the connected payment provider, if there is one."""

    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        ledgers: Repository[Ledger],
        rulebook: Callable[[], Rulebook],
        staff: RoleMembers,
        provider: str | None,
        people: PeopleDesk | None = None,
        intake: Intake | None = None,
        is_file_stored: FileLookup = assume_stored,
    ) -> None:
        self._commands = CaseCommands(log, cases, staff, CitedEvidence(orders, is_file_stored))
        self._given = GivenMoney(log, orders, cases, ledgers)
        self._cases = cases
        self._rulebook = rulebook
        self._provider = provider
        self._people = CurrentPeople(log, people)
        self._intake = intake

    def propose(
        self, case_id: UUID, expected: int, ask: ProposeAdjustment, by: Caller
    ) -> CommandResult:
        """Propose an adjustment; what else the order and the customer were given counts towards limits.

        Both ledgers are written with the proposal, so that two proposals for one customer, in any cases,
        see each other. Raises what `propose` of the domain raises, CaseNotFound, CaseChanged.
        """
        for _ in range(ATTEMPTS):
            given = self._given.of(self._given.order(self._commands.case(case_id).order))
            writes = [_order_guard(given.order, by)]

            def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
                events = self._proposed(case, ask, by, given)  # noqa: B023
                writes.extend(_ledger_writes(case, events, given.ledgers, by))  # noqa: B023
                return events

            # Somebody may have proposed for the same customer, or told a refund, just now: then again.
            with suppress(VersionTaken):
                return self._commands.act(case_id, expected, by, decide, writes, PROPOSE)
        raise TooContended(f"{ATTEMPTS} attempts")

    def approve(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: ApproveAdjustment, by: Caller
    ) -> CommandResult:
        def decide(
            case: ExceptionCase, found: Adjustment, person: ActingPerson, order: Order
        ) -> Sequence[CaseEvent]:
            left, rulebook = self._given.left(order, found.id), self._rulebook()
            return [decisions.approve(case, found, ask, person, order, rulebook, left, by.now)]

        return self._act_on_order(case_id, expected, adjustment, by, APPROVE, decide)

    def reject(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: RejectAdjustment, by: Caller
    ) -> CommandResult:
        return self._act(
            case_id,
            expected,
            adjustment,
            by,
            APPROVE,
            lambda case, found, person: [decisions.reject(case, found, ask, person)],
        )

    def withdraw(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: WithdrawAdjustment, by: Caller
    ) -> CommandResult:
        return self._act(
            case_id,
            expected,
            adjustment,
            by,
            PROPOSE,
            lambda case, found, person: [decisions.withdraw(case, found, ask, person)],
        )

    def execute(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: ExecuteAdjustment, by: Caller
    ) -> CommandResult:
        """Order the payment; the payer makes it, once."""

        def decide(
            case: ExceptionCase, found: Adjustment, person: ActingPerson, order: Order
        ) -> Sequence[CaseEvent]:
            left, rulebook = self._given.left(order, found.id), self._rulebook()
            events = decisions.execute(
                case, found, ask, person, order, rulebook, left, self._provider
            )
            self._people.require_acts_hold(case, found)
            return events

        done = self._act_on_order(case_id, expected, adjustment, by, EXECUTE, decide)
        self._state_execution(done.case, adjustment, by)
        return done

    def _state_execution(self, case: ExceptionCase, adjustment: UUID, by: Caller) -> None:
        """State to the order what another system carried out; the payer states what it pays."""
        found = case.adjustments.get(adjustment)
        if found.state is not AdjustmentState.EXECUTED or found.kind not in STATED_KINDS:
            return
        executed = AdjustmentExecuted(
            adjustment=adjustment,
            provider=found.provider or "",
            reference=found.reference or "",
            amount=to_positive(found.amount),
        )
        if self._intake is not None:
            statement = own_statement(case.order, found, executed, by.now)
            state_own_refund(self._intake, statement, by.now)

    def reconcile(
        self, case_id: UUID, expected: int, adjustment: UUID, statement: str, by: Caller
    ) -> CommandResult:
        return self._act(
            case_id,
            expected,
            adjustment,
            by,
            RECONCILE,
            lambda case, found, person: [decisions.reconcile(case, found, person, statement)],
        )

    def _act_on_order(
        self,
        case_id: UUID,
        expected: int,
        adjustment: UUID,
        by: Caller,
        needs: Permission,
        decide: OrderDecider,
    ) -> CommandResult:
        """Act on an adjustment and the order's facts. If a signal arrives during it, or two names of its
        people are linked before a payment is ordered, decide again."""
        for _ in range(ATTEMPTS):
            case = self._commands.case(case_id)
            order = self._given.order(case.order)
            guards = [_order_guard(order, by)]
            if needs is EXECUTE:
                guards += self._people.guards(case, adjustment_of(case, adjustment), by)
            with suppress(VersionTaken):
                return self._act(
                    case_id,
                    expected,
                    adjustment,
                    by,
                    needs,
                    lambda case, found, person: decide(case, found, person, order),  # noqa: B023
                    guards,
                )
        raise TooContended(f"{ATTEMPTS} attempts")

    def _act(
        self,
        case_id: UUID,
        expected: int,
        adjustment: UUID,
        by: Caller,
        needs: Permission,
        decide: AdjustmentDecider,
        also: Sequence[Write] = (),
    ) -> CommandResult:
        """Act on an adjustment; a refusal says which adjustment it was about."""
        current = self._people.with_names(by)

        def decide_in_scope(case: ExceptionCase) -> Sequence[CaseEvent]:
            self._people.require_scope(case, current, needs)
            try:
                return decide(
                    case, case.adjustments.get(adjustment), self._acting_person(case, current)
                )
            except Refusal as refusal:
                refusal.facts["adjustment"] = str(adjustment)
                raise

        return self._commands.act(case_id, expected, current, decide_in_scope, also, needs)

    def cases(self, ids: Sequence[UUID]) -> Mapping[UUID, ExceptionCase]:
        """The cases as the log has them now."""
        return self._cases.refreshed(ids)

    def why_not(self, case: ExceptionCase, adjustment: Adjustment, by: Caller) -> list[Refusal]:
        """Every rule that forbids this person's approval; empty if there is none."""
        matrix = decisions.require_matrix(self._rulebook())
        return list(
            decisions.find_refusals(case, adjustment, self._acting_person(case, by), matrix)
        )

    def _proposed(
        self, case: ExceptionCase, ask: ProposeAdjustment, by: Caller, given: Given
    ) -> list[CaseEvent]:
        rulebook = self._rulebook()
        sums = self._given.sums(given, decisions.require_matrix(rulebook), by.now)
        left = money_left(given.order, entered_in(given.of_order, given.known))
        person = self._acting_person(case, by)
        return propose(case, ask, person, given.order, left, sums, rulebook, by.now)

    def _acting_person(self, case: ExceptionCase, by: Caller) -> ActingPerson:
        """The caller, with the roles that give approval rights over this case."""
        roles = self._people.roles_over(case, by, APPROVE)
        return ActingPerson(by.person, by.names, roles, by.actor.is_agent)


def _order_guard(order: Order, by: Caller) -> Write:
    """Lets the append fail if the order has a new signal by then."""
    return by.write(order_stream(order.id), ORDER, order.version, [], order.id)


def _ledger_writes(
    case: ExceptionCase, events: Sequence[CaseEvent], ledgers: Mapping[UUID, Ledger], by: Caller
) -> list[Write]:
    proposed = next(event for event in events if isinstance(event, AdjustmentProposed))
    entered = AdjustmentEntered(
        adjustment=proposed.adjustment, case=case.id, amount=proposed.amount
    )
    return [
        by.write(stream, LEDGER, known.version, [entered], case.order)
        for stream, known in ledgers.items()
    ]
