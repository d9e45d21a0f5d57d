"""Simulates recorded history under two policies: every order is replayed in memory.

Orders do not affect each other: look-ups between them were recorded as signals. So each order is replayed by itself
in simulated time: signals come when they came, and what falls due is decided at its moment. Acts of people do not
count, except when they resolved a case. What the rules of the active policy decided already is taken from the log
(ADR 21).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from msgspec import Struct, field, structs

from application.log.event_log import EventLog
from application.policy.decided_history import reads_alike
from application.policy.order_pasts import OrderPast, SignalGroup, SimulationScope, load_order_pasts
from domain.cases.detection import CaseDetection
from domain.cases.events import CaseEvent, Detected, Reopened, Resolved, Routed
from domain.cases.exception_case import ExceptionCase
from domain.clock.terms import Measure
from domain.orders.events import PassedIntake
from domain.orders.facts import OrderFacts
from domain.orders.order import Order
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_counts import CaseKey, CaseOpening, SimulationCounter


class SimulatedOrder(Struct, frozen=True):
    """The outcome of an order under a policy."""

    openings: Mapping[CaseKey, CaseOpening]
    passed_at: datetime | None


def simulate(log: EventLog, streams: Sequence[UUID], scope: SimulationScope) -> SimulationCounter:
    """Replay these orders under both policies, and count the outcomes."""
    tally = SimulationCounter()
    compared = compare_policies(scope.active, scope.proposed)
    for past in load_order_pasts(log, streams, scope, all_arrivals=compared.may_find_more):
        counted = sum(_is_in_period(at, scope) for at in past.recorded_at)
        active, proposed = simulate_order_under_both(past, compared, scope.until)
        tally.signals += counted
        tally.orders += counted > 0
        tally.add(
            _openings_in_period(active, scope),
            _openings_in_period(proposed, scope),
            past.resolved,
            scope.until,
        )
        tally.passed = tally.passed.plus(
            active=_is_in_period(active.passed_at, scope),
            proposed=_is_in_period(proposed.passed_at, scope),
        )
    return tally


class _MemoizedOrder(Order, frozen=True, kw_only=True):
    """An order that computes its facts once for all of its replays."""

    remembered: dict[tuple[str, ...], OrderFacts] = field(default_factory=dict)
    """The facts by the keys of the signals that they follow from."""

    @property
    def facts(self) -> OrderFacts:
        if self.known_facts is not None:
            return self.known_facts
        keys = tuple(self.signals)
        known = self.remembered.get(keys)
        if known is not None:
            structs.force_setattr(self, "known_facts", known)
            return known
        found = super().facts
        self.remembered[keys] = found
        return found


class ComparedPolicies(Struct, frozen=True):
    """Two policies, as they are simulated."""

    active: Rulebook
    proposed: Rulebook
    added: Rulebook | None
    """The proposed policy with only the rules that the active one does not have; None if it may pass
    other orders through intake, or reads amounts by other rates."""

    @property
    def may_find_more(self) -> bool:
        """Whether the proposed policy may find a problem where the active one finds none."""
        return self.added is None or bool(self.added.detectors or self.added.watches)


@lru_cache(maxsize=4)
def compare_policies(active: Rulebook, proposed: Rulebook) -> ComparedPolicies:
    """The policies without standard work, which a simulation does not count."""
    old, new = (structs.replace(one.document, stages=None) for one in (active, proposed))
    added = None
    if reads_alike(old, new):
        added = Rulebook(
            structs.replace(
                new,
                detect=tuple(rule for rule in new.detect if rule not in old.detect),
                expect=tuple(rule for rule in new.expect if rule not in old.expect),
                # Only whether a case opens counts, and when it clears depends on all of its rules.
                kinds={
                    name: structs.replace(kind, cleared_when=None)
                    for name, kind in new.kinds.items()
                },
            )
        )
    return ComparedPolicies(Rulebook(old), Rulebook(new), added)


def simulate_order_under_both(
    past: OrderPast, policies: ComparedPolicies, until: datetime
) -> tuple[SimulatedOrder, SimulatedOrder]:
    """Replay the same order under the active and the proposed policy.

    An order without a case under the active policy has none under the proposed one either, unless one of
    the added rules finds something. Most orders have none, so they are replayed under these rules only.
    """
    order = _MemoizedOrder(id=past.order)
    if past.is_quiet:
        active = SimulatedOrder({}, past.passed_at)
    else:
        active = simulate_order(past, policies.active, until, order, go_on=True)
    added, go_on = policies.added, not policies.may_find_more
    if (
        added is not None
        and not active.openings
        and (go_on or not simulate_order(past, added, until, order).openings)
    ):
        return active, active
    return active, simulate_order(past, policies.proposed, until, order, go_on=go_on)


def simulate_order(
    past: OrderPast,
    rulebook: Rulebook,
    until: datetime,
    order: Order | None = None,
    *,
    go_on: bool = False,
) -> SimulatedOrder:
    """Replay an order. `go_on`: from its first problem on, if the log has what was decided until then."""
    run = _OrderRun(order or Order(id=past.order), rulebook)
    arrivals = past.arrivals
    if go_on:
        run.go_on(past)
        arrivals = arrivals[past.decided_arrivals :]
    for arrival in arrivals:
        run.tick_until(arrival.at)
        run.take(arrival)
    run.tick_until(until)
    return SimulatedOrder(run.openings(), run.passed_at)


class _OrderRun:
    def __init__(self, order: Order, rulebook: Rulebook) -> None:
        self._order = order
        self._cases: Mapping[UUID, ExceptionCase] = {}
        self._rulebook = rulebook
        self._openings: dict[CaseKey, CaseOpening] = {}
        self.passed_at: datetime | None = None

    def go_on(self, past: OrderPast) -> None:
        """Continue from what was decided."""
        for event in past.decided:
            self._order = self._order.after(event)
        self.passed_at = past.passed_at

    def tick_until(self, now: datetime) -> None:
        """Decide all that falls due before this time, each at its moment."""
        while (due := self._order.next_due(self._rulebook)) is not None and due < now:
            response = self._response(due)
            response.tick()
            self._keep(response, due)

    def take(self, arrival: SignalGroup) -> None:
        response = self._response(arrival.at)
        response.take(arrival.signals)
        self._keep(response, arrival.at)

    def openings(self) -> Mapping[CaseKey, CaseOpening]:
        """The case openings, each with its due time by the final state of its clock."""
        found = {}
        for (case_id, number), opening in self._openings.items():
            run = self._cases[case_id].timing.clock.runs.get(Measure.RESOLUTION)
            due_at = run.due_at if run is not None else None
            found[case_id, number] = structs.replace(opening, due_at=due_at)
        return found

    def _response(self, now: datetime) -> CaseDetection:
        return CaseDetection(self._order, self._cases, self._rulebook, now, _no_staff)

    def _keep(self, response: CaseDetection, now: datetime) -> None:
        self._order, self._cases = response.order, response.cases
        for case_id, events in response.case_events.items():
            for event in events:
                self._count_event(case_id, event, now)
        if self.passed_at is None and any(
            isinstance(event, PassedIntake) for event in response.order_events
        ):
            self.passed_at = now

    def _count_event(self, case_id: UUID, event: CaseEvent, now: datetime) -> None:
        known = sum(1 for case, _ in self._openings if case == case_id)

        def change(**fields: object) -> None:
            key = (case_id, known)
            self._openings[key] = structs.replace(self._openings[key], **fields)

        match event:
            case Detected(kind=kind, detected_at=opened_at):
                self._openings[case_id, known + 1] = CaseOpening(kind=kind, opened_at=opened_at)
            case Reopened(deadline=deadline):
                opening = CaseOpening(kind=self._cases[case_id].kind, opened_at=deadline or now)
                self._openings[case_id, known + 1] = opening
            case Routed(queue=queue, severity=severity):
                change(queue=queue, severity=severity)
            case Resolved():
                change(resolved_at=now)


def _openings_in_period(
    order: SimulatedOrder, scope: SimulationScope
) -> dict[CaseKey, CaseOpening]:
    return {key: x for key, x in order.openings.items() if _is_in_period(x.opened_at, scope)}


def _is_in_period(moment: datetime | None, scope: SimulationScope) -> bool:
    return moment is not None and scope.since <= moment < scope.until


def _no_staff(_: str) -> Sequence[str]:
    return ()  # notifications do not count
