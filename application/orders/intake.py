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
from application.log.writes import timer_of, with_next_due, writes_of
from application.orders.batches import Arrival, Unit, by_order, moments, sound
from application.orders.look_ups import NOTHING, LookedUp, LookUp, Placed
from application.orders.order_locks import Turns
from domain.cases.detection import Response
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import Staff
from domain.errors import CasetrailError, TooContended
from domain.orders.order import Order, order_stream
from domain.orders.signals import OWN_SOURCE, OrderPlaced
from domain.people import Actor
from domain.policy.rulebook import Rulebook

ATTEMPTS = 50
UNLUCKY = 3
"""After so many lost races with other processes, each waits for a moment of its own choice."""
WARY_BATCHES = 100
LONGEST_PAUSE_SECONDS = 0.05


class Outcome(StrEnum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class Touched(Struct, frozen=True):
    """A case that the order's signals touched: `event` is the last thing that it led to."""

    case: UUID
    kind: str
    event: str


class Receipt(Struct, frozen=True):
    """What became of one signal. `cases` are those that its order's signals opened or joined."""

    outcome: Outcome
    cases: tuple[Touched, ...] = ()
    problem: CasetrailError | None = None


class Taken(Struct, frozen=True):
    position: int
    receipts: Sequence[Receipt]


class Intake:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        rulebook: Callable[[], Rulebook],
        staff: Staff,
        look_up: LookUp,
    ) -> None:
        self._staff = staff
        self._log = log
        self._orders = orders
        self._cases = cases
        self._rulebook = rulebook
        self._look_up = look_up
        self._turns = Turns()
        self._wary = 0
        """For how many batches more it is assumed that other processes write to the same orders."""

    def take(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: Callable[[Sequence[Receipt]], CommandRow | None] | None = None,
    ) -> Taken:
        """Take a batch, whole: what it leads to is stored together or not at all.

        A signal whose identity was used for another statement, or whose source is our own name, is
        refused by itself. What new orders show when they are held against others is recorded with
        them. `command` makes the row that keeps the answer; it is stored in the same transaction.
        Raises TooContended, CommandRepeated.
        """
        units = by_order(arrivals)
        self._wary = max(self._wary - 1, 0)
        # Batches about the same order or customer would otherwise take the version from under each
        # other's feet, and all but one of them would have been worked out in vain.
        with self._turns.of([*(unit.order for unit in units), *self._customers(units)]):
            for attempt in range(ATTEMPTS):
                if attempt > UNLUCKY:
                    time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
                receipts: list[Receipt] = [Receipt(Outcome.DUPLICATE)] * len(arrivals)
                orders, looked_up = self._look(units)
                responses = self._respond(units, orders, looked_up, receipts, actor)
                writes = [write for r in responses for write in r.writes]
                writes += looked_up.writes
                row = command(receipts) if command else None
                if not writes and row is None:
                    return Taken(0, receipts)
                try:
                    appended = self._log.append(writes, row)
                except VersionTaken:
                    # Others write about these orders. For a while, what they have added is looked
                    # for first: less than to work a batch out twice.
                    self._wary = WARY_BATCHES
                    if attempt >= UNLUCKY:
                        self._forget(units, responses)
                        self._look_up.forget(looked_up)
                    continue
                self._keep(responses)
                self._look_up.keep(looked_up)
                return Taken(appended.position, receipts)
        raise TooContended(f"{len(units)} orders, {ATTEMPTS} attempts")

    def _customers(self, units: Sequence[Unit]) -> Iterator[str]:
        """Whose orders are held against each other: no order has such a name."""
        asked = self._rulebook().document.look_ups
        if asked is not None and asked.duplicates is not None:
            for unit in units:
                for arrival in unit.arrivals:
                    if isinstance(arrival.signal, OrderPlaced):
                        yield f"customer {arrival.signal.customer.id}"

    def _look(self, units: Sequence[Unit]) -> tuple[Mapping[UUID, Order], LookedUp]:
        """The orders, and what those that are new to us show against others."""
        look = self._orders.caught_up if self._wary else self._orders.at_hand
        orders = look([order_stream(unit.order) for unit in units])
        asked = self._rulebook().document.look_ups
        placed = _newly_placed(units, orders) if asked is not None else []
        found = (
            self._look_up.of(placed, asked, wary=self._wary > 0)
            if asked is not None and placed
            else NOTHING
        )
        return orders, found

    def _respond(
        self,
        units: Sequence[Unit],
        orders: Mapping[UUID, Order],
        looked_up: LookedUp,
        receipts: list[Receipt],
        actor: Actor,
    ) -> list[Answer]:
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        look = self._cases.caught_up if self._wary else self._cases.at_hand
        cases = look(refs) if refs else {}
        rulebook = self._rulebook()
        answers = []
        for unit in units:
            order = orders.get(order_stream(unit.order)) or Order(id=unit.order)
            answers.append(
                _answer(unit, order, cases, looked_up, rulebook, receipts, actor, self._staff)
            )
        return answers

    def _keep(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            self._orders.keep(answer.stream, answer.order)
            for case_id in answer.changed:
                self._cases.keep(case_id, answer.cases[case_id])

    def _forget(self, units: Sequence[Unit], answers: Sequence[Answer]) -> None:
        self._orders.forget(order_stream(unit.order) for unit in units)
        self._cases.forget(case for answer in answers for case in answer.cases)


class Answer(Struct, frozen=True):
    """What follows for one order: the writes, and the states after them."""

    stream: UUID
    order: Order
    cases: Mapping[UUID, ExceptionCase]
    changed: Sequence[UUID]
    writes: Sequence[Write]


def _answer(
    unit: Unit,
    before: Order,
    cases: Mapping[UUID, ExceptionCase],
    looked_up: LookedUp,
    rulebook: Rulebook,
    receipts: list[Receipt],
    actor: Actor,
    staff: Staff,
) -> Answer:
    order = before
    due_before = timer_of(before, rulebook)
    own = {ref.case: cases[ref.case] for ref in before.cases.values()}
    writes: list[Write] = []
    changed: list[UUID] = []
    # Arrivals at one moment are taken together; later ones see what the earlier ones led to.
    for received_at, places in moments(unit):
        response = Response(order, own, rulebook, received_at, staff)
        sent = [unit.arrivals[n].signal for n in places]
        fresh, refused = sound(sent, looked_up.about(sent), order)
        taken = {signal.key for signal in response.take(fresh)}
        for n in places:
            signal = unit.arrivals[n].signal
            if problem := refused.get(id(signal)):
                receipts[unit.places[n]] = Receipt(Outcome.REFUSED, problem=problem)
            elif signal.key in taken:
                taken.discard(signal.key)
                receipts[unit.places[n]] = Receipt(Outcome.RECORDED, _touched(response))
        cause = f"signal:{unit.arrivals[places[0]].signal.key}"
        writes += writes_of(response, order, own, cause, received_at, actor)
        changed += response.case_events
        order, own = response.order, response.cases
    writes = with_next_due(writes, due_before, order, rulebook)
    return Answer(order_stream(unit.order), order, own, changed, writes)


def _touched(response: Response) -> tuple[Touched, ...]:
    return tuple(
        Touched(case_id, response.cases[case_id].kind, str(events[-1].__struct_config__.tag))
        for case_id, events in response.case_events.items()
    )


def _newly_placed(units: Sequence[Unit], orders: Mapping[UUID, Order]) -> list[Placed]:
    """The statements that an order was placed which will be taken, by arrival: of two orders that
    are alike, the one that came later repeats the other, wherever it stands in the batch."""
    found: list[tuple[datetime, int, OrderPlaced]] = []
    for unit in units:
        if not any(isinstance(arrival.signal, OrderPlaced) for arrival in unit.arrivals):
            continue
        order = orders.get(order_stream(unit.order))
        known = set(order.signals) if order is not None else set()
        for received_at, places in moments(unit):
            for n in places:
                signal = unit.arrivals[n].signal
                is_taken = signal.key not in known and signal.source != OWN_SOURCE
                known.add(signal.key)
                if is_taken and isinstance(signal, OrderPlaced):
                    found.append((received_at, unit.places[n], signal))
    found.sort(key=lambda one: one[:2])
    return [Placed(signal, received_at) for received_at, _, signal in found]
