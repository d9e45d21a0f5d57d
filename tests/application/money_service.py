"""A service with a paid order, a case that ana has claimed, and people who decide on money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import structs

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import Write
from application.log.streams import CASE
from application.money.money_desk import MoneyDesk
from application.money.own_statements import state_own_refund
from application.money.reconciliation import ReconciliationDesk, Statement
from application.people.conflict_scan import ConflictScan
from application.people.people_desk import PeopleDesk
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    ProposeAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.adjustments.errors import DutyConflict
from domain.adjustments.events import (
    AdjustmentExecuted,
    AmountDiffers,
    ExecutionFailed,
    OutcomeInDoubt,
    PaymentOutcome,
)
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.adjustments.own_statement import own_statement
from domain.adjustments.provider_statement import RefundStatus, StatementLine
from domain.authority import authority_of
from domain.cases.exception_case import ExceptionCase
from domain.money import Money, PositiveMoney, to_positive
from domain.people import OPERATOR_ACTOR, PAYER_ACTOR, Actor, Role
from domain.person import Grant
from domain.policy.rulebook import Rulebook
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService, staff
from tests.domain.signals import after, captured, line, placed, refunded, scanned, unavailable

LEAD, OPS, FINANCE = (Role.TEAM_LEAD,), (Role.OPS_MANAGER,), (Role.FINANCE_APPROVER,)
ROLES = {
    "ana": (Role.EXCEPTION_SPECIALIST,),
    "bo": (Role.HANDLER,),
    "tia": LEAD,
    "omar": OPS,
    "fay": FINANCE,
    "finn": FINANCE,
    "fred": FINANCE,
}


def caller_with_roles(person: str, at: datetime, **more: object) -> Caller:
    """A caller with the roles of this person."""
    roles = more.pop("roles", ROLES.get(person, ()))
    grants = tuple(
        Grant(grant=f"g-{role}", role=role, granted_at=at, granted_by=OPERATOR_ACTOR)
        for role in roles
    )
    by = Caller(
        Actor(f"key:{person}", person), person, at, "command:test", None, authority_of(grants)
    )
    return structs.replace(by, **more)


class MoneyService(InMemoryService):
    """`price` is charged and captured in one payment; the case is `stock_unavailable`."""

    def __init__(
        self,
        price: str | None = "50000.00",
        recorder: InMemoryLogRecorder | None = None,
        rulebook: Rulebook = UNTIMED_RULEBOOK,
    ) -> None:
        super().__init__(rulebook, recorder)
        self.open_money_desk(None)
        if recorder is None and price is not None:
            self.buy("o-1", price)

    def employ(self, roles: Mapping[str, Sequence[Role]]) -> PeopleDesk:
        """Add these people, and let the money desk decide by what the log has of them."""
        people = PeopleDesk(self.log, streams.people(self.log))
        for name, own in roles.items():
            people.add(name, own, after(0))
        self.open_money_desk(people)
        return people

    def open_money_desk(self, people: PeopleDesk | None) -> None:
        """Without a people desk, it checks nobody."""
        self.money = MoneyDesk(
            self.log,
            self.orders,
            self.cases,
            self.ledgers,
            lambda: self.rulebook,
            staff,
            "local",
            people,
            self.intake,
        )

    def buy(
        self, order: str, price: str, customer: str | None = None, at: float = 0, by: str = "ana"
    ) -> ExceptionCase:
        """A paid order that cannot be delivered; ana, or another person, claims its case."""
        lines = (line(price, "EUR"),)
        story = (placed(at, lines=lines), captured(at + 1, price, "EUR"), unavailable(at + 2))
        signals = [
            structs.replace(signal, order=order, id=f"{signal.id}-{order}") for signal in story
        ]
        if customer is not None:
            who = structs.replace(signals[0].customer, id=customer)  # type: ignore[attr-defined]
            signals[0] = structs.replace(signals[0], customer=who)
        self.take(*signals, at=after(at + 3))
        case = next(c for c in self.found() if c.order == order and c.kind == "stock_unavailable")
        return self.desk.claim(case.id, case.version, caller_with_roles(by, after(at + 4))).case

    def of(self, order: str = "o-1") -> ExceptionCase:
        return next(c for c in self.found() if c.order == order and c.kind == "stock_unavailable")

    def propose(
        self,
        amount: str = "40.00",
        kind: AdjustmentKind = AdjustmentKind.PARTIAL_REFUND,
        reason: AdjustmentReason = AdjustmentReason.NOT_RECEIVED,
        by: str = "ana",
        at: float = 5,
        order: str = "o-1",
        **more: object,
    ) -> Adjustment:
        case = self.of(order)
        ask = ProposeAdjustment(
            kind=kind,
            amount=PositiveMoney(amount, self.currency(case)),
            reason=reason,
            **more,  # type: ignore[arg-type]
        )
        done = self.money.propose(case.id, case.version, ask, caller_with_roles(by, after(at)))
        return done.case.adjustments.items[-1]

    def currency(self, case: ExceptionCase) -> str:
        return self.order(case.order).facts.charge.currency or "EUR"

    def approve(
        self, adjustment: Adjustment, by: str, at: float = 6, order: str = "o-1", **more: object
    ) -> Adjustment:
        case = self.of(order)
        ask = ApproveAdjustment(digest=adjustment.digest)
        done = self.money.approve(
            case.id, case.version, adjustment.id, ask, caller_with_roles(by, after(at), **more)
        )
        return done.case.adjustments.get(adjustment.id)

    def reject(
        self, adjustment: Adjustment, by: str, at: float = 6, order: str = "o-1"
    ) -> Adjustment:
        case = self.of(order)
        ask = RejectAdjustment(digest=adjustment.digest, reason="Not ours.")
        done = self.money.reject(
            case.id, case.version, adjustment.id, ask, caller_with_roles(by, after(at))
        )
        return done.case.adjustments.get(adjustment.id)

    def withdraw(
        self, adjustment: Adjustment, by: str, at: float = 6, order: str = "o-1"
    ) -> Adjustment:
        case = self.of(order)
        ask = WithdrawAdjustment(reason="She kept it.")
        done = self.money.withdraw(
            case.id, case.version, adjustment.id, ask, caller_with_roles(by, after(at))
        )
        return done.case.adjustments.get(adjustment.id)

    def execute(
        self,
        adjustment: Adjustment,
        by: str,
        at: float = 7,
        reference: str | None = None,
        order: str = "o-1",
        **more: object,
    ) -> Adjustment:
        case = self.of(order)
        ask = ExecuteAdjustment(digest=adjustment.digest, reference=reference)
        done = self.money.execute(
            case.id, case.version, adjustment.id, ask, caller_with_roles(by, after(at), **more)
        )
        return done.case.adjustments.get(adjustment.id)

    def refusals(self) -> Sequence[tuple[str | None, str, str]]:
        """The recorded refusals: who, what, and by which rule."""
        return [
            (line.actor.person, line.event.attempt, line.event.rule)  # type: ignore[union-attr]
            for line in self.lines()
            if line.type == "attempt.refused"
        ]

    def record_outcome(self, event: PaymentOutcome, order: str, at: float) -> None:
        """Record the provider's answer as the payer does."""
        case = self.of(order)
        write = Write(
            stream=case.id,
            kind=CASE,
            expected=case.version,
            events=[(PAYER_ACTOR, event)],
            recorded_at=after(at),
            order=order,
        )
        self.log.append([write])
        self.cases.forget([case.id])

    def adjusted(self, order: str, at: float) -> None:
        """Adjustments in every state they can reach."""
        self.buy(order, "900.00", f"c-{order}", at)

        def new(**more: object) -> Adjustment:
            return self.propose("20.00", at=at + 5, order=order, **more)  # type: ignore[arg-type]

        self.propose("1.00", reason=AdjustmentReason.PRICE_ERROR, at=at + 5, order=order)
        with suppress(DutyConflict):
            self.approve(new(), "ana", at + 6, order, roles=OPS)
        self.reject(self.of(order).adjustments.items[-1], "tia", at + 6, order)
        self.withdraw(new(), "ana", at + 6, order)
        new(reason=AdjustmentReason.GOODWILL, kind=AdjustmentKind.APPEASEMENT)
        for fails in (True, False):
            one = self.execute(
                self.approve(new(), "tia", at + 6, order), "fay", at + 7, order=order
            )
            self.record_outcome(
                OutcomeInDoubt(adjustment=one.id, detail="no answer"), order, at + 7
            )
            amount = to_positive(one.amount)
            outcome: PaymentOutcome = (
                ExecutionFailed(adjustment=one.id, provider="local", detail="closed")
                if fails
                else AdjustmentExecuted(
                    adjustment=one.id, provider="local", reference="re_1", amount=amount
                )
            )
            self.record_outcome(outcome, order, at + 8)
        differs = AmountDiffers(
            adjustment=self.of(order).adjustments.items[-2].id, ordered=amount, given=amount
        )
        self.record_outcome(differs, order, at + 8)
        case = self.of(order)
        by = caller_with_roles("finn", after(at + 9))
        self.money.reconcile(case.id, case.version, case.adjustments.items[-1].id, "ab" * 32, by)
        self.reconciled(at + 9)
        self.take(structs.replace(scanned(at), order=order), at=after(at + 9))
        self.told_elsewhere(order, "3.00", at + 9)
        scan = ConflictScan(
            self.log, self.cases, self.money.duties, lambda: [(case.id, ("ana", "tia"))]
        )
        assert (scan.look(after(at + 10)), scan.look(after(at + 10))) == (1, 0)

    def paid(self, one: Adjustment, reference: str, order: str = "o-1", at: float = 8) -> None:
        """What the payer does once the provider has paid: the statement, then the outcome."""
        amount = to_positive(one.amount)
        executed = AdjustmentExecuted(
            adjustment=one.id, provider="local", reference=reference, amount=amount
        )
        statement = own_statement(order, one, executed, after(at))
        state_own_refund(self.intake, statement, after(at))
        self.record_outcome(executed, order, at)

    def told_elsewhere(self, order: str, amount: str, at: float, **more: object) -> None:
        """A refund that another system made and told."""
        told = refunded(at, amount, "EUR", f"refunded-{order}", order=order)
        told = structs.replace(told, **more)
        self.take(told, at=after(at))

    def reconciled(self, at: float) -> None:
        """Reconcile with a statement that has a line nobody ordered."""
        line = StatementLine(
            reference="re_9",
            key=None,
            payment="p",
            amount=Money("1.00", "EUR"),
            status=RefundStatus.SUCCEEDED,
            created_at=after(at),
        )
        desk = ReconciliationDesk(self.log, self.money, None, lambda *_: {}, lambda _: {})
        statement = Statement("local", after(at), after(at), [line], "ab" * 32, True)
        desk.reconcile(statement, caller_with_roles("finn", after(at)))
