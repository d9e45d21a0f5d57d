"""A signal is recorded once; the same id with other content is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace

from domain.errors import SignalIdReused
from domain.orders.events import SignalRecorded
from domain.orders.order import Order, is_same_signal, order_stream
from domain.orders.signals import Signal
from domain.personal_data import erase_personal
from tests.domain.exception_signals import stated
from tests.domain.signals import ORDER, captured, line, money, placed, signals

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


@pytest.mark.parametrize("amount", ["98", "98.0", "98.00", "098.00", "98.0000"])
def test_an_equal_amount_written_differently_is_the_same_signal(amount: str) -> None:
    order = Order(id=ORDER).after(SignalRecorded(signal=captured(1, "98.00")))
    assert order.record(captured(1, amount)) is None


@pytest.mark.parametrize("amount", ["98.01", "980", "9.8", "0"])
def test_another_amount_is_another_content(amount: str) -> None:
    order = Order(id=ORDER).after(SignalRecorded(signal=captured(1, "98.00")))
    with pytest.raises(SignalIdReused):
        order.record(captured(1, amount))
    with pytest.raises(SignalIdReused):
        order.record(replace(captured(), amount=money("100.00", "EUR")))


def test_amounts_within_lines_are_compared_by_value() -> None:
    told = placed(lines=(line("10.00", freight=money("1.5")), line("2")))
    assert is_same_signal(told, placed(lines=(line("10", freight=money("1.50")), line("2.0"))))
    assert not is_same_signal(told, placed(lines=(line("2"), line("10", freight=money("1.50")))))
    assert not is_same_signal(told, placed(lines=(line("10.00"), line("2"))))


def test_a_customer_that_was_erased_since_does_not_hide_an_equal_amount() -> None:
    recorded = erase_personal(placed(lines=(line("10.00"),)))
    assert is_same_signal(recorded, placed(lines=(line("10"),)))
    assert not is_same_signal(recorded, placed(lines=(line("11"),)))


@pytest.mark.parametrize(
    ("field", "one", "other", "same"),
    [
        ("order_total", "98.0 EUR", "98.00 eur", True),
        ("payment_amount", "98", "98.00", True),
        ("order_total", "98.0 EUR", "98.01 EUR", False),
        ("quantity_shipped", "3.0", "3", False),
        ("status", "Shipped", "shipped", True),
        ("shipping_address", "01067", "1067", False),
    ],
)
def test_a_stated_value_is_the_same_as_systems_are_compared(field, one, other, same) -> None:
    assert is_same_signal(stated(1, "oms", field, one), stated(1, "oms", field, other)) is same


def test_a_system_that_states_an_equal_value_of_another_field_says_something_else() -> None:
    one = stated(1, "oms", "order_total", "98.0")
    other = replace(stated(1, "oms", "payment_amount", "98"), id=one.id)
    assert not is_same_signal(one, other)


def rewritten(value: Any) -> Any:
    """The JSON of a signal with every amount and every time written otherwise."""
    if isinstance(value, list):
        return [rewritten(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: rewritten(one) for name, one in value.items()}
    if set(found) == {"amount", "currency"}:
        whole, _, decimals = found["amount"].partition(".")
        found["amount"] = f"{whole}.{decimals:0<4}"
    for name, one in found.items():
        if isinstance(one, str) and name in ("event_time", "ship_by", "expires_at"):
            found[name] = one.removesuffix("Z") + "+00:00"
    return found


@given(signals(1), signals(1))
def test_a_signal_written_otherwise_is_the_same(signal: Signal, other: Signal) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(signal))
    again = msgspec.convert(rewritten(plain), Signal)
    assert is_same_signal(signal, again)
    assert is_same_signal(again, signal)
    if type(other) is not type(signal) or other.event_time != signal.event_time:
        assert not is_same_signal(signal, other)
