"""What recorded history would have led to under two policies: every order lived through in memory.

Orders do not touch each other: what one shows about another was looked up and recorded when it came.
So each is lived through by itself, in virtual time: signals come when they came, and what falls due
is decided at its moment. What people did is no part of it, but for when they resolved a case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from msgspec import Struct, field, structs

from application.log.event_codec import from_state
from application.log.event_log import EventLog
from domain.cases.detection import Response
from domain.cases.events import CaseEvent, Detected, Reopened, Resolved, Routed
from domain.cases.exception_case import ExceptionCase
from domain.clock.terms import Measure
from domain.orders.events import PassedIntake, ProblemDetected, SignalRecorded
from domain.orders.facts import OrderFacts
from domain.orders.order import Order
from domain.orders.signals import Signal
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_counts import CaseKey, Opening, Tally
from domain.policy.simulation_figures import Figures
from domain.recorded import Recorded

_SIGNAL = b'"event":{"type":"order.signal_recorded"'
_RESOLVED = b'"event":{"type":"case.resolved"'


class Asked(Struct, frozen=True, kw_only=True):
    """Which history, and under which policies: with it anybody finds the same figures."""

    active: Rulebook
    proposed: Rulebook
    since: datetime
    until: datetime
    position: int


class Together(Struct, frozen=True):
    """Signals that came together."""

    at: datetime
    signals: Sequence[Signal]


class Past(Struct, frozen=True):
    """An order as it was recorded, and when people resolved its cases."""

    order: str
    arrivals: Sequence[Together]
    resolved: Mapping[UUID, datetime]


class Lived(Struct, frozen=True):
    """What an order has come to under a policy."""

    openings: Mapping[CaseKey, Opening]
    passed_at: datetime | None


def simulate(log: EventLog, streams: Sequence[UUID], asked: Asked) -> Tally:
    """Live through these orders under both policies."""
    tally = Tally()
    for past in pasts(log, streams, asked):
        counted = sum(
            len(one.signals) for one in past.arrivals if asked.since <= one.at < asked.until
        )
        active, proposed = lives(past, (asked.active, asked.proposed), asked.until)
        tally.signals += counted
        tally.orders += counted > 0
        tally.add(_within(active, asked), _within(proposed, asked), past.resolved, asked.until)
        tally.passed = tally.passed.plus(
            active=_is_within(active.passed_at, asked),
            proposed=_is_within(proposed.passed_at, asked),
        )
    return tally


def figures_of(tallies: Iterable[Tally]) -> Figures:
    return sum(tallies, start=Tally()).figures()


def pasts(log: EventLog, streams: Sequence[UUID], asked: Asked) -> Iterator[Past]:
    """The orders of these streams, as far as they were recorded before the period's end."""
    found: dict[UUID, list[Recorded]] = {}
    cases: dict[UUID, UUID] = {}
    for position, state in log.recorder.select_streams(streams):
        if position > asked.position:
            continue
        if _SIGNAL in state:
            (line,) = log.opened([(position, state)])
            if line.recorded_at < asked.until:
                found.setdefault(line.stream, []).append(line)
        elif b'"type":"order.problem_detected"' in state:
            line = from_state(position, state)
            if isinstance(line.event, ProblemDetected):
                cases[line.event.case] = line.stream
    resolved: dict[UUID, dict[UUID, datetime]] = {}
    for position, state in log.recorder.select_streams([*cases]) if cases else ():
        if position <= asked.position and _RESOLVED in state:
            line = from_state(position, state)
            resolved.setdefault(cases[line.stream], {})[line.stream] = line.recorded_at
    for stream, lines in found.items():
        yield Past(lines[0].order or "", [*_together(lines)], resolved.get(stream, {}))


def _together(lines: Sequence[Recorded]) -> Iterator[Together]:
    for (at, _), group in groupby(lines, key=lambda line: (line.recorded_at, line.cause)):
        events = [line.event for line in group]
        yield Together(at, [event.signal for event in events if isinstance(event, SignalRecorded)])


