"""Payers over one log, with a real provider that is slow, refuses, fails or is down."""

from collections.abc import Callable, Collection, Iterator, Sequence
from decimal import Decimal
from uuid import UUID

import pytest

from application.money.own_statements import state_own_refund
from application.money.payer import Payer
from application.money.provider import PaymentProvider
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.errors import AmountNotAsOrdered
from domain.adjustments.events import AdjustmentExecuted
from domain.adjustments.own_statement import own_statement
from domain.money import PositiveMoney
from domain.orders.signal_body import OWN_SOURCE
from infrastructure.payments.local import LocalProvider
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after
from tests.payments.conftest import Running, adapter, eventually

Payers = Callable[..., Payer]


class PayableOrders(MoneyService):
    """A service that lists its ordered payments as the report would."""

    def order_payment(self, order: str = "o-1", amount: str = "40.00") -> Adjustment:
        if order != "o-1":
            self.buy(order, "900.00")
        return self.execute(
            self.approve(self.propose(amount, order=order), "tia", order=order), "fay", order=order
        )

    def ordered(self, provider: str, besides: Collection[UUID]) -> Sequence[tuple[UUID, UUID]]:
        listed = [(case.id, one) for case in self.found() for one in case.adjustments.items]
        return [
            (case, one.id)
            for case, one in listed
            if one.state is State.EXECUTING and one.provider == provider and one.id not in besides
        ]

    def now(self, adjustment: Adjustment) -> Adjustment:
        items = [one for case in self.found() for one in case.adjustments.items]
        return next(one for one in items if one.id == adjustment.id)

    def events_since_the_order(self, adjustment: Adjustment) -> list[str]:
        """The types of the events about it since the order."""
        lines = [
            line.type
            for line in self.lines()
            if getattr(line.event, "adjustment", None) == adjustment.id
        ]
        return lines[lines.index("case.adjustment_execution_started") + 1 :]


@pytest.fixture
def service() -> PayableOrders:
    return PayableOrders()


@pytest.fixture
def payers(service: PayableOrders) -> Iterator[Payers]:
    made: list[Payer] = []

    def payer(provider: PaymentProvider, ordered: object = service.ordered) -> Payer:
        made.append(
            Payer(service.log, service.cases, provider, ordered, service.intake)  # type: ignore[arg-type]
        )
        return made[-1]

    yield payer
    for one in made:
        one.close()


def until(payer: Payer, found: Callable[[], bool]) -> None:
    def looked() -> bool:
        payer.pay(lambda: after(8))
        return found()

    eventually(looked)


def test_a_payment_of_another_amount_is_reported_and_never_reconciled(
    service: PayableOrders, payers: Payers, own: Running
) -> None:
    one = service.order_payment()
    own.switch(gives="39.00", times=1)
    until(payers(LocalProvider(own.url)), lambda: service.now(one).state is State.EXECUTED)
    assert service.events_since_the_order(one) == [
        "case.adjustment_executed",
        "case.adjustment_amount_differs",
    ]
    assert service.now(one).given == PositiveMoney("39.00", "EUR")
    case = service.of()
    with pytest.raises(AmountNotAsOrdered, match=r"40\.00 EUR was ordered, 39\.00 EUR was paid"):
        service.money.reconcile(
            case.id, case.version, one.id, "ab" * 32, caller_with_roles("finn", after(9))
        )


def test_a_payment_ordered_at_one_provider_is_not_made_at_another(
    service: PayableOrders, payers: Payers, own: Running
) -> None:
    one = service.order_payment()
    assert one.payment is not None
    own.register(one.payment, "40.00", "EUR")
    everything = payers(adapter("stripe", own.url), lambda *_: service.ordered("local", ()))
    for _ in range(3):
        assert everything.pay(lambda: after(8)) == 0
    assert own.written(one.payment) == []
    assert service.now(one).state is State.EXECUTING


def test_a_payer_that_stops_after_the_statement_states_it_once(
    service: PayableOrders, payers: Payers, own: Running
) -> None:
    one = service.order_payment()
    paid = AdjustmentExecuted(
        adjustment=one.id, provider="local", reference="re_0", amount=PositiveMoney("40.00", "EUR")
    )
    state_own_refund(service.intake, own_statement("o-1", one, paid, after(7.5)), after(7.5))
    until(payers(LocalProvider(own.url)), lambda: service.now(one).state is State.EXECUTED)
    stated = [s for s in service.order("o-1").signals.values() if s.source == OWN_SOURCE]
    assert [(s.id, s.event_time) for s in stated] == [(f"adjustment:{one.id}", after(7.5))]
    assert service.order("o-1").facts.refund.issued == Decimal("40.00")


def test_a_pending_refund_that_fails_later_is_recorded_as_failed(
    service: PayableOrders, payers: Payers, own: Running
) -> None:
    one = service.order_payment()
    assert one.payment is not None
    own.switch(status="pending", times=1)
    payer, provider = payers(LocalProvider(own.url)), LocalProvider(own.url)
    until(payer, lambda: own.written(one.payment) != [])  # type: ignore[arg-type]
    assert service.events_since_the_order(one) == []
    (line,) = provider.statement()
    own.post(f"/refunds/{line.reference}/settle", status="failed", failure="account closed")
    until(payer, lambda: service.now(one).state is State.FAILED)
    assert service.now(one).ended == "account closed"
    assert own.written(one.payment) == [(str(one.id), "40.00", "failed")]


def test_an_unknown_outcome_is_recorded_once_and_resolved_when_the_provider_is_back(
    service: PayableOrders, payers: Payers, own: Running
) -> None:
    one = service.order_payment()
    assert one.payment is not None
    both = [payers(LocalProvider(own.url)) for _ in range(2)]
    own.kill()
    for payer in both * 2:
        until(payer, lambda: service.now(one).in_doubt)
    own.start()
    until(both[0], lambda: service.now(one).state is State.EXECUTED)
    assert both[1].pay(lambda: after(8)) == 0
    told = ["case.adjustment_outcome_in_doubt", "case.adjustment_executed"]
    assert service.events_since_the_order(one) == told
    assert not service.now(one).in_doubt
    assert own.written(one.payment) == [(str(one.id), "40.00", "succeeded")]


def test_a_refusal_also_applies_to_a_request_still_in_transit(
    service: PayableOrders, payers: Payers, own: Running
) -> None:
    """A worker sent a request and was killed; another gets a refusal; then the first request
    arrives."""
    one = service.order_payment()
    assert one.payment is not None
    own.switch(fail="refuse", times=1)
    until(payers(LocalProvider(own.url)), lambda: service.now(one).state is State.FAILED)
    amount = {"amount": "40.00", "currency": "EUR"}
    body = {"key": str(one.id), "payment": one.payment, "amount": amount, "order": "o-1"}
    late = own.ask("/refunds", **body, reason="requested_by_customer")
    assert late.status_code == 422
    assert own.written(one.payment) == []


def test_a_slow_payment_delays_no_other(
    service: PayableOrders, payers: Payers, own: Running
) -> None:
    slow = service.order_payment()
    own.switch(delay_seconds=3, times=1)
    payer = payers(LocalProvider(own.url))
    assert payer.pay(lambda: after(8)) == 0
    others = [service.order_payment(f"o-{n}", "5.00") for n in range(2, 14)]
    until(payer, lambda: all(service.now(one).state is State.EXECUTED for one in others))
    assert service.now(slow).state is State.EXECUTING
    until(payer, lambda: service.now(slow).state is State.EXECUTED)
    assert service.events_since_the_order(slow) == ["case.adjustment_executed"]
