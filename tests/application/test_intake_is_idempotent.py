"""A signal is recorded once, even if many senders send it many times."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from msgspec.structs import replace

from application.orders.batches import Arrival
from application.orders.intake import SignalOutcome
from domain.errors import SignalIdReused
from domain.orders.order import order_stream
from tests.application.in_memory_service import SENDER, InMemoryService
from tests.domain.signals import (
    ORDER,
    after,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    keys,
    placed,
    shipping_by,
    unavailable,
)

T = TypeVar("T")
A_HUNDRED = 100


def at_once(work: Sequence[Callable[[], T]]) -> list[T]:
    """The result of each function; all start together."""
    gate = threading.Barrier(len(work))

    def start(one: Callable[[], T]) -> T:
        gate.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(start, work))


def recorded(service: InMemoryService, order: str = ORDER) -> list[str]:
    """The keys of the recorded signals, in the order of the log."""
    lines = service.log.trail(order_stream(order))
    return [line.event.signal.key for line in lines if line.type == "order.signal_recorded"]


def test_a_signal_sent_by_a_hundred_threads_is_recorded_once() -> None:
    service = InMemoryService()
    signals = (placed(tenders=()), cancelled())
    outcomes = Counter(
        receipt.outcome
        for receipts in at_once([lambda: service.take(*signals, at=after(4))] * A_HUNDRED)
        for receipt in receipts
    )
    assert outcomes == {SignalOutcome.RECORDED: 2, SignalOutcome.DUPLICATE: 2 * A_HUNDRED - 2}
    assert sorted(recorded(service)) == sorted(keys(signals))
    assert len(service.found()) == len({case.kind for case in service.found()})


def test_a_signal_sent_by_a_hundred_processes_is_recorded_once() -> None:
    service = InMemoryService()
    neighbours = [service.another_process() for _ in range(A_HUNDRED)]
    signals = (captured(), cancelled())
    work = [lambda one=one: one.take(*signals, at=after(4)) for one in neighbours]
    outcomes = Counter(receipt.outcome for receipts in at_once(work) for receipt in receipts)
    assert outcomes == {SignalOutcome.RECORDED: 2, SignalOutcome.DUPLICATE: 2 * A_HUNDRED - 2}
    assert [case.kind for case in service.found()] == ["refund_due"]


def test_a_hundred_concurrent_signals_for_one_order_are_all_recorded() -> None:
    service = InMemoryService()
    signals = [captured(1, "1.00", id=str(n)) for n in range(A_HUNDRED)]
    receipts = at_once([lambda one=one: service.take(one, at=after(4)) for one in signals])
    assert {receipt.outcome for (receipt,) in receipts} == {SignalOutcome.RECORDED}
    assert sorted(recorded(service)) == sorted(keys(signals))
    assert service.order().facts.payment.captured == A_HUNDRED


def test_a_signal_sent_twice_in_one_batch_is_recorded_once() -> None:
    service = InMemoryService()
    receipts = service.take(placed(), placed(), cancelled(), placed(), at=after(4))
    assert [r.outcome for r in receipts] == ["recorded", "duplicate", "recorded", "duplicate"]
    assert recorded(service) == keys([placed(), cancelled()])


def test_a_signal_with_two_arrival_times_in_one_batch_counts_from_the_first() -> None:
    service = InMemoryService()
    batch = [Arrival(placed(), after(9)), Arrival(placed(), after(8))]
    receipts = service.intake.take(batch, SENDER).receipts
    assert [r.outcome for r in receipts] == ["duplicate", "recorded"]
    assert [line.recorded_at for line in service.lines()] == [after(8)]


def test_the_same_signal_id_from_another_source_is_another_signal() -> None:
    service = InMemoryService()
    signals = [placed(), replace(placed(), source="other"), replace(placed(), id="other")]
    assert {r.outcome for r in service.take(*signals, at=after(4))} == {"recorded"}
    assert len(recorded(service)) == 3


def test_a_signal_id_is_unique_within_its_order() -> None:
    service = InMemoryService()
    signals = [placed(), replace(placed(), order="o-2")]
    assert {r.outcome for r in service.take(*signals, at=after(4))} == {"recorded"}
    assert (recorded(service), recorded(service, "o-2")) == (keys([signals[0]]), keys([signals[1]]))


@pytest.mark.parametrize("apart", [True, False], ids=["one by one", "in one batch"])
def test_a_repeated_id_with_other_content_is_refused_and_the_rest_is_recorded(apart) -> None:
    service = InMemoryService()
    other = captured(1, "99.00")
    signals = [captured(1, "100.00"), other, cancelled(), replace(other, order="o-2")]
    if apart:
        receipts = [service.take(one, at=after(4 + n))[0] for n, one in enumerate(signals)]
    else:
        receipts = list(service.take(*signals, at=after(4)))
    assert [r.outcome for r in receipts] == ["recorded", "refused", "recorded", "recorded"]
    assert isinstance(receipts[1].problem, SignalIdReused)
    assert recorded(service) == keys([signals[0], signals[2]])
    assert service.only_case("refund_due").order == ORDER


@pytest.mark.parametrize(
    "other",
    [
        *(captured(1, "100.01"), captured(1.5), captured(1, currency="USD")),
        *(captured(1, payment="p"), captured(1, method="card"), cancelled(1, id="captured")),
    ],
)
def test_any_changed_field_is_other_content(other) -> None:
    service = InMemoryService()
    service.take(captured(), at=after(4))
    (receipt,) = service.take(other, at=after(5))
    assert receipt.outcome == "refused"
    assert len(service.lines()) == 1


def test_a_refused_signal_leaves_no_trace() -> None:
    service = InMemoryService()
    service.take(captured(), at=after(4))
    head, due = service.log.head(), service.due()
    service.take(captured(1, "5.00"), at=after(5))
    assert (service.log.head(), service.due()) == (head, due)


def test_a_receipt_names_the_cases_that_the_signals_opened_and_joined() -> None:
    service = InMemoryService()
    (first,) = service.take(captured(), at=after(4))
    (second,) = service.take(cancelled(), at=after(5))
    (third,) = service.take(unavailable(6), at=after(7))
    assert first.cases == ()
    assert [(t.kind, t.event) for t in second.cases] == [("refund_due", "case.routed")]
    assert {(t.kind, t.event) for t in third.cases} == {
        ("refund_due", "case.signal_joined"),
        # It opens, and is cleared at once: the order is cancelled.
        ("stock_unavailable", "case.signal_joined"),
    }


def test_detection_and_opening_are_in_one_append_with_the_signal() -> None:
    service = InMemoryService()
    service.take(captured(), at=after(4))
    service.take(cancelled(), at=after(5))
    assert [line.type for line in service.lines()[1:]] == [
        "order.signal_recorded",
        "order.problem_detected",
        "case.detected",
        "case.enriched",
        "case.routed",
    ]
    assert {line.recorded_at for line in service.lines()[1:]} == {after(5)}
    assert {line.cause for line in service.lines()[1:]} == {"signal:test/cancelled"}
    actors = [line.actor.principal for line in service.lines()[1:]]
    assert actors == ["key:test"] + ["system:policy"] * 4
    assert [line.position for line in service.lines()] == [1, 2, 3, 4, 5, 6]


def test_a_batch_of_many_orders_equals_one_batch_for_each_order() -> None:
    together, alone = InMemoryService(), InMemoryService()
    signals = [
        replace(signal, order=f"o-{n}")
        for n in range(30)
        for signal in (shipping_by(48), captured(), approved(), cancelled(), delivered())[: n % 6]
    ]
    together.take(*signals, at=after(40))
    for signal in sorted(signals, key=lambda s: s.order):
        alone.take(signal, at=after(40))
    assert together.case_summaries() == alone.case_summaries()
    assert together.due() == alone.due()


def test_an_order_without_problems_opens_no_case() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), captured(), at=after(2))
    service.take(handed_over(), at=after(20))
    service.take(delivered(), at=after(60))
    service.tick(after(24 * 365))
    assert service.found() == []
    assert service.due() == {}
    assert {line.type for line in service.lines()} == {"order.signal_recorded"}
