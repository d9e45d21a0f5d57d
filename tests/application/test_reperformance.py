"""Re-performance repeats every recorded policy decision on the facts of its position. It gives
the recorded result, and names each altered decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from application.log.event_codec import to_stored
from application.policy.policy_desk import PolicyDesk
from application.policy.reperformance import Period, Reperformance, ReperformedDecision
from domain.cases.errors import CaseNotFound
from domain.cases.event_descriptions import format_duration
from domain.cases.events import Routed
from domain.cases.opening import SHORTEST_TIME
from domain.orders.order import order_stream
from domain.orders.payment_signals import DisputeOpened
from domain.orders.purchase_signals import Customer, OrderPlaced
from domain.orders.signals import Signal
from domain.policy.decision import Decision
from domain.policy.document import Severity
from domain.policy.rulebook import Rulebook
from domain.recorded_event import RecordedEvent
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService, caller, kinds
from tests.application.money_service import MoneyService
from tests.application.order_stories import ORDER_STORIES
from tests.application.parcel_stories import PARCEL_STORIES
from tests.application.policy_changes import change_policy, recheck_open_cases
from tests.domain.money import eur
from tests.domain.policies import without_kinds
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    ORDER,
    after,
    allocated,
    approved,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    signal_fields,
    signals,
    unavailable,
)
from tests.domain.signals import line as order_line

STORIES = {**ORDER_STORIES, **PARCEL_STORIES}
FAR_OFF = after(24 * 40)
EVER = Period()


def again(
    service: InMemoryService, *policies: Rulebook, period: Period = EVER
) -> list[ReperformedDecision]:
    known = policies or (service.rulebook,)
    desk = Reperformance(
        service.log, lambda name, at: [one for one in known if one.version == name]
    )
    return [redone for order in desk.reperform_all(period) for redone in order]


def differing(redone: Sequence[ReperformedDecision]) -> list[Any]:
    return [(one.type, [*one.differs]) for one in redone if one.differs]


@pytest.mark.parametrize("name", STORIES)
def test_each_kind_is_detected_and_cleared_by_the_same_rule_again(name: str) -> None:
    story, service = STORIES[name], InMemoryService(SHIPPED_RULEBOOK)
    for signal in sorted(story.opened_by, key=lambda signal: signal.event_time):
        service.tick(signal.event_time, punctual=True)
        service.take(signal, at=signal.event_time)
    service.tick(FAR_OFF)
    if story.cleared_by is not None:
        service.take(story.cleared_by, at=FAR_OFF)
    redone = again(service)
    assert differing(redone) == []
    assert story.kind in kinds(service.found())
    assert {one.type for one in redone} >= {"case.detected", "case.routed", "case.enriched"}


@BOUNDED_SETTINGS
@given(st.data())
def test_reperformance_agrees_for_any_signals_in_any_order(data: st.DataObject) -> None:
    service, now, number = InMemoryService(), 0.0, 0
    for _ in range(data.draw(st.integers(1, 5))):
        now += data.draw(st.floats(0, 300))
        batch = []
        for _ in range(data.draw(st.integers(0, 5))):
            number += 1
            batch.append(data.draw(signals(number)))
        service.take(*batch, at=after(now))
        if data.draw(st.booleans()):
            service.tick(after(now + 1))
        for case in service.found():
            if not case.is_resolved and data.draw(st.booleans()):
                service.resolve(case, after(now + 1))
    redone = again(service)
    assert differing(redone) == []
    made = Counter(one.type for one in redone)
    recorded = Counter(line.type for line in service.lines())
    for kind in ("case.detected", "case.enriched", "order.passed_intake", "order.expectation_met"):
        assert made[kind] == recorded[kind], kind


@pytest.mark.parametrize("days", [30, 8, 1, -2])
def test_the_time_that_a_dispute_leaves_is_that_of_its_routing(days: int) -> None:
    """The case opens a week after the order, and half a second after the signal's time."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(0), captured(1), at=after(1))
    opened, came = after(24 * 7), after(24 * 7) + timedelta(seconds=0.61)
    fields = {**signal_fields(24 * 7, "dispute"), "respond_by": opened + timedelta(days=days)}
    service.take(DisputeOpened(payment="captured", amount=eur("20.00"), **fields), at=came)
    case = service.only_case("dispute_open")
    assert differing(again(service)) == []
    (line,) = [
        one for one in service.lines() if one.stream == case.id and one.type == "case.routed"
    ]
    assert isinstance(line.event, Routed)
    assert line.event.terms is not None
    thirteen = structs.replace(line.event.terms, resolution=timedelta(days=13))
    altered = structs.replace(line.event, terms=thirteen, severity=Severity.LOW)
    (one,) = [d for d in again(with_altered(service, line, altered)) if d.differs]
    left = format_duration(max(timedelta(days=days) - timedelta(seconds=0.61), SHORTEST_TIME))
    assert [(d.what, d.recorded, d.came_out) for d in one.differs] == [
        ("severity", "low", "critical" if days < 2 else "high"),
        ("resolution", "13 d", left),
    ]


