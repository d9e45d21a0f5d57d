"""Adjustments as commands: one method, one command, one append; and who may approve what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import structs

from application.cases.case_commands import CaseActs, Decide, Done
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import LEDGER
from application.people.people_desk import PeopleDesk
from domain.access_errors import NotInScope
from domain.adjustments import decisions, ledger
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    ProposeAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.adjustments.errors import Refusal
from domain.adjustments.events import AdjustmentProposed
from domain.adjustments.ledger import AdjustmentEntered, Ledger
from domain.adjustments.proposal import propose
from domain.authority import authority_of
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import Staff
from domain.errors import TooContended
from domain.orders.order import Order, order_stream
from domain.permissions import Permission
from domain.policy.rulebook import Rulebook

ATTEMPTS = 20
PROPOSE, APPROVE = Permission.PROPOSE_ADJUSTMENTS, Permission.APPROVE_ADJUSTMENTS
EXECUTE, RECONCILE = Permission.EXECUTE_ADJUSTMENTS, Permission.RECONCILE_ADJUSTMENTS


class MoneyDesk:
    """`provider` is the name of the payment provider that is connected, if one is."""

    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        ledgers: Repository[Ledger],
        rulebook: Callable[[], Rulebook],
        staff: Staff,
        provider: str | None,
        people: PeopleDesk | None = None,
    ) -> None:
        self._log = log
        self._acts = CaseActs(log, cases, staff)
        self._orders = orders
        self._cases = cases
        self._ledgers = ledgers
        self._rulebook = rulebook
        self._provider = provider
        self._people = people

    def propose(self, case_id: UUID, expected: int, ask: ProposeAdjustment, by: Caller) -> Done:
        """Recommend it, with what else was given to the order and the customer counted in.

        Two proposals for one customer, in whatever cases, see each other: both ledgers are written
        with the proposal. Raises what `propose` of the domain does, CaseNotFound, CaseChanged.
        """
        for _ in range(ATTEMPTS):
            order = self._order(self._acts.case(case_id))
            ledgers = self._ledgers_of(order)
            known = self._known(ledgers.values())
            writes: list[Write] = []

            def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
                events = self._proposed(case, ask, by, order, ledgers, known)  # noqa: B023
                writes.extend(_entries(case, events, ledgers, by))  # noqa: B023
                return events

            try:
                return self._acts.act(case_id, expected, by, decide, writes, PROPOSE)
            except VersionTaken:
                self._ledgers.forget(ledgers)  # somebody proposed for the same customer just now
        raise TooContended(f"{ATTEMPTS} attempts")

    def approve(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: ApproveAdjustment, by: Caller
    ) -> Done:
        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            one, order = case.adjustments.get(adjustment), self._order(case)
            return [
                decisions.approve(case, one, ask, _hands(case, by), order, self._rulebook(), by.now)
            ]

        return self._act(case_id, expected, by, adjustment, decide, APPROVE)

    def reject(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: RejectAdjustment, by: Caller
    ) -> Done:
        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            return [decisions.reject(case, case.adjustments.get(adjustment), ask, _hands(case, by))]

        return self._act(case_id, expected, by, adjustment, decide, APPROVE)

    def withdraw(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: WithdrawAdjustment, by: Caller
    ) -> Done:
        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            return [
                decisions.withdraw(case, case.adjustments.get(adjustment), ask, _hands(case, by))
            ]

        return self._act(case_id, expected, by, adjustment, decide, PROPOSE)

    def execute(
        self, case_id: UUID, expected: int, adjustment: UUID, ask: ExecuteAdjustment, by: Caller
    ) -> Done:
        """Order the payment: it is made, once, by whoever looks after the provider."""

        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            one, order = case.adjustments.get(adjustment), self._order(case)
            rulebook = self._rulebook()
            return decisions.execute(
                case, one, ask, _hands(case, by), order, rulebook, self._provider
            )

        return self._act(case_id, expected, by, adjustment, decide, EXECUTE)

    def reconcile(
        self, case_id: UUID, expected: int, adjustment: UUID, statement: str, by: Caller
    ) -> Done:
        def decide(case: ExceptionCase) -> Sequence[CaseEvent]:
            one = case.adjustments.get(adjustment)
            return [decisions.reconcile(case, one, _hands(case, by), statement)]

        return self._act(case_id, expected, by, adjustment, decide, RECONCILE)

    def _act(
        self,
        case_id: UUID,
        expected: int,
        by: Caller,
        adjustment: UUID,
        decide: Decide,
        needs: Permission,
    ) -> Done:
        by = self._as_of_now(by)

        def still_reached(case: ExceptionCase) -> Sequence[CaseEvent]:
            self._must_reach_now(case, by, needs)
            return decide(case)

        return self._acts.act(case_id, expected, by, _about(adjustment, still_reached), needs=needs)

    def _as_of_now(self, by: Caller) -> Caller:
        """Whoever it was a moment ago may have turned out to be somebody else, too."""
        if self._people is None:
            return by
        return structs.replace(by, known_as=tuple(self._people.names_behind(by.actor)))

    def _must_reach_now(self, case: ExceptionCase, by: Caller, needs: Permission) -> None:
        """What is remembered of a grant for seconds is not enough where money is decided on.

        Raises NotInScope.
        """
        if self._people is None:
            return
        for name in by.actor.persons:
            person = self._people.known(name)
            # A delegate needs to be there, and acts with what the other may.
            may = person is not None and not person.has_left
            if person is not None and name == by.person:
                now = authority_of(person.at(by.now))
                may = may and now.covers(needs, case.queue, case.region, case.id)
            if not may:
                raise NotInScope(f"{name} may not {needs} here any more", permission=needs)

    def cases(self, ids: Sequence[UUID]) -> Mapping[UUID, ExceptionCase]:
        """The cases as the log has them now."""
        return self._cases.caught_up(ids)

    def why_not(self, case: ExceptionCase, adjustment: Adjustment, by: Caller) -> list[Refusal]:
        """Every rule that stands against this person's approval; empty if none does."""
        matrix = decisions.matrix_of(self._rulebook())
        return list(decisions.why_not(case, adjustment, _hands(case, by), matrix))

    def _proposed(
        self,
        case: ExceptionCase,
        ask: ProposeAdjustment,
        by: Caller,
        order: Order,
        ledgers: Mapping[UUID, Ledger],
        known: Mapping[UUID, Adjustment],
    ) -> list[CaseEvent]:
        rulebook = self._rulebook()
        of_order, *of_customer = ledgers.values()
        customer = of_customer[0] if of_customer else None
        matrix = decisions.matrix_of(rulebook)
        sums = ledger.sums(ask.amount, of_order, customer, known, matrix, by.now)
        given = [known[e.adjustment] for e in of_order.entries if e.adjustment in known]
        return propose(case, ask, _hands(case, by), order, given, sums, rulebook, by.now)

    def _ledgers_of(self, order: Order) -> dict[UUID, Ledger]:
        """The order's ledger, then the customer's, as the log has them now."""
        streams = [ledger.ledger_of_order(order.id)]
        if order.facts.customer.id is not None:
            subject = self._log.subject_of(order.facts.customer.id)
            streams.append(ledger.ledger_of_customer(subject))
        found = self._ledgers.current(streams)
        return {stream: found.get(stream) or Ledger() for stream in streams}

    def _known(self, ledgers: Iterable[Ledger]) -> dict[UUID, Adjustment]:
        """The adjustments that are entered, as their cases have them."""
        cases = {entry.case for one in ledgers for entry in one.entries}
        found = self._cases.caught_up([*cases]) if cases else {}
        return {one.id: one for case in found.values() for one in case.adjustments.items}

    def _order(self, case: ExceptionCase) -> Order:
        """The order as the log has it now."""
        stream = order_stream(case.order)
        return self._orders.current([stream]).get(stream) or Order(id=case.order)


