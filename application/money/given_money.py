"""Reads what an order and its customer were given: by our adjustments, and by refunds that systems told."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog
from application.log.repository import Repository
from domain.adjustments import ledger
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.ledger import Ledger
from domain.adjustments.money_left import MoneyLeft, money_left
from domain.cases.exception_case import ExceptionCase
from domain.money import PositiveMoney
from domain.orders.order import Order, order_stream
from domain.policy.approvals import ApprovalMatrix, CumulativeAmounts


class Given(Struct, frozen=True):
    """The ledgers of an order and its customer by their streams, and the adjustments in them by their ids."""

    order: Order
    ledgers: Mapping[UUID, Ledger]
    known: Mapping[UUID, Adjustment]

    @property
    def of_order(self) -> Ledger:
        return next(iter(self.ledgers.values()))

    @property
    def of_customer(self) -> Ledger | None:
        return next((entered for entered in [*self.ledgers.values()][1:]), None)


class GivenMoney:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        ledgers: Repository[Ledger],
    ) -> None:
        self._log = log
        self._orders = orders
        self._cases = cases
        self._ledgers = ledgers

    def order(self, id: str) -> Order:
        """The order as the log has it now."""
        stream = order_stream(id)
        return self._orders.current([stream]).get(stream) or Order(id=id)

    def of(self, order: Order) -> Given:
        """The order's ledger, then the customer's, as the log has them now."""
        streams = [ledger.ledger_of_order(order.id)]
        if order.facts.customer.id is not None:
            subject = self._log.subject_of(order.facts.customer.id)
            streams.append(ledger.ledger_of_customer(subject))
        found = self._ledgers.current(streams)
        ledgers = {stream: found.get(stream) or Ledger() for stream in streams}
        return Given(order, ledgers, self._known(ledgers.values()))

    def left(self, order: Order, besides: UUID) -> MoneyLeft:
        """What may be given for the order besides an adjustment of ours."""
        stream = ledger.ledger_of_order(order.id)
        entered = self._ledgers.current([stream]).get(stream) or Ledger()
        return money_left(order, entered_in(entered, self._known([entered])), besides)

    def sums(
        self, given: Given, matrix: ApprovalMatrix, now: datetime
    ) -> Callable[[PositiveMoney], CumulativeAmounts]:
        """Adds to an amount what else the order, and the customer within the window, were given."""
        since = now - matrix.approvals.window
        told = given.of_customer.orders_told if given.of_customer is not None else {}
        names = [name for name, at in told.items() if at >= since and name != given.order.id]
        others = self._orders.current([order_stream(name) for name in names]) if names else {}

        def sums(amount: PositiveMoney) -> CumulativeAmounts:
            return ledger.cumulative_amounts(
                amount,
                given.of_order,
                given.of_customer,
                given.known,
                given.order,
                others.values(),
                matrix,
                now,
            )

        return sums

    def _known(self, ledgers: Iterable[Ledger]) -> dict[UUID, Adjustment]:
        """The adjustments in these ledgers, as their cases have them."""
        cases = {entry.case for entered in ledgers for entry in entered.entries}
        found = self._cases.refreshed([*cases]) if cases else {}
        return {one.id: one for case in found.values() for one in case.adjustments.items}


def entered_in(entered: Ledger, known: Mapping[UUID, Adjustment]) -> Sequence[Adjustment]:
    """The known adjustments that a ledger has."""
    return [known[entry.adjustment] for entry in entered.entries if entry.adjustment in known]
