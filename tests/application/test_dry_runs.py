"""A dry run decides as the real thing does, and leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.intake import build_dry_run
from application.log.draft_log import DraftLog
from application.log.recorder import CommandRow
from application.orders.batches import Arrival
from application.orders.dry_run import CaseChange, CaseEffect, DryRun
from application.orders.receipts import IntakeResult, Receipt
from domain.orders.purchase_signals import Customer
from domain.orders.signals import Signal
from tests.application.in_memory_keys import SealedService
from tests.application.in_memory_service import SENDER, SHIPPED_RULEBOOK, InMemoryService, staff
from tests.application.orders_with_parts import rules_over_parts, statement_sets
from tests.application.test_arrival_order import arrivals
from tests.application.test_arrival_order_of_references import LATEST, stories
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    cancelled,
    captured,
    placed,
    statement_lists,
    taken_back,
    unavailable,
)

OVER_PARTS = rules_over_parts()
FIRST = {"hours": (0, 10), "ship_by": (30, 40, 90), "days": (3, 8)}
LATER = {"hours": (0, 120), "ship_by": (30, 130), "days": (3, 8)}


def dry_run_on(service: InMemoryService) -> DryRun:
    return build_dry_run(service.log, service.rulebook, staff)


def answer(receipts: Sequence[Receipt]) -> list[tuple[Any, ...]]:
    """What is answered for each signal."""
    return [
        (r.outcome, r.cases, type(r.problem), str(r.problem), r.orders, r.held, r.notices, r.joins)
        for r in receipts
    ]


def stored(service: InMemoryService) -> tuple[Any, ...]:
    """All that the log stores."""
    recorder = service.recorder
    return (
        [(n, state) for n, state in recorder.select_positions(0, 1_000_000)],
        service.due(),
        {*recorder.references},
        [*recorder.keys],
        [*recorder.subjects],
    )


def take_twice(service: InMemoryService, batch: Sequence[Signal], at: datetime) -> IntakeResult:
    """Take the batch, after a dry run that must give the same answer and store nothing."""
    sent = [Arrival(signal, at) for signal in batch]
    before, head = stored(service), service.log.head()
    run = dry_run_on(service)
    dry = run.take(sent, SENDER)
    changes = run.changes()
    assert stored(service) == before
    assert run.position == head
    real = service.intake.take(sent, SENDER)
    assert answer(dry.receipts) == answer(real.receipts)
    changed = dict.fromkeys(
        line.stream for line in service.log.read(head, 1_000_000) if line.type.startswith("case.")
    )
    states = {case.id: case for case in service.found()}
    assert {one.case.id: one.case for one in changes} == {id: states[id] for id in changed}
    return real


def live(service: InMemoryService, batches: list[list[Signal]], start: float) -> None:
    """Take the batches with dry runs, beside a service that has none, and end with one and the same log."""
    without = InMemoryService(service.rulebook)
    for n, batch in enumerate(batches):
        take_twice(service, batch, after(start, minutes=n))
        without.take(*batch, at=after(start, minutes=n))
    for one in (service, without):
        one.tick(after(start + 500))
    trails = [
        [(line.stream, line.version, line.event, line.recorded_at) for line in one.lines()]
        for one in (service, without)
    ]
    assert trails[0] == trails[1]


@settings(BOUNDED_SETTINGS, max_examples=80)
@given(data=st.data())
def test_signals_without_their_order_are_answered_as_they_will_be(data) -> None:
    live(InMemoryService(), data.draw(arrivals(data.draw(stories()))), LATEST + 1)


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(data=st.data())
def test_orders_with_parts_are_answered_as_they_will_be(data) -> None:
    told = data.draw(statement_sets((0, 60), (1, 2, 9)))
    live(InMemoryService(OVER_PARTS), data.draw(arrivals(told)), 61)


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(data=st.data())
def test_look_ups_and_deadlines_are_answered_as_they_will_be(data) -> None:
    """By the shipped policy, with two orders of one customer that may be duplicates."""
    told = data.draw(statement_lists(least=1, most=6, **LATER))
    told += [placed(1, "again", order=f"o-{n}", customer=Customer(id="c")) for n in range(2)]
    live(InMemoryService(SHIPPED_RULEBOOK), data.draw(arrivals(told)), 121)


@settings(BOUNDED_SETTINGS, max_examples=20)
@given(signals=statement_lists(least=1, most=6, **FIRST))
def test_no_key_is_made(signals: list[Signal]) -> None:
    service = SealedService()
    dry_run_on(service).take([Arrival(signal, after(11)) for signal in signals], SENDER)
    assert service.keys.keys == {}
    take_twice(service, signals, after(11))


def changes_of(service: InMemoryService, *signals: Signal, at: float) -> list[CaseChange]:
    run = dry_run_on(service)
    run.take([Arrival(signal, after(at)) for signal in signals], SENDER)
    return run.changes()


def test_a_case_is_opened_joined_reopened_and_cleared() -> None:
    service = InMemoryService()
    (opened,) = changes_of(service, placed(), unavailable(2), at=3)
    assert (opened.case.kind, opened.effects) == ("stock_unavailable", [CaseEffect.OPENED])
    assert opened.case.queue == "allocation_failure_review"
    service.take(placed(), unavailable(2), at=after(3))
    (joined,) = changes_of(service, unavailable(4, id="again"), at=5)
    assert joined.effects == [CaseEffect.JOINED]
    (cleared,) = changes_of(service, taken_back(4, unavailable(2).id), at=5)
    assert CaseEffect.CLEARED in cleared.effects
    (why,) = cleared.cleared
    assert (why.signal, why.part) == (taken_back(4, unavailable(2).id).key, "")
    service.resolve(service.only_case("stock_unavailable"), after(6))
    (reopened,) = changes_of(service, unavailable(7, id="again"), at=8)
    assert reopened.effects == [CaseEffect.REOPENED]


def test_a_batch_sees_the_batches_before_it_in_the_run() -> None:
    service = InMemoryService()
    run = dry_run_on(service)
    assert run.take([Arrival(placed(), after(1))], SENDER).receipts[0].outcome == "recorded"
    assert run.take([Arrival(placed(), after(1))], SENDER).receipts[0].outcome == "duplicate"
    run.take([Arrival(captured(1), after(2)), Arrival(cancelled(2), after(3))], SENDER)
    assert [change.case.kind for change in run.changes()] == ["refund_due"]
    assert dry_run_on(service).changes() == []


def test_what_others_record_meanwhile_is_not_mixed_in() -> None:
    service = InMemoryService()
    run = dry_run_on(service)
    service.another_process().take(placed(), unavailable(2), at=after(3))
    receipts = run.take([Arrival(placed(), after(4)), Arrival(cancelled(3), after(4))], SENDER)
    assert [receipt.outcome for receipt in receipts.receipts] == ["recorded", "recorded"]
    assert run.changes() == []


def test_a_draft_takes_no_answer_to_a_command() -> None:
    with pytest.raises(ValueError, match="keeps no answers"):
        DraftLog(InMemoryService().log).append([], CommandRow("ana", "key", b"", b""))