class _Remembering(Order, frozen=True, kw_only=True):
    """An order whose facts are worked out once for all the lives that it is given."""

    remembered: dict[tuple[str, ...], OrderFacts] = field(default_factory=dict)
    """By the signals that they follow from."""

    @property
    def facts(self) -> OrderFacts:
        if self.known_facts is not None:
            return self.known_facts
        told = tuple(self.signals)
        known = self.remembered.get(told)
        if known is not None:
            structs.force_setattr(self, "known_facts", known)
            return known
        found = super().facts
        self.remembered[told] = found
        return found


def lives(past: Past, rulebooks: Sequence[Rulebook], until: datetime) -> Iterator[Lived]:
    """The same order under one policy after the other."""
    order = _Remembering(id=past.order)
    for rulebook in rulebooks:
        yield live(past, rulebook, until, order)


def live(past: Past, rulebook: Rulebook, until: datetime, order: Order | None = None) -> Lived:
    life = _Life(order or Order(id=past.order), rulebook)
    for arrival in past.arrivals:
        life.go_on(arrival.at)
        life.take(arrival)
    life.go_on(until)
    return Lived(life.openings(), life.passed_at)


class _Life:
    def __init__(self, order: Order, rulebook: Rulebook) -> None:
        self._order = order
        self._cases: Mapping[UUID, ExceptionCase] = {}
        self._rulebook = rulebook
        self._openings: dict[CaseKey, Opening] = {}
        self.passed_at: datetime | None = None

    def go_on(self, now: datetime) -> None:
        """Up to here, with no signal: what falls due is decided at its moment."""
        while (due := self._order.next_due(self._rulebook)) is not None and due < now:
            response = self._response(due)
            response.tick()
            self._keep(response, due)

    def take(self, arrival: Together) -> None:
        response = self._response(arrival.at)
        response.take(arrival.signals)
        self._keep(response, arrival.at)

    def openings(self) -> Mapping[CaseKey, Opening]:
        """Each with when it is due, as its clock was left."""
        found = {}
        for (case_id, number), opening in self._openings.items():
            run = self._cases[case_id].timing.clock.runs.get(Measure.RESOLUTION)
            due_at = run.due_at if run is not None else None
            found[case_id, number] = structs.replace(opening, due_at=due_at)
        return found

    def _response(self, now: datetime) -> Response:
        return Response(self._order, self._cases, self._rulebook, now, _nobody)

    def _keep(self, response: Response, now: datetime) -> None:
        self._order, self._cases = response.order, response.cases
        for case_id, events in response.case_events.items():
            for event in events:
                self._of_case(case_id, event, now)
        if self.passed_at is None and any(
            isinstance(event, PassedIntake) for event in response.order_events
        ):
            self.passed_at = now

    def _of_case(self, case_id: UUID, event: CaseEvent, now: datetime) -> None:
        known = sum(1 for case, _ in self._openings if case == case_id)
        match event:
            case Detected(kind=kind, detected_at=opened_at):
                self._openings[case_id, known + 1] = Opening(kind=kind, opened_at=opened_at)
            case Reopened(deadline=deadline):
                kind = self._cases[case_id].kind
                self._openings[case_id, known + 1] = Opening(kind=kind, opened_at=deadline or now)
            case Routed(queue=queue, severity=severity):
                key = (case_id, known)
                routed = structs.replace(self._openings[key], queue=queue, severity=severity)
                self._openings[key] = routed
            case Resolved():
                key = (case_id, known)
                self._openings[key] = structs.replace(self._openings[key], resolved_at=now)
            case _:
                return


def _within(lived: Lived, asked: Asked) -> dict[CaseKey, Opening]:
    """What was opened in the period."""
    return {key: one for key, one in lived.openings.items() if _is_within(one.opened_at, asked)}


def _is_within(moment: datetime | None, asked: Asked) -> bool:
    return moment is not None and asked.since <= moment < asked.until


def _nobody(_: str) -> Sequence[str]:
    """Whoever would have been told of it: nothing of it is counted."""
    return ()
