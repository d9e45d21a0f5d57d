"""Commands on adjustments: one method, one command, one append; and why a person may not approve."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from msgspec import structs

from application.cases.case_commands import CaseCommands, CommandResult
from application.cases.cited_evidence import CitedEvidence, FileLookup, assume_stored
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import LEDGER, ORDER
from application.money.current_people import CurrentPeople, adjustment_of
from application.money.given_money import Given, GivenMoney, adjustments_of, entered_in
from application.money.own_statements import state_own_refund
from application.orders.intake import Intake
from application.people.order_duties import OrderCases, OrderDuties
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
from domain.adjustments.events import (
    AdjustmentExecuted,
    AdjustmentProposed,
    AdjustmentSystemApproved,
)
from domain.adjustments.identities import ledger_of_proposer
from domain.adjustments.ledger import AdjustmentEntered, Ledger, ledger_of_order
from domain.adjustments.money_left import MoneyLeft, money_left
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


class Matter(NamedTuple):
    """What a person decides on."""

    case: ExceptionCase
    adjustment: Adjustment
    person: ActingPerson
    order: Order
    over: OrderCases
    people: CurrentPeople


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
        self.duties = OrderDuties(orders, cases, ledgers, lambda: rulebook().document.kinds)
        cited = CitedEvidence(orders, is_file_stored)
        self._commands = CaseCommands(log, cases, staff, cited, self.duties)
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

        All ledgers are written with the proposal, so that two proposals for one customer, in any cases,
        see each other. Raises what `propose` of the domain raises, CaseNotFound, CaseChanged.
        """
        for _ in range(ATTEMPTS):
            known = self._commands.case(case_id)
            over = self.duties.complete(known)
            matrix = decisions.require_matrix(self._rulebook())
            since = by.now - matrix.approvals.window
            given = self._given.of(self._given.order(known.order), by.names, since)
            writes = [_order_guard(given.order, by)]

            def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
                events = self._proposed(case, ask, by, given, over)  # noqa: B023
                writes.extend(_ledger_writes(case, events, given, by))  # noqa: B023
                return events

            # Somebody may have proposed for the same customer, or told a refund, just now: then again.
            with suppress(VersionTaken):
                return self._commands.act(case_id, expected, by, decide, writes, PROPOSE, over)
        raise TooContended(f"{ATTEMPTS} attempts")

    def approve(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: ApproveAdjustment, by: Caller
    ) -> CommandResult:
        def decide(on: Matter) -> Sequence[CaseEvent]:
            left, rulebook = _left(on), self._rulebook()
            return [
                decisions.approve(
                    on.case, on.adjustment, ask, on.person, on.order, rulebook, left, by.now
                )
            ]

        return self._act(case_id, expected, adjustment, by, APPROVE, decide)

    def reject(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: RejectAdjustment, by: Caller
    ) -> CommandResult:
        def decide(on: Matter) -> Sequence[CaseEvent]:
            return [decisions.reject(on.case, on.adjustment, ask, on.person)]

        return self._act(case_id, expected, adjustment, by, APPROVE, decide)

    def withdraw(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: WithdrawAdjustment, by: Caller
    ) -> CommandResult:
        def decide(on: Matter) -> Sequence[CaseEvent]:
            return [decisions.withdraw(on.case, on.adjustment, ask, on.person)]

        return self._act(case_id, expected, adjustment, by, PROPOSE, decide)

    def execute(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: ExecuteAdjustment, by: Caller
    ) -> CommandResult:
        """Order the payment; the payer makes it, once."""

        def decide(on: Matter) -> Sequence[CaseEvent]:
            left, rulebook = _left(on), self._rulebook()
            events = decisions.execute(
                on.case, on.adjustment, ask, on.person, on.order, rulebook, left, self._provider
            )
            on.people.require_acts_hold(on.case, on.adjustment, on.over)
            return events

        done = self._act(case_id, expected, adjustment, by, EXECUTE, decide)
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
        def decide(on: Matter) -> Sequence[CaseEvent]:
            return [decisions.reconcile(on.case, on.adjustment, on.person, statement)]

        return self._act(case_id, expected, adjustment, by, RECONCILE, decide)

    def _act(
        self,
        case_id: UUID,
        expected: int,
        adjustment: UUID,
        by: Caller,
        needs: Permission,
        decide: Callable[[Matter], Sequence[CaseEvent]],
    ) -> CommandResult:
        """Act on an adjustment and the order's facts; a refusal says which adjustment it was about.

        If a signal or an act on another case of the order arrives during it, or two names of its people
        are linked before an approval is stored or a payment is ordered, decide again.
        """
        for _ in range(ATTEMPTS):
            known, trail = self._commands.case_and_trail(case_id)
            order = self._given.order(known.order)
            over = self.duties.of(known, order)
            guards = [_order_guard(order, by)]
            people = self._people.read(by, adjustment_of(known, adjustment), trail)
            if needs in (APPROVE, EXECUTE):
                guards += people.guards(known, adjustment_of(known, adjustment), over, by)
            current = people.with_names(by)

            def decide_in_scope(case: ExceptionCase) -> Sequence[CaseEvent]:
                people.require_scope(case, current, needs)  # noqa: B023
                try:
                    found = case.adjustments.get(adjustment)
                    person = _acting_person(people, case, current, over)  # noqa: B023
                    return decide(Matter(case, found, person, order, over, people))  # noqa: B023
                except Refusal as refusal:
                    refusal.facts["adjustment"] = str(adjustment)
                    raise

            with suppress(VersionTaken):
                return self._commands.act(
                    case_id, expected, current, decide_in_scope, guards, needs, over
                )
        raise TooContended(f"{ATTEMPTS} attempts")

    def cases(self, ids: Sequence[UUID]) -> Mapping[UUID, ExceptionCase]:
        """The cases as the log has them now."""
        return self._cases.refreshed(ids)

    def why_not(self, case: ExceptionCase, adjustment: Adjustment, by: Caller) -> list[Refusal]:
        """Every rule that forbids this person's approval; empty if there is none."""
        matrix = decisions.require_matrix(self._rulebook())
        person = _acting_person(self._people, case, by, self.duties.of(case))
        return list(decisions.find_refusals(case, adjustment, person, matrix))

    def _proposed(
        self,
        case: ExceptionCase,
        ask: ProposeAdjustment,
        by: Caller,
        given: Given,
        over: OrderCases,
    ) -> list[CaseEvent]:
        rulebook = self._rulebook()
        sums = self._given.sums(given, decisions.require_matrix(rulebook), by.now)
        left = money_left(given.order, entered_in(given.ledgers.of_order, given.known))
        person = _acting_person(self._people, case, by, over)
        return propose(case, ask, person, given.order, left, sums, rulebook, by.now)


