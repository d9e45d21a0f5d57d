"""A simulation replays the recorded events: the active policy reproduces what happened, another
policy shows what would have happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from msgspec import UNSET, structs

from application.log.recorder import LogRecorder
from application.orders.batches import Arrival
from application.orders.replay import replay
from application.policy.order_pasts import SimulationScope, load_order_pasts
from application.policy.recheck import FIRST_EVENT_TYPE
from application.policy.simulation import (
    compare_policies,
    simulate,
    simulate_order,
    simulate_order_under_both,
)
from domain.cases.events import Resolved
from domain.policy.document import Severity
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_counts import SimulationCounter
from domain.policy.simulation_figures import CountPair
from infrastructure.sources.demonstration.stream import DemonstrationStream
from tests.application.in_memory_service import SENDER, SHIPPED_RULEBOOK, InMemoryService
from tests.domain.policies import shipped, with_version
from tests.domain.signals import after, captured, promising, unavailable

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
YEARS = timedelta(days=3_000)


@cache
def demonstration(seed: int = 20261) -> InMemoryService:
    """Two weeks of a shop without people at work; every third order has a problem."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    past = DemonstrationStream(seed, NOW).history()
    arrivals = [Arrival(signal, at) for at, signal in past]
    for _ in replay(arrivals, service.intake, service.timekeeper, SENDER, NOW):
        pass
    return service


def scope_of(service: InMemoryService, proposed: Rulebook, **period: datetime) -> SimulationScope:
    return structs.replace(
        SimulationScope(
            active=service.rulebook,
            proposed=proposed,
            since=NOW - YEARS,
            until=NOW,
            position=service.log.head(),
        ),
        **period,
    )


def orders_of(recorder: LogRecorder) -> list:
    return [stream for _, stream in recorder.select_beginnings(FIRST_EVENT_TYPE, 0, 1_000_000)]


def simulated(service: InMemoryService, ask: SimulationScope) -> SimulationCounter:
    return simulate(service.log, orders_of(service.recorder), ask)


@pytest.mark.parametrize("seed", [20261, 2])
def test_the_active_policy_reproduces_what_happened(seed: int) -> None:
    service = demonstration(seed)
    recorded = {}
    for line in service.lines():
        # A simulation covers orders; some cases are about a reference or a source.
        if line.type == "case.detected" and line.event.about is UNSET:
            recorded[line.stream] = line.event.kind, line.event.detected_at
    queues = {
        line.stream: line.event.queue
        for line in service.lines()
        if line.type == "case.routed" and line.stream in recorded
    }
    cleared = {line.stream for line in service.lines() if isinstance(line.event, Resolved)}
    cleared &= recorded.keys()
    ask = scope_of(service, service.rulebook)
    found = {}
    for past in load_order_pasts(service.log, orders_of(service.recorder), ask):
        compared = compare_policies(ask.active, ask.proposed)
        for lived in simulate_order_under_both(past, compared, ask.until):
            found |= {case: opening for (case, _), opening in lived.openings.items()}
    assert len(recorded) > 50
    assert {case: (one.kind, one.opened_at) for case, one in found.items()} == recorded
    assert {case: one.queue for case, one in found.items()} == queues
    assert {case for case, one in found.items() if one.resolved_at is not None} == cleared

    figures = simulated(service, ask).figures()
    assert figures.cases == CountPair(active=len(recorded), proposed=len(recorded))
    assert figures.only == CountPair()
    assert figures.moved == ()
    assert figures.cleared == CountPair(active=len(cleared), proposed=len(cleared))
    breached = {
        line.stream
        for line in service.lines()
        if line.type == "case.breached" and line.event.measure == "resolution"
    }
    breached &= recorded.keys()
    assert figures.breached == CountPair(active=len(breached), proposed=len(breached))
    assert breached
    passed = sum(1 for line in service.lines() if line.type == "order.passed_intake")
    assert figures.passed == CountPair(active=passed, proposed=passed)
    signals = [line for line in service.lines() if line.type == "order.signal_recorded"]
    assert figures.signals == len(signals)
    assert figures.orders == len({line.stream for line in signals})


def test_partitions_of_the_input_give_the_same_figures() -> None:
    service = demonstration()
    ask = scope_of(service, other())
    streams = orders_of(service.recorder)
    whole = simulate(service.log, streams, ask)
    parts = (simulate(service.log, streams[n::3], ask) for n in range(3))
    assert sum(parts, start=SimulationCounter()).figures() == whole.figures()
    assert simulate(service.log, streams[::-1], ask).figures() == whole.figures()


