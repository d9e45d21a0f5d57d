"""The demonstration shows every kind of exception, and orders that go well need nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from infrastructure.policies.files import load_policy
from infrastructure.sources.demonstration.shop import Shop, SignalPlan
from infrastructure.sources.demonstration.stream import DemonstrationStream
from infrastructure.sources.demonstration.troubles import TROUBLES
from tests.application.look_ups import service_with_look_ups

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
KINDS = set(load_policy().document.kinds)
LONG_AFTER = timedelta(days=40)


def lived(plan: SignalPlan, until: datetime) -> list[str]:
    """The kinds of the cases that are found when each signal is told at its time."""
    house = service_with_look_ups()
    for at, signal in sorted(plan, key=lambda told: told[0]):
        house.tick(at, punctual=True)
        house.take(signal, at=at)
    house.tick(until, punctual=True)
    return [case.kind for case in house.found()]


def test_the_past_has_every_kind_by_the_start() -> None:
    history = list(DemonstrationStream(2026, START).history())
    assert max(at for at, _ in history) <= START
    assert {*lived(history, START)} == KINDS


@pytest.mark.parametrize("n", range(20))
def test_an_order_that_goes_well_needs_nobody(n) -> None:
    assert lived(Shop(n, "O").life(START), START + LONG_AFTER) == []


def test_each_trouble_shows_when_it_says_and_together_they_are_every_kind() -> None:
    shop, found = Shop(1, "O"), set()
    for trouble in TROUBLES:
        shown = lived(trouble.plan(shop, START), START + trouble.shows_after + timedelta(hours=1))
        assert shown, trouble
        found |= set(shown)
    assert found == KINDS