def _left(on: Matter) -> MoneyLeft:
    """What may be given for the order besides this adjustment. Nothing is read again: the append fails if
    the ledger or another case has changed."""
    known = adjustments_of([on.case, *on.over.others.values()])
    return money_left(on.order, entered_in(on.over.ledger, known), on.adjustment.id)


def _acting_person(
    people: CurrentPeople, case: ExceptionCase, by: Caller, over: OrderCases
) -> ActingPerson:
    """The caller, with the roles that give approval rights over this case."""
    roles = people.roles_over(case, by, APPROVE)
    return ActingPerson(by.person, by.names, roles, by.actor.is_agent, over.elsewhere)


def _order_guard(order: Order, by: Caller) -> Write:
    """Lets the append fail if the order has a new signal by then."""
    return by.write(order_stream(order.id), ORDER, order.version, [], order.id)


def _ledger_writes(
    case: ExceptionCase, events: Sequence[CaseEvent], given: Given, by: Caller
) -> list[Write]:
    """The proposal in each ledger, so that a proposal of the same moment for one of them fails. What policy
    approves by itself is also in the proposer's ledgers."""
    proposed = next(event for event in events if isinstance(event, AdjustmentProposed))
    entered = AdjustmentEntered(
        adjustment=proposed.adjustment, case=case.id, amount=proposed.amount
    )
    writes = []
    for stream, (kind, version) in given.streams.items():
        is_of_order = stream == ledger_of_order(case.order)
        entry = structs.replace(entered, of=kind, duties_over_order=is_of_order)
        writes.append(by.write(stream, LEDGER, version, [entry], case.order))
    if any(isinstance(event, AdjustmentSystemApproved) for event in events):
        for name, version in given.of_proposer.items():
            entry = structs.replace(entered, by_policy_for=name)
            stream = ledger_of_proposer(name)
            writes.append(by.write(stream, LEDGER, version, [entry], case.order))
    return writes