def test_later_events_change_nothing() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(promising(), unavailable(3), at=after(4))
    ask = SimulationScope(
        active=SHIPPED_RULEBOOK,
        proposed=other(),
        since=after(0),
        until=after(100),
        position=service.log.head(),
    )
    before = simulated(service, ask).figures()
    service.take(captured(5), at=after(5))
    assert simulated(service, ask).figures() == before


def other() -> Rulebook:
    """Another policy: without one kind, with a higher severity for another and another queue for
    a third."""
    document = shipped()
    gone = "delivery_late"
    del document["kinds"][gone]
    for part in ("detect", "expect"):
        document[part] = [rule for rule in document[part] if rule["kind"] != gone]
    document["kinds"]["stock_unavailable"]["severity"] = "low"
    document["route"] = [r for r in document["route"] if gone not in str(r.get("when"))]
    parts = {name: document[name] for name in ("kinds", "detect", "expect", "route")}
    return with_version("other", **parts)


def test_the_differences_of_another_policy_are_counted() -> None:
    service = demonstration()
    figures = simulated(service, scope_of(service, other())).figures()
    late = figures.kinds["delivery_late"]
    assert late.active > 0
    assert late.proposed == 0
    assert figures.only == CountPair(active=late.active)
    assert figures.cases.active - figures.cases.proposed == late.active
    stock = figures.kinds["stock_unavailable"].active
    assert stock > 0
    low = figures.severities[Severity.LOW]
    assert low.proposed - low.active >= stock
    assert sum(pair.active for pair in figures.queues.values()) == figures.cases.active


def test_cases_routed_differently_are_listed_with_both_queues() -> None:
    document = shipped()
    queues = set(document["queues"])
    service = demonstration()
    figures = simulated(service, scope_of(service, service.rulebook)).figures()
    busiest = max(figures.queues, key=lambda name: figures.queues[name].active)
    queue = min(queues - {busiest})
    for route in document["route"]:
        if route["queue"] == busiest:
            route["queue"] = queue
    proposed = with_version("moved", route=document["route"])
    figures = simulated(service, scope_of(service, proposed)).figures()
    (moved,) = figures.moved
    assert (moved.from_queue, moved.to_queue) == (busiest, queue)
    assert moved.cases == figures.queues[busiest].active
    assert busiest not in figures.queues or figures.queues[busiest].proposed == 0


def test_only_the_period_is_counted() -> None:
    service = demonstration()
    middle = NOW - timedelta(days=5)
    first = simulated(service, scope_of(service, other(), until=middle)).figures()
    second = simulated(service, scope_of(service, other(), since=middle)).figures()
    whole = simulated(service, scope_of(service, other())).figures()
    assert first.signals + second.signals == whole.signals
    for part in ("active", "proposed"):
        assert sum(getattr(one.cases, part) for one in (first, second)) == getattr(
            whole.cases, part
        )
    assert first.cases.active
    assert second.cases.active


def test_a_case_resolved_in_time_is_no_breach() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(promising(), unavailable(3), at=after(4))
    ask = SimulationScope(
        active=SHIPPED_RULEBOOK,
        proposed=SHIPPED_RULEBOOK,
        since=after(0),
        until=after(24 * 30),
        position=10_000,
    )
    left = simulated(service, ask).figures()
    service.resolve(service.only_case("stock_unavailable"), after(5))
    worked = simulated(service, ask).figures()
    assert left.breached.active - worked.breached.active == 1


def eager() -> Rulebook:
    """Another policy: one rule is added, one finds more, one is stricter in time, and one is gone."""
    document = shipped()
    detect = [rule for rule in document["detect"] if rule["kind"] != "payment_mismatch"]
    added = {
        "rule": "gold",
        "kind": "fraud_review",
        "when": {"fact": "customer.tier", "is": "gold"},
    }
    hurried = next(rule for rule in document["expect"] if rule["kind"] == "delivery_late")
    hurried["given"] = {"fact": "order.placed", "is": True}
    return with_version("eager", detect=[*detect, added], expect=document["expect"])


def fastidious() -> Rulebook:
    """Another policy: fewer orders pass intake."""
    passing = {"all": [shipped()["standard_flow_when"], {"fact": "customer.tier", "is": "gold"}]}
    return with_version("fastidious", standard_flow_when=passing)


@pytest.mark.parametrize("make", [lambda: SHIPPED_RULEBOOK, other, eager, fastidious])
def test_an_order_without_cases_is_not_replayed_in_vain(make: Callable[[], Rulebook]) -> None:
    service, proposed = demonstration(), make()
    ask = scope_of(service, proposed)
    compared = compare_policies(ask.active, proposed)
    for past in load_order_pasts(service.log, orders_of(service.recorder), ask):
        active, other_one = simulate_order_under_both(past, compared, ask.until)
        assert active == simulate_order(past, ask.active, ask.until)
        assert other_one == simulate_order(past, proposed, ask.until)
