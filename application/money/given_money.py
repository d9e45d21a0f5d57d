"""Reads what an order and its customer were given: by our adjustments, and by refunds that systems told."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog
from application.log.repository import Repository
from domain.adjustments import ledger
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.identities import (
    find_identities,
    ledger_of_identity,
    ledger_of_proposer,
    text_to_digest,
)
from domain.adjustments.identity_kinds import Identity
from domain.adjustments.ledger import Ledger, Ledgers
from domain.cases.exception_case import ExceptionCase
from domain.money import PositiveMoney
from domain.orders.order import Order, order_stream
from domain.policy.approvals import ApprovalMatrix, CumulativeAmounts


class Given(Struct, frozen=True):
    """What an order, its customer, the customer's identities and the proposer were given so far."""

    order: Order
    ledgers: Ledgers
    streams: Mapping[UUID, tuple[Identity | None, int]]
    """The ledgers to write to, each with its kind of identity and its version: the order's comes first."""
    of_proposer: Mapping[str, int]
    """The versions of the proposer's ledgers, by name."""
    known: Mapping[UUID, Adjustment]
    case_orders: Mapping[UUID, str]
    of_orders: Mapping[str, Sequence[Adjustment]]


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

    def of(self, order: Order, names: Sequence[str], since: datetime) -> Given:
        """The ledgers as the log has them now, for a proposal by a person with these names. Of identities,
        only what was proposed since then is read."""
        of_order = ledger.ledger_of_order(order.id)
        kinds: dict[UUID, Identity | None] = {of_order: None}
        of_customer = None
        if order.facts.customer.id is not None:
            subject = self._log.subject_of(order.facts.customer.id)
            of_customer = ledger.ledger_of_customer(subject)
            kinds[of_customer] = None
        for kind, value in find_identities(order.stated):
            subject = self._log.subject_of(text_to_digest(kind, value))
            kinds[ledger_of_identity(kind, subject)] = kind
        proposers = {name: ledger_of_proposer(name) for name in names}
        found = self._ledgers.current([*kinds, *proposers.values()])
        state = {stream: found.get(stream) or Ledger() for stream in (*kinds, *proposers.values())}
        ledgers = Ledgers(
            of_order=state[of_order],
            of_customer=state[of_customer] if of_customer is not None else None,
            of_identities=[(kind, state[one]) for one, kind in kinds.items() if kind is not None],
            of_proposer=[state[stream] for stream in proposers.values()],
        )
        cases = self._cases.refreshed([*ledgers.cases(since)])
        return Given(
            order,
            ledgers,
            {stream: (kind, state[stream].version) for stream, kind in kinds.items()},
            {name: state[stream].version for name, stream in proposers.items()},
            adjustments_of(cases.values()),
            {id: case.order for id, case in cases.items()},
            _by_order(cases.values()),
        )

    def sums(
        self, given: Given, matrix: ApprovalMatrix, now: datetime
    ) -> Callable[[PositiveMoney], CumulativeAmounts]:
        """Adds to an amount what else the order, and the customer within the window, were given."""
        since = now - matrix.approvals.window
        ledgers = [given.ledgers.of_customer or Ledger()]
        ledgers += [of_identity for _, of_identity in given.ledgers.of_identities]
        told = {
            name: None for one in ledgers for name, at in one.orders_told.items() if at >= since
        }
        names = [name for name in told if name != given.order.id]
        others = self._orders.current([order_stream(name) for name in names]) if names else {}

        def sums(amount: PositiveMoney) -> CumulativeAmounts:
            return ledger.cumulative_amounts(
                amount,
                given.ledgers,
                given.known,
                given.case_orders,
                given.of_orders,
                given.order,
                others.values(),
                matrix,
                now,
            )

        return sums


def adjustments_of(cases: Iterable[ExceptionCase]) -> dict[UUID, Adjustment]:
    """All adjustments of these cases, by id."""
    return {one.id: one for case in cases for one in case.adjustments.items}


def _by_order(cases: Iterable[ExceptionCase]) -> dict[str, list[Adjustment]]:
    found: dict[str, list[Adjustment]] = {}
    for case in cases:
        found.setdefault(case.order, []).extend(case.adjustments.items)
    return found


def entered_in(entered: Ledger, known: Mapping[UUID, Adjustment]) -> Sequence[Adjustment]:
    """The known adjustments that a ledger has."""
    return [known[entry.adjustment] for entry in entered.entries if entry.adjustment in known]