def test_approval_requirements_are_computed_again_by_the_same_matrix() -> None:
    service = MoneyService(rulebook=SHIPPED_RULEBOOK)
    service.adjusted("o-2", 10)
    case = service.of("o-2")
    case = service.desk.reterm(case.id, case.version, "As of now.", caller("ana", after(30))).case
    redone = again(service)
    assert differing(redone) == []
    made = {one.type for one in redone}
    assert made >= {"case.adjustment_proposed", "case.retermed"}


def test_each_decision_is_reperformed_under_its_own_policy() -> None:
    first = without_kinds("stock_unavailable", version="first")
    service, now = InMemoryService(first), [after(0)]
    desk = PolicyDesk(service.log, lambda: now[0])
    desk.bootstrap(first, after(0))
    service.take(promising(), unavailable(3), at=after(4))
    service.take(captured(5, "999.00"), at=after(5))
    now[0] = after(6)
    change_policy(desk, SHIPPED_RULEBOOK, now[0])
    service.rulebook = SHIPPED_RULEBOOK
    recheck_open_cases(service, desk, SHIPPED_RULEBOOK.digest, now[0])
    service.take(delivered(7), at=after(8))
    found = [
        r for one in Reperformance(service.log, desk.cited).reperform_all(Period()) for r in one
    ]
    assert differing(found) == []
    assert {one.policy for one in found} >= {first.version, SHIPPED_RULEBOOK.version}
    # without the first policy its decisions cannot be repeated, and each of them says so
    lost = differing(again(service, SHIPPED_RULEBOOK))
    assert lost
    assert {result[0].what for _, result in lost} == {"policy"}


def with_altered(service: InMemoryService, at: RecordedEvent, event: object) -> InMemoryService:
    """The same log with one line altered by somebody with access to the database."""
    recorder = InMemoryLogRecorder()
    for one in service.lines():
        altered = structs.replace(one, event=event) if one.position == at.position else one
        recorder.insert_events([to_stored(altered)])
    return InMemoryService(service.rulebook, recorder)


def flipped(decision: Decision) -> Decision:
    first, *others = decision.verdicts
    return structs.replace(
        decision, verdicts=(structs.replace(first, passed=not first.passed), *others)
    )


