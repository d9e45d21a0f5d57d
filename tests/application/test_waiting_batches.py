"""Batches that wait for each other are recorded together, each with its own answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from eventsourcing.persistence import OperationalError

from application.orders.batches import Arrival
from application.orders.receipts import IntakeResult, Receipt, SignalOutcome
from application.orders.waiting_batches import MOST_SIGNALS, WaitingBatches
from domain.errors import TooContended
from domain.orders.order import order_stream
from domain.people import Actor
from tests.application.in_memory_service import SENDER, SHIPPED_RULEBOOK, InMemoryService
from tests.domain.signals import after, captured, handed_over, placed, released

PATIENCE_SECONDS = 20


class HeldUp:
    """Records batches, the first one only when it is let go; what it was asked for is kept."""

    def __init__(self, fails: Callable[[Sequence[Arrival]], Exception | None]) -> None:
        self.calls: list[tuple[list[str], Actor]] = []
        self.started, self.may_go = threading.Event(), threading.Event()
        self._fails = fails

    def record(self, arrivals: Sequence[Arrival], actor: Actor) -> IntakeResult:
        self.calls.append(([arrival.signal.order for arrival in arrivals], actor))
        if not self.started.is_set():
            self.started.set()
            assert self.may_go.wait(PATIENCE_SECONDS)
        error = self._fails(arrivals)
        if error is not None:
            raise error
        receipts = [Receipt(SignalOutcome.RECORDED, orders=(one.signal.order,)) for one in arrivals]
        return IntakeResult(len(self.calls), receipts)


def record_all(
    batches: Sequence[tuple[Sequence[str], Actor]],
    fails: Callable[[Sequence[Arrival]], Exception | None] = lambda _: None,
) -> tuple[HeldUp, list[Future[IntakeResult]]]:
    """The first batch is held up until all others wait, in their order."""
    held_up = HeldUp(fails)
    waiting = WaitingBatches(held_up.record)
    with ThreadPoolExecutor(len(batches)) as threads:
        found = []
        for n, (orders, actor) in enumerate(batches):
            arrivals = [Arrival(placed(order=order), after(n)) for order in orders]
            found.append(threads.submit(waiting.record, arrivals, actor))
            if n == 0:
                assert held_up.started.wait(PATIENCE_SECONDS)
            else:
                while len(waiting._waiting) < n:
                    threading.Event().wait(0.001)
        held_up.may_go.set()
    return held_up, found


def orders_of(answer: Future[IntakeResult]) -> list[str]:
    return [order for receipt in answer.result().receipts for order in receipt.orders]


def test_batches_that_wait_are_recorded_together() -> None:
    other = Actor("key:other")
    asked = [(["A"], SENDER), (["B", "C"], SENDER), (["D"], SENDER), (["E"], other), (["F"], other)]
    held_up, found = record_all(asked)
    assert held_up.calls == [(["A"], SENDER), (["B", "C", "D"], SENDER), (["E", "F"], other)]
    assert [orders_of(answer) for answer in found] == [orders for orders, _ in asked]
    assert [answer.result().position for answer in found] == [1, 2, 2, 3, 3]


def test_more_signals_than_one_transaction_takes_are_divided() -> None:
    half = [f"O{n}" for n in range(MOST_SIGNALS // 2)]
    asked = [(["A"], SENDER), (half, SENDER), (half, SENDER), (["B"], SENDER)]
    held_up, found = record_all(asked)
    assert [len(orders) for orders, _ in held_up.calls] == [1, MOST_SIGNALS, 1]
    assert [len(answer.result().receipts) for answer in found] == [1, len(half), len(half), 1]


def test_a_batch_that_cannot_be_recorded_does_not_stop_the_others() -> None:
    def fails(arrivals: Sequence[Arrival]) -> Exception | None:
        orders = {arrival.signal.order for arrival in arrivals}
        return TooContended("C") if "C" in orders else None

    held_up, found = record_all(
        [(["A"], SENDER), (["B"], SENDER), (["C"], SENDER), (["D"], SENDER)], fails
    )
    assert [orders for orders, _ in held_up.calls] == [["A"], ["B", "C", "D"], ["B"], ["C"], ["D"]]
    assert isinstance(found[2].exception(), TooContended)
    assert [orders_of(found[n]) for n in (0, 1, 3)] == [["A"], ["B"], ["D"]]


def test_an_outage_of_the_log_is_asked_for_once() -> None:
    def fails(arrivals: Sequence[Arrival]) -> Exception | None:
        return OperationalError("gone") if arrivals[0].signal.order != "A" else None

    held_up, found = record_all([(["A"], SENDER), (["B"], SENDER), (["C"], SENDER)], fails)
    assert len(held_up.calls) == 2
    for answer in found[1:]:
        with pytest.raises(OperationalError):
            answer.result()


def test_senders_side_by_side_leave_the_same_orders_as_one_after_the_other() -> None:
    orders = [f"O{n}" for n in range(12)]
    lives = [
        [
            kind(at, order=order, id=f"{kind.__name__}-{at}")
            for at, kind in enumerate((placed, captured, released, handed_over))
        ]
        for order in orders
    ]
    steps = [[life[n] for life in lives] for n in range(4)]
    one_by_one = InMemoryService(SHIPPED_RULEBOOK)
    for step in steps:
        one_by_one.take(*step, at=after(5))
    together = InMemoryService(SHIPPED_RULEBOOK)
    begin = threading.Barrier(len(steps))

    def send(n: int) -> int:
        begin.wait(PATIENCE_SECONDS)
        receipts = together.take(*steps[n], at=after(5))
        again = together.take(*steps[n], at=after(5))
        assert {receipt.outcome for receipt in again} == {SignalOutcome.DUPLICATE}
        return sum(receipt.outcome is SignalOutcome.RECORDED for receipt in receipts)

    with ThreadPoolExecutor(len(steps)) as threads:
        assert [*threads.map(send, range(len(steps)))] == [len(orders)] * len(steps)
    streams = [order_stream(order) for order in orders]
    assert {id: one.facts for id, one in together.orders.current(streams).items()} == {
        id: one.facts for id, one in one_by_one.orders.current(streams).items()
    }