def _hands(case: ExceptionCase, by: Caller) -> decisions.Hands:
    """Who asks, with the roles by which approvals reach this case."""
    roles = by.authority.roles_over(APPROVE, case.queue, case.region, case.id)
    return decisions.Hands(by.person, by.names, tuple(roles), by.actor.is_agent)


def _about(adjustment: UUID, decide: Decide) -> Decide:
    """The same decision; what is refused says which adjustment it was about."""

    def decided(case: ExceptionCase) -> Sequence[CaseEvent]:
        try:
            return decide(case)
        except Refusal as refusal:
            refusal.facts["adjustment"] = str(adjustment)
            raise

    return decided


def _entries(
    case: ExceptionCase, events: Sequence[CaseEvent], ledgers: Mapping[UUID, Ledger], by: Caller
) -> list[Write]:
    proposed = next(event for event in events if isinstance(event, AdjustmentProposed))
    entered = AdjustmentEntered(
        adjustment=proposed.adjustment, case=case.id, amount=proposed.amount
    )
    return [
        Write(
            stream=stream,
            kind=LEDGER,
            expected=known.version,
            events=[(by.actor, entered)],
            recorded_at=by.now,
            cause=by.cause,
            order=case.order,
        )
        for stream, known in ledgers.items()
    ]
