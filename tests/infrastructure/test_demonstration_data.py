"""The demonstration has every kind of exception, and orders without trouble open no case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.orders.purchase_signals import OrderPlaced
from domain.policy.reader import SOURCE_SILENT, UNKNOWN_CODE
from infrastructure.policies.files import load_policy
from infrastructure.sources.demonstration.orders import OrderGenerator
from infrastructure.sources.demonstration.shop import Shop
from infrastructure.sources.demonstration.signal_plan import SignalPlan
from infrastructure.sources.demonstration.stream import DemonstrationStream
from infrastructure.sources.demonstration.troubles import TROUBLES
from infrastructure.sources.demonstration.usual_orders import VARIETY, MakePlan
from tests.application.look_ups import service_with_look_ups

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
KINDS = set(load_policy().document.kinds) - {SOURCE_SILENT, UNKNOWN_CODE}
"""Without those about sources: the demonstration begins with signals."""
LONG_AFTER = timedelta(days=40)


def case_kinds(plan: SignalPlan, until: datetime) -> list[str]:
    """The kinds of the cases that open if each signal arrives at its time."""
    house = service_with_look_ups()
    for at, signal in sorted(plan, key=lambda one: one[0]):
        house.tick(at, punctual=True)
        house.take(signal, at=at)
    house.tick(until, punctual=True)
    return [case.kind for case in house.found()]


def test_the_history_has_a_case_of_every_kind() -> None:
    history = list(DemonstrationStream(2026, START).history())
    assert max(at for at, _ in history) <= START
    assert {*case_kinds(history, START)} == KINDS


@pytest.mark.parametrize(("make", "share"), VARIETY)
@pytest.mark.parametrize("n", range(5))
def test_an_order_without_trouble_opens_no_case(make: MakePlan, share: int, n: int) -> None:
    assert share > 0
    assert case_kinds(make(Shop(n, "O"), START), START + LONG_AFTER) == []


def test_most_orders_have_no_case() -> None:
    generator = OrderGenerator(7, "O")
    plans = [generator.order(START) for _ in range(200)]
    troubled = sum(1 for plan in plans if case_kinds(plan, START + LONG_AFTER))
    assert 20 <= troubled <= 45
    signals = [signal for plan in plans for _, signal in plan]
    assert {signal.shop_name for signal in signals} == {"default", "uk", "us"}
    lines = [line for s in signals if isinstance(s, OrderPlaced) for line in s.lines]
    assert {line.price.currency for line in lines} == {"EUR", "GBP", "USD"}


def test_each_trouble_opens_its_case_in_time() -> None:
    shop, found = Shop(1, "O"), set()
    for trouble in TROUBLES:
        shown = case_kinds(
            trouble.plan(shop, START), START + trouble.shows_after + timedelta(hours=1)
        )
        assert shown, trouble
        found |= set(shown)
    assert found == KINDS
