"""The answer to a batch is stored with its events, once: both or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from application.log.event_log import Write
from application.log.recorder import CommandRepeated, CommandRow, VersionTaken
from application.orders.batches import Arrival
from application.orders.intake import Receipt
from domain.orders.order import order_stream
from tests.application.in_memory_service import SENDER, InMemoryService
from tests.domain.signals import ORDER, after, cancelled, captured, placed, unavailable


def batch(*signals: Any) -> list[Arrival]:
    return [Arrival(signal, after(4)) for signal in signals]


def row(receipts: Sequence[Receipt]) -> CommandRow:
    outcomes = ",".join(receipt.outcome for receipt in receipts)
    return CommandRow("key:test", "k-1", b"digest", outcomes.encode())


def test_the_answer_has_an_outcome_for_each_signal() -> None:
    service = InMemoryService()
    service.take(placed(), at=after(3))
    result = service.intake.take(batch(placed(), captured(), placed(hours=9)), SENDER, row)
    kept = service.log.answer("key:test", "k-1")
    assert kept is not None
    assert (kept.result, kept.position) == (b"duplicate,recorded,refused", result.position)


def test_a_batch_of_duplicates_still_stores_its_answer() -> None:
    service = InMemoryService()
    service.take(placed(), at=after(3))
    result = service.intake.take(batch(placed()), SENDER, row)
    kept = service.log.answer("key:test", "k-1")
    assert kept is not None
    assert (kept.result, kept.position) == (b"duplicate", service.log.head())
    assert result.position == service.log.head()


def test_a_repeated_idempotency_key_stores_nothing_new() -> None:
    service = InMemoryService()
    service.intake.take(batch(placed()), SENDER, row)
    head, due = service.log.head(), service.due()
    with pytest.raises(CommandRepeated) as repeated:
        service.intake.take(batch(captured(), cancelled()), SENDER, row)
    assert repeated.value.taken.result == b"recorded"
    assert (service.log.head(), service.due()) == (head, due)
    # What was not stored is not cached either.
    assert service.order().signals.keys() == {"test/placed"}
    (receipt,) = service.take(captured(), at=after(5))
    assert receipt.outcome == "recorded"


def test_an_empty_batch_is_accepted_and_does_nothing() -> None:
    service = InMemoryService()
    result = service.intake.take([], SENDER)
    assert (result.position, list(result.receipts)) == (0, [])


def test_a_batch_that_meets_another_write_is_decided_again() -> None:
    service = InMemoryService()
    other = service.another_process()
    service.take(captured(), at=after(2))
    other.orders.cached([order_stream(ORDER)])
    service.take(cancelled(), at=after(3))
    again = cancelled(4, id="again")
    result = other.intake.take(batch(again, unavailable(), cancelled()), SENDER, row)
    assert [r.outcome for r in result.receipts] == ["recorded", "recorded", "duplicate"]
    assert {c.kind for c in service.found()} == {"refund_due", "stock_unavailable"}
    assert service.only_case("refund_due").signals_joined == 2


def test_a_write_is_refused_when_a_stream_it_read_has_changed() -> None:
    service = InMemoryService()
    service.take(unavailable(), at=after(3))
    case = service.only_case("stock_unavailable")
    relied_on = Write(
        stream=case.id, kind="case", expected=case.version - 1, events=[], recorded_at=after(4)
    )
    news = Write(
        stream=order_stream("another"),
        kind="order",
        expected=0,
        events=[(SENDER, service.lines()[0].event)],
        recorded_at=after(4),
        order="another",
    )
    with pytest.raises(VersionTaken):
        service.log.append([news, relied_on])
    assert service.log.trail(order_stream("another")) == []