def service_with_every_decision() -> InMemoryService:
    """A service with every policy decision, by every rule."""
    service = MoneyService(rulebook=SHIPPED_RULEBOOK)
    service.adjusted("o-2", 10)

    def tell(order: str, at: float, *signals: Signal) -> None:
        service.tick(after(at))
        own = []
        for one in signals:
            it = structs.replace(one, order=order, id=f"{one.id}-{order}")
            own.append(
                structs.replace(it, customer=Customer(id=f"c-{order}"))
                if isinstance(it, OrderPlaced)
                else it
            )
        service.take(*own, at=after(at))

    dear = promising(lines=(order_line("300.00", "EUR", quantity=2),))
    tell("late", 30, promising(), handed_over(20, shipment="P"))
    tell("late-and-dear", 31, dear, handed_over(20, shipment="P"))
    tell("passes", 32, placed(29), approved(30), captured(30), allocated(31))
    tell("no-tenders", 33, placed(32, tenders=None), captured(32, "100.00"))
    tell("again", 34, placed(), captured(1, "150.00"))
    case = next(c for c in service.found() if c.order == "again" and c.kind == "payment_mismatch")
    service.resolve(case, after(35))
    tell("again", 36, captured(36, "60.00", id="more"))
    tell("again", 37, captured(37, "7.00", id="and-more"))
    tell("late", 420, delivered(200, shipment="P"))
    tell("late-and-dear", 421, delivered(200, shipment="P"))
    return service


def test_an_altered_verdict_is_found_and_named() -> None:
    service = service_with_every_decision()
    assert differing(again(service)) == []
    tried = set()
    for line in service.lines():
        for field in ("decision", "clearing", "paused"):
            decision = getattr(line.event, field, None)
            if not isinstance(decision, Decision) or not decision.verdicts:
                continue
            if (line.type, field) in tried:
                continue
            tried.add((line.type, field))
            altered = structs.replace(line.event, **{field: flipped(decision)})  # type: ignore[type-var]
            found = [one for one in again(with_altered(service, line, altered)) if one.differs]
            assert [one.position for one in found] == [line.position], (line.type, field)
            (one,) = found
            assert (one.policy, one.order, one.version) == (
                decision.policy,
                line.order,
                line.version,
            )
            (differs,) = one.differs
            assert differs.what.endswith("verdict 1")
            assert {differs.recorded.split(", ")[-1], differs.came_out.split(", ")[-1]} == {
                "passed",
                "did not pass",
            }
    assert tried == {
        ("order.passed_intake", "decision"),
        ("order.expectation_met", "decision"),
        ("case.detected", "decision"),
        ("case.routed", "decision"),
        ("case.reopened", "decision"),
        ("case.part_cleared", "clearing"),
        ("case.signal_joined", "decision"),
        ("case.signal_joined", "clearing"),
        ("case.signal_joined", "paused"),
        ("case.resolved", "clearing"),
        ("case.adjustment_system_approved", "decision"),
    }


def test_an_altered_rule_fact_or_queue_is_found() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(promising(), unavailable(3), at=after(4))
    case = service.only_case("stock_unavailable")
    detected, enriched, routed, *_ = service.log.trail(case.id)
    rule = structs.replace(detected.event.decision, rule="some-other-rule")
    changes = [
        (detected, structs.replace(detected.event, decision=rule), "rule some-other-rule"),
        (enriched, structs.replace(enriched.event, packet=enriched.event.packet[1:]), "nothing"),
        (routed, structs.replace(routed.event, queue="refund_validation"), "refund_validation"),
        (routed, structs.replace(routed.event, priority=1), "1"),
    ]
    for line, event, recorded in changes:
        found = [one for one in again(with_altered(service, line, event)) if one.differs]
        assert line.position in [one.position for one in found]
        result = next(one for one in found if one.position == line.position)
        assert recorded in [differs.recorded for differs in result.differs]


def test_reperformance_can_be_limited_to_a_period_or_a_case() -> None:
    service = InMemoryService()
    service.take(promising(), unavailable(3), at=after(4))
    service.take(captured(5, "999.00"), at=after(6))
    all_of_it = again(service)
    early = again(service, period=Period(until=after(5)))
    late = again(service, period=Period(since=after(5)))
    assert early
    assert late
    assert sorted(one.position for one in (*early, *late)) == sorted(o.position for o in all_of_it)
    case = service.only_case("stock_unavailable")
    desk = Reperformance(service.log, lambda name, at: [service.rulebook])
    assert {one.case for one in desk.reperform_case(case.id)} == {case.id}
    with pytest.raises(CaseNotFound):
        desk.reperform_case(order_stream(ORDER))
