"""A statement counts unless one that counts retracts or replaces it."""

from __future__ import annotations

import itertools

import pytest

from domain.orders.shipment_signals import Delivered
from domain.orders.signal_body import SignalRetracted
from domain.orders.signals import Signal
from domain.orders.standing import standing
from tests.domain.money import said


def told(hours: float, id: str, replaces: str | None = None, source: str = "psp") -> Signal:
    more = {"replaces": replaces} if replaces else {}
    signal: Signal = said(Delivered, hours, id, source, **more)
    return signal


def never(hours: float, id: str, of: str, source: str = "psp") -> Signal:
    signal: Signal = said(SignalRetracted, hours, id, source, of=of)
    return signal


STORIES: dict[str, tuple[list[Signal], set[str]]] = {
    "it is retracted": ([told(1, "a"), never(2, "x", "a")], {"x"}),
    "it is retracted before it arrives": ([told(3, "a"), never(2, "x", "a")], {"x"}),
    "another source has the same id": ([told(1, "a"), never(2, "x", "a", "shop")], {"a", "x"}),
    "it is replaced": ([told(1, "a"), told(2, "b", "a")], {"b"}),
    "the replacement is replaced": (
        [told(1, "a"), told(2, "b", "a"), told(3, "c", "b")],
        {"a", "c"},
    ),
    "the retraction is retracted": (
        [told(1, "a"), never(2, "x", "a"), never(3, "y", "x")],
        {"a", "y"},
    ),
    "two replace it": ([told(1, "a"), told(2, "b", "a"), told(3, "c", "a")], {"c"}),
    "two replace it, the later is retracted": (
        [told(1, "a"), told(2, "b", "a"), told(3, "c", "a"), never(4, "x", "c")],
        {"b", "x"},
    ),
    "a circle of two": ([told(1, "a", "b"), told(2, "b", "a")], {"a", "b"}),
    "a circle from outside": (
        [told(1, "a", "b"), told(2, "b", "a"), never(3, "x", "a")],
        {"b", "x"},
    ),
    "it replaces itself": ([told(1, "a", "a"), told(2, "b")], {"a", "b"}),
    "it retracts itself": ([told(1, "a"), never(2, "x", "x")], {"a", "x"}),
    "what retracts itself is retracted": ([never(2, "x", "x"), never(3, "y", "x")], {"y"}),
    "nothing has this id": ([told(1, "a"), never(2, "x", "z")], {"a", "x"}),
}


@pytest.mark.parametrize("name", STORIES)
def test_which_statements_count_in_any_order_of_arrival(name: str) -> None:
    story, counting = STORIES[name]
    for arrived in itertools.permutations(story):
        assert {signal.id for signal in standing(arrived)} == counting
