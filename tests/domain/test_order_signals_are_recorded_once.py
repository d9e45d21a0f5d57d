"""A signal is recorded once; the same id with other content is refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.errors import SignalIdReused
from domain.orders.events import SignalRecorded
from domain.orders.order import Order, order_stream
from tests.domain.signals import ORDER, captured, placed

TAKEN = Order(id=ORDER).after(SignalRecorded(signal=captured()))


def test_a_new_signal_is_recorded() -> None:
    assert TAKEN.record(placed()) == SignalRecorded(signal=placed())
    assert TAKEN.record(replace(captured(), id="2")) is not None
    assert TAKEN.record(replace(captured(), source="bank")) is not None


def test_a_repeated_signal_is_ignored() -> None:
    assert TAKEN.record(captured()) is None


def test_the_same_identity_with_other_content_is_refused() -> None:
    with pytest.raises(SignalIdReused, match="test/captured of order o-1"):
        TAKEN.record(captured(1, "99.00"))


def test_recording_does_not_mutate_the_order() -> None:
    before = Order(id=ORDER)
    before.after(SignalRecorded(signal=captured()))
    assert (before.version, dict(before.signals)) == (0, {})


def test_the_facts_of_an_order_follow_its_signals() -> None:
    assert TAKEN.facts.payment.received
    assert not TAKEN.facts.order.placed
    assert TAKEN.after(SignalRecorded(signal=placed())).facts.order.placed


def test_an_order_has_one_stream_of_its_own() -> None:
    assert order_stream(ORDER) == order_stream(ORDER)
    assert order_stream(ORDER) != order_stream(ORDER.upper())
