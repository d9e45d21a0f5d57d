"""Taking signals: recorded once, folded into their orders, and acted on in the same append."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from application.event_log import EventLog, Write
from application.log_recorder import CommandRow, VersionTaken
from application.repository import Repository
from application.streams import CASE, ORDER
from application.turns import Turns
from domain.cases.detection import Response
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import Staff
from domain.cases.work_events import ComeToPass
from domain.errors import CasetrailError, SignalIdReused, TooContended
from domain.orders.events import SignalRecorded
from domain.orders.order import Order, order_stream
from domain.orders.signals import Signal
from domain.people import POLICY, TIMEKEEPER, Actor
from domain.policy.rulebook import Rulebook
from domain.recorded import Event

ATTEMPTS = 50
UNLUCKY = 3
"""After so many lost races with other processes, each waits for a moment of its own choice."""
LONGEST_PAUSE_SECONDS = 0.05


class Arrival(Struct, frozen=True):
    """A signal, and when it reached us."""

    signal: Signal
    received_at: datetime


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


class Unit(Struct, frozen=True):
    """What a batch says of one order: the arrivals, and their places in the batch."""

    order: str
    arrivals: list[Arrival]
    places: list[int]


class Intake:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        rulebook: Callable[[], Rulebook],
        staff: Staff,
    ) -> None:
        self._staff = staff
        self._log = log
        self._orders = orders
        self._cases = cases
        self._rulebook = rulebook
        self._turns = Turns()

    def take(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: Callable[[Sequence[Receipt]], CommandRow | None] | None = None,
    ) -> Taken:
        """Take a batch, whole: what it leads to is stored together or not at all.

        A signal whose identity was used for another statement is refused by itself. `command`
        makes the row that keeps the answer; it is stored in the same transaction. Raises
        TooContended, CommandRepeated.
        """
        units = _by_order(arrivals)
        # Batches about the same order would otherwise take the version from under each other's
        # feet, and all but one of them would have been worked out in vain.
        with self._turns.of(unit.order for unit in units):
            for attempt in range(ATTEMPTS):
                if attempt > UNLUCKY:
                    time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
                receipts: list[Receipt] = [Receipt(Outcome.DUPLICATE)] * len(arrivals)
                responses = self._respond(units, receipts, actor)
                writes = [write for r in responses for write in r.writes]
                row = command(receipts) if command else None
                if not writes and row is None:
                    return Taken(0, receipts)
                try:
                    appended = self._log.append(writes, row)
                except VersionTaken:
                    self._forget(units, responses)
                    continue
                self._keep(responses)
                return Taken(appended.position, receipts)
        raise TooContended(f"{len(units)} orders, {ATTEMPTS} attempts")

    def _respond(
        self, units: Sequence[Unit], receipts: list[Receipt], actor: Actor
    ) -> list[Answer]:
        streams = {unit.order: order_stream(unit.order) for unit in units}
        orders = self._orders.at_hand(list(streams.values()))
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        cases = self._cases.at_hand(refs) if refs else {}
        rulebook = self._rulebook()
        answers = []
        for unit in units:
            stream = streams[unit.order]
            order = orders.get(stream) or Order(id=unit.order)
            answers.append(
                _answer(unit, stream, order, cases, rulebook, receipts, actor, self._staff)
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


def _by_order(arrivals: Sequence[Arrival]) -> list[Unit]:
    units: dict[str, Unit] = {}
    for place, arrival in enumerate(arrivals):
        unit = units.setdefault(arrival.signal.order, Unit(arrival.signal.order, [], []))
        unit.arrivals.append(arrival)
        unit.places.append(place)
    return list(units.values())


def _answer(
    unit: Unit,
    stream: UUID,
    before: Order,
    cases: Mapping[UUID, ExceptionCase],
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
    for received_at, places in _moments(unit):
        response = Response(order, own, rulebook, received_at, staff)
        fresh, refused = _sound([unit.arrivals[n].signal for n in places], order)
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
    return Answer(stream, order, own, changed, with_next_due(writes, due_before, order, rulebook))


def _touched(response: Response) -> tuple[Touched, ...]:
    return tuple(
        Touched(case_id, response.cases[case_id].kind, _tag(events[-1]))
        for case_id, events in response.case_events.items()
    )


def writes_of(
    response: Response,
    order_before: Order,
    cases_before: Mapping[UUID, ExceptionCase],
    cause: str,
    recorded_at: datetime,
    actor: Actor,
) -> list[Write]:
    """A response as writes, the order's first. What policy concluded has policy for an actor, what
    came to pass by itself the timekeeper."""
    streams: list[tuple[UUID, str, int, Sequence[Event], datetime | UnsetType | None]] = []
    if response.order_events:
        order = order_stream(response.order.id)
        streams.append((order, ORDER, order_before.version, response.order_events, UNSET))
    for case_id in {**response.case_events, **cases_before} if streams else {}:
        case = cases_before.get(case_id)
        # A case that was looked at and left alone must not have changed meanwhile.
        events = response.case_events.get(case_id, ())
        due = timer_after(case, response.cases[case_id])
        streams.append((case_id, CASE, case.version if case else 0, events, due))
    return [
        Write(
            stream=stream,
            kind=kind,
            expected=expected,
            events=[(_whose(event, actor), event) for event in events],
            recorded_at=recorded_at,
            cause=cause,
            order=response.order.id,
            next_due=due,
        )
        for stream, kind, expected, events, due in streams
    ]


def _whose(event: Event, sender: Actor) -> Actor:
    if isinstance(event, SignalRecorded):
        return sender
    return TIMEKEEPER if isinstance(event, ComeToPass) else POLICY


def timer_after(before: ExceptionCase | None, after: ExceptionCase) -> datetime | UnsetType | None:
    """The timer to set for a case: UNSET if it stays as it is."""
    known = before.next_due if before is not None else None
    return after.next_due if after.next_due != known else UNSET


def timer_of(order: Order, rulebook: Rulebook) -> datetime | UnsetType | None:
    """The timer that is known to be set for the order; UNSET if it may be another policy's."""
    return order.next_due(rulebook) if order.is_watched_by(rulebook) else UNSET


def with_next_due(
    writes: list[Write], before: datetime | UnsetType | None, after: Order, rulebook: Rulebook
) -> list[Write]:
    """The writes, with the order's timer set where it may have changed."""
    due = after.next_due(rulebook)
    if not writes or due == before:
        return writes
    return [structs.replace(writes[0], next_due=due), *writes[1:]]


def _moments(unit: Unit) -> list[tuple[datetime, list[int]]]:
    groups: dict[datetime, list[int]] = {}
    for n, arrival in enumerate(unit.arrivals):
        groups.setdefault(arrival.received_at, []).append(n)
    return sorted(groups.items())


def _sound(
    signals: Sequence[Signal], order: Order
) -> tuple[list[Signal], dict[int, SignalIdReused]]:
    """The signals that may be taken, and those that reuse an identity, by `id()`."""
    sound: dict[str, Signal] = {}
    refused: dict[int, SignalIdReused] = {}
    for signal in signals:
        known = order.signals.get(signal.key) or sound.get(signal.key)
        if known is None:
            sound[signal.key] = signal
        elif known != signal:
            refused[id(signal)] = SignalIdReused(
                f"{signal.key} of order {order.id} was taken with other content"
            )
    return list(sound.values()), refused


def _tag(event: Event) -> str:
    return str(event.__struct_config__.tag)
