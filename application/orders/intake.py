"""Signal intake: records each signal once, folds it into its order, and decides on it in the same append."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog, Write
from application.log.recorder import CommandRow, VersionTaken
from application.log.repository import Repository
from application.log.writes import known_timer_of, with_next_due, writes_of
from application.orders.batches import (
    Arrival,
    OrderBatch,
    group_by_order,
    group_by_time,
    split_accepted,
)
from application.orders.look_ups import EMPTY_RESULT, LookUp, LookUpResult, PlacedOrder
from application.orders.order_locks import NamedLocks
from domain.cases.detection import CaseDetection
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import RoleMembers
from domain.errors import CasetrailError, TooContended
from domain.orders.order import Order, order_stream
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signal_body import OWN_SOURCE
from domain.people import Actor
from domain.policy.rulebook import Rulebook

ATTEMPTS = 50
PAUSE_AFTER_ATTEMPTS = 3
"""After so many lost races with other processes, each attempt first waits for a random time."""
CONTENTION_BATCHES = 100
LONGEST_PAUSE_SECONDS = 0.05


class SignalOutcome(StrEnum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class AffectedCase(Struct, frozen=True):
    """A case that the signals changed; `event` is the tag of its last new event."""

    case: UUID
    kind: str
    event: str


class Receipt(Struct, frozen=True):
    """The outcome of one signal. `cases` are those that its order's signals opened or joined."""

    outcome: SignalOutcome
    cases: tuple[AffectedCase, ...] = ()
    problem: CasetrailError | None = None


class IntakeResult(Struct, frozen=True):
    position: int
    receipts: Sequence[Receipt]


class Intake:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        rulebook: Callable[[], Rulebook],
        staff: RoleMembers,
        look_up: LookUp,
    ) -> None:
        self._staff = staff
        self._log = log
        self._orders = orders
        self._cases = cases
        self._rulebook = rulebook
        self._look_up = look_up
        self._locks = NamedLocks()
        self._contended = 0
        """How many more batches assume that other processes write to the same orders."""

    def take(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: Callable[[Sequence[Receipt]], CommandRow | None] | None = None,
    ) -> IntakeResult:
        """Record a batch, and all that follows from it, in one transaction.

        A signal is refused by itself if its id was used with other content, or if its source is our own
        name. What look-ups find about new orders is recorded with them. `command` makes the row that
        stores the answer. Raises TooContended, CommandRepeated.
        """
        units = group_by_order(arrivals)
        self._contended = max(self._contended - 1, 0)
        # Without locks, of several batches about one order or customer only the first append succeeds,
        # and the others are computed again.
        with self._locks.of([*(unit.order for unit in units), *self._customers(units)]):
            for attempt in range(ATTEMPTS):
                if attempt > PAUSE_AFTER_ATTEMPTS:
                    time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
                receipts: list[Receipt] = [Receipt(SignalOutcome.DUPLICATE)] * len(arrivals)
                orders, looked_up = self._look_up_new(units)
                responses = self._respond(units, orders, looked_up, receipts, actor)
                writes = [write for r in responses for write in r.writes]
                writes += looked_up.writes
                row = command(receipts) if command else None
                if not writes and row is None:
                    return IntakeResult(0, receipts)
                try:
                    appended = self._log.append(writes, row)
                except VersionTaken:
                    # Other processes write to these orders. For a while, read their new lines first:
                    # that is cheaper than to compute a batch twice.
                    self._contended = CONTENTION_BATCHES
                    if attempt >= PAUSE_AFTER_ATTEMPTS:
                        self._forget(units, responses)
                        self._look_up.forget(looked_up)
                    continue
                self._keep(responses)
                self._look_up.keep(looked_up)
                return IntakeResult(appended.position, receipts)
        raise TooContended(f"{len(units)} orders, {ATTEMPTS} attempts")

    def _customers(self, units: Sequence[OrderBatch]) -> Iterator[str]:
        """Lock names of the customers whose orders are compared; no order has such a name."""
        wanted = self._rulebook().document.look_ups
        if wanted is not None and wanted.duplicates is not None:
            for unit in units:
                for arrival in unit.arrivals:
                    signal = arrival.signal
                    if isinstance(signal, OrderPlaced) and signal.customer is not None:
                        yield f"customer {signal.customer.id}"

    def _look_up_new(
        self, units: Sequence[OrderBatch]
    ) -> tuple[Mapping[UUID, Order], LookUpResult]:
        """The orders, and what look-ups find about the new ones."""
        load = self._orders.refreshed if self._contended else self._orders.cached
        orders = load([order_stream(unit.order) for unit in units])
        wanted = self._rulebook().document.look_ups
        placed = _find_new_orders(units, orders) if wanted is not None else []
        if wanted is None or not placed:
            return orders, EMPTY_RESULT
        return orders, self._look_up.of(placed, wanted, contended=self._contended > 0)

    def _respond(
        self,
        units: Sequence[OrderBatch],
        orders: Mapping[UUID, Order],
        looked_up: LookUpResult,
        receipts: list[Receipt],
        actor: Actor,
    ) -> list[OrderOutcome]:
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        load = self._cases.refreshed if self._contended else self._cases.cached
        cases = load(refs) if refs else {}
        rulebook = self._rulebook()
        outcomes = []
        for unit in units:
            order = orders.get(order_stream(unit.order)) or Order(id=unit.order)
            outcomes.append(
                _decide_order(unit, order, cases, looked_up, rulebook, receipts, actor, self._staff)
            )
        return outcomes

    def _keep(self, outcomes: Sequence[OrderOutcome]) -> None:
        for outcome in outcomes:
            self._orders.keep(outcome.stream, outcome.order)
            for case_id in outcome.changed:
                self._cases.keep(case_id, outcome.cases[case_id])

    def _forget(self, units: Sequence[OrderBatch], outcomes: Sequence[OrderOutcome]) -> None:
        self._orders.forget(order_stream(unit.order) for unit in units)
        self._cases.forget(case for outcome in outcomes for case in outcome.cases)


