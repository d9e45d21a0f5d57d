"""The answer to a batch is stored with what the batch led to: both, or neither, and once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from application.log.event_log import Write
from application.log.recorder import CommandRepeated, CommandRow, VersionTaken
from application.orders.batches import Arrival
from application.orders.intake import Receipt
from domain.orders.order import order_stream
from tests.application.house import SENDER, House
from tests.domain.telling import ORDER, after, cancelled, captured, placed, unavailable


def batch(*signals: Any) -> list[Arrival]:
    return [Arrival(signal, after(4)) for signal in signals]


def row(receipts: Sequence[Receipt]) -> CommandRow:
    told = ",".join(receipt.outcome for receipt in receipts)
    return CommandRow("key:test", "k-1", b"digest", told.encode())


def test_the_answer_tells_what_became_of_each_signal() -> None:
    house = House()
    house.take(placed(), at=after(3))
    taken = house.intake.take(batch(placed(), captured(), placed(hours=9)), SENDER, row)
    kept = house.log.answer("key:test", "k-1")
    assert kept is not None
    assert (kept.result, kept.position) == (b"duplicate,recorded,refused", taken.position)


def test_a_batch_of_nothing_new_keeps_its_answer_all_the_same() -> None:
    house = House()
    house.take(placed(), at=after(3))
    taken = house.intake.take(batch(placed()), SENDER, row)
    kept = house.log.answer("key:test", "k-1")
    assert kept is not None
    assert (kept.result, kept.position) == (b"duplicate", house.log.head())
    assert taken.position == house.log.head()


def test_a_key_that_was_used_before_stores_nothing_new() -> None:
    house = House()
    house.intake.take(batch(placed()), SENDER, row)
    head, due = house.log.head(), house.due()
    with pytest.raises(CommandRepeated) as repeated:
        house.intake.take(batch(captured(), cancelled()), SENDER, row)
    assert repeated.value.taken.result == b"recorded"
    assert (house.log.head(), house.due()) == (head, due)
    # What was not stored is not remembered either.
    assert house.order().signals.keys() == {"test/placed"}
    (receipt,) = house.take(captured(), at=after(5))
    assert receipt.outcome == "recorded"


def test_an_empty_batch_is_taken_and_does_nothing() -> None:
    house = House()
    taken = house.intake.take([], SENDER)
    assert (taken.position, list(taken.receipts)) == (0, [])


def test_a_batch_meets_what_another_process_wrote_and_is_decided_anew() -> None:
    house = House()
    other = house.neighbour()
    house.take(captured(), at=after(2))
    other.orders.at_hand([order_stream(ORDER)])
    house.take(unavailable(), at=after(3))
    taken = other.intake.take(batch(cancelled(), unavailable()), SENDER, row)
    assert [r.outcome for r in taken.receipts] == ["recorded", "duplicate"]
    assert {c.kind for c in house.found()} == {"refund_due", "stock_unavailable"}
    assert house.the("refund_due").signals_joined == 1


def test_what_was_relied_on_must_still_stand() -> None:
    house = House()
    house.take(unavailable(), at=after(3))
    case = house.the("stock_unavailable")
    relied_on = Write(
        stream=case.id, kind="case", expected=case.version - 1, events=[], recorded_at=after(4)
    )
    news = Write(
        stream=order_stream("another"),
        kind="order",
        expected=0,
        events=[(SENDER, house.lines()[0].event)],
        recorded_at=after(4),
        order="another",
    )
    with pytest.raises(VersionTaken):
        house.log.append([news, relied_on])
    assert house.log.trail(order_stream("another")) == []
