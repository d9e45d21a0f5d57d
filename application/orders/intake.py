"""Taking signals: recorded once, folded into their orders, and acted on in the same append."""

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
from domain.orders.signals import OWN_SOURCE, OrderPlaced
from domain.people import Actor
from domain.policy.rulebook import Rulebook

ATTEMPTS = 50
PAUSE_AFTER_ATTEMPTS = 3
"""After so many lost races with other processes, each waits for a moment of its own choice."""
CONTENTION_BATCHES = 100
LONGEST_PAUSE_SECONDS = 0.05


class SignalOutcome(StrEnum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class AffectedCase(Struct, frozen=True):
    """A case that the order's signals touched: `event` is the last thing that it led to."""

    case: UUID
    kind: str
    event: str


class Receipt(Struct, frozen=True):
    """What became of one signal. `cases` are those that its order's signals opened or joined."""

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
        self._turns = NamedLocks()
        self._wary = 0
        """For how many batches more it is assumed that other processes write to the same orders."""

    def take(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: Callable[[Sequence[Receipt]], CommandRow | None] | None = None,
    ) -> IntakeResult:
        """Take a batch, whole: what it leads to is stored together or not at all.

        A signal whose identity was used for another statement, or whose source is our own name, is
        refused by itself. What new orders show when they are held against others is recorded with
        them. `command` makes the row that keeps the answer; it is stored in the same transaction.
        Raises TooContended, CommandRepeated.
        """
        units = group_by_order(arrivals)
        self._wary = max(self._wary - 1, 0)
        # Batches about the same order or customer would otherwise take the version from under each
        # other's feet, and all but one of them would have been worked out in vain.
        with self._turns.of([*(unit.order for unit in units), *self._customers(units)]):
            for attempt in range(ATTEMPTS):
                if attempt > PAUSE_AFTER_ATTEMPTS:
                    time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
                receipts: list[Receipt] = [Receipt(SignalOutcome.DUPLICATE)] * len(arrivals)
                orders, looked_up = self._look(units)
                responses = self._respond(units, orders, looked_up, receipts, actor)
                writes = [write for r in responses for write in r.writes]
                writes += looked_up.writes
                row = command(receipts) if command else None
                if not writes and row is None:
                    return IntakeResult(0, receipts)
                try:
                    appended = self._log.append(writes, row)
                except VersionTaken:
                    # Others write about these orders. For a while, what they have added is looked
                    # for first: less than to work a batch out twice.
                    self._wary = CONTENTION_BATCHES
                    if attempt >= PAUSE_AFTER_ATTEMPTS:
                        self._forget(units, responses)
                        self._look_up.forget(looked_up)
                    continue
                self._keep(responses)
                self._look_up.keep(looked_up)
                return IntakeResult(appended.position, receipts)
        raise TooContended(f"{len(units)} orders, {ATTEMPTS} attempts")

    def _customers(self, units: Sequence[OrderBatch]) -> Iterator[str]:
        """Whose orders are held against each other: no order has such a name."""
        asked = self._rulebook().document.look_ups
        if asked is not None and asked.duplicates is not None:
            for unit in units:
                for arrival in unit.arrivals:
                    if isinstance(arrival.signal, OrderPlaced):
                        yield f"customer {arrival.signal.customer.id}"

    def _look(self, units: Sequence[OrderBatch]) -> tuple[Mapping[UUID, Order], LookUpResult]:
        """The orders, and what those that are new to us show against others."""
        look = self._orders.refreshed if self._wary else self._orders.cached
        orders = look([order_stream(unit.order) for unit in units])
        asked = self._rulebook().document.look_ups
        placed = _find_new_orders(units, orders) if asked is not None else []
        found = (
            self._look_up.of(placed, asked, wary=self._wary > 0)
            if asked is not None and placed
            else EMPTY_RESULT
        )
        return orders, found

    def _respond(
        self,
        units: Sequence[OrderBatch],
        orders: Mapping[UUID, Order],
        looked_up: LookUpResult,
        receipts: list[Receipt],
        actor: Actor,
    ) -> list[OrderOutcome]:
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        look = self._cases.refreshed if self._wary else self._cases.cached
        cases = look(refs) if refs else {}
        rulebook = self._rulebook()
        answers = []
        for unit in units:
            order = orders.get(order_stream(unit.order)) or Order(id=unit.order)
            answers.append(
                _decide_order(unit, order, cases, looked_up, rulebook, receipts, actor, self._staff)
            )
        return answers

    def _keep(self, answers: Sequence[OrderOutcome]) -> None:
        for answer in answers:
            self._orders.keep(answer.stream, answer.order)
            for case_id in answer.changed:
                self._cases.keep(case_id, answer.cases[case_id])

    def _forget(self, units: Sequence[OrderBatch], answers: Sequence[OrderOutcome]) -> None:
        self._orders.forget(order_stream(unit.order) for unit in units)
        self._cases.forget(case for answer in answers for case in answer.cases)


class OrderOutcome(Struct, frozen=True):
    """What follows for one order: the writes, and the states after them."""

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
    # Arrivals at one moment are taken together; later ones see what the earlier ones led to.
    for received_at, places in group_by_time(unit):
        response = CaseDetection(order, own, rulebook, received_at, staff)
        sent = [unit.arrivals[n].signal for n in places]
        fresh, refused = split_accepted(sent, looked_up.about(sent), order)
        taken = {signal.key for signal in response.take(fresh)}
        for n in places:
            signal = unit.arrivals[n].signal
            if problem := refused.get(id(signal)):
                receipts[unit.places[n]] = Receipt(SignalOutcome.REFUSED, problem=problem)
            elif signal.key in taken:
                taken.discard(signal.key)
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
    """The statements that an order was placed which will be taken, by arrival: of two orders that
    are alike, the one that came later repeats the other, wherever it stands in the batch."""
    found: list[tuple[datetime, int, OrderPlaced]] = []
    for unit in units:
        if not any(isinstance(arrival.signal, OrderPlaced) for arrival in unit.arrivals):
            continue
        order = orders.get(order_stream(unit.order))
        known = set(order.signals) if order is not None else set()
        for received_at, places in group_by_time(unit):
            for n in places:
                signal = unit.arrivals[n].signal
                is_taken = signal.key not in known and signal.source != OWN_SOURCE
                known.add(signal.key)
                if is_taken and isinstance(signal, OrderPlaced):
                    found.append((received_at, unit.places[n], signal))
    found.sort(key=lambda one: one[:2])
    return [PlacedOrder(signal, received_at) for received_at, _, signal in found]