class OrderOutcome(Struct, frozen=True):
    """What a batch leads to for one order: the writes, and the states after them."""

    stream: UUID
    order: Order
    cases: Mapping[UUID, ExceptionCase]
    changed: Sequence[UUID]
    writes: Sequence[Write]


def _decide_order(
    unit: OrderBatch,
    before: Order,
    cases: Mapping[UUID, ExceptionCase],
    looked_up: LookUpResult,
    rulebook: Rulebook,
    receipts: list[Receipt],
    actor: Actor,
    staff: RoleMembers,
) -> OrderOutcome:
    order = before
    due_before = known_timer_of(before, rulebook)
    own = {ref.case: cases[ref.case] for ref in before.cases.values()}
    writes: list[Write] = []
    changed: list[UUID] = []
    # Arrivals at one moment are decided on together; later ones see what the earlier ones led to.
    for received_at, places in group_by_time(unit):
        response = CaseDetection(order, own, rulebook, received_at, staff)
        sent = [unit.arrivals[n].signal for n in places if not unit.arrivals[n].is_own]
        own_signals = [unit.arrivals[n].signal for n in places if unit.arrivals[n].is_own]
        fresh, refused = split_accepted(sent, [*looked_up.about(sent), *own_signals], order)
        recorded = {signal.key for signal in response.take(fresh)}
        for n in places:
            signal = unit.arrivals[n].signal
            if problem := refused.get(id(signal)):
                receipts[unit.places[n]] = Receipt(SignalOutcome.REFUSED, problem=problem)
            elif signal.key in recorded:
                recorded.discard(signal.key)
                receipts[unit.places[n]] = Receipt(
                    SignalOutcome.RECORDED, _affected_cases(response)
                )
        cause = f"signal:{unit.arrivals[places[0]].signal.key}"
        writes += writes_of(response, order, own, cause, received_at, actor)
        changed += response.case_events
        order, own = response.order, response.cases
    writes = with_next_due(writes, due_before, order, rulebook)
    return OrderOutcome(order_stream(unit.order), order, own, changed, writes)


def _affected_cases(response: CaseDetection) -> tuple[AffectedCase, ...]:
    return tuple(
        AffectedCase(case_id, response.cases[case_id].kind, str(events[-1].__struct_config__.tag))
        for case_id, events in response.case_events.items()
    )


def _find_new_orders(
    units: Sequence[OrderBatch], orders: Mapping[UUID, Order]
) -> list[PlacedOrder]:
    """The new signals that an order was placed, by time of arrival: of two alike orders, the later one
    is the duplicate, at any place in the batch."""
    found: list[tuple[datetime, int, OrderPlaced]] = []
    for unit in units:
        if not any(isinstance(arrival.signal, OrderPlaced) for arrival in unit.arrivals):
            continue
        order = orders.get(order_stream(unit.order))
        known = set(order.signals) if order is not None else set()
        for received_at, places in group_by_time(unit):
            for n in places:
                signal = unit.arrivals[n].signal
                is_new = signal.key not in known and signal.source != OWN_SOURCE
                known.add(signal.key)
                if is_new and isinstance(signal, OrderPlaced):
                    found.append((received_at, unit.places[n], signal))
    found.sort(key=lambda placed: placed[:2])
    return [PlacedOrder(signal, received_at) for received_at, _, signal in found]
