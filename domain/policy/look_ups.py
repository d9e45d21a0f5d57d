"""Look-ups of a policy: how far back they may look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from domain.errors import Fault
from domain.look_ups.duplicates import LONGEST_WITHIN
from domain.look_ups.prices import LONGEST_OVER, SHORTEST_OVER
from domain.policy.document import LookUps


def faults_of_look_ups(look_ups: LookUps) -> Iterator[Fault]:
    duplicates, prices = look_ups.duplicates, look_ups.prices
    if duplicates is not None and not timedelta() < duplicates.within <= LONGEST_WITHIN:
        detail = f"must be longer than nothing, at most {LONGEST_WITHIN.days} days"
        yield Fault("/look_ups/duplicates/within", detail)
    if prices is not None and not SHORTEST_OVER <= prices.over <= LONGEST_OVER:
        yield Fault("/look_ups/prices/over", f"must be from a day to {LONGEST_OVER.days} days")
    if prices is not None and not timedelta() < prices.least_history <= prices.over:
        detail = "must be longer than nothing, at most as long as `over`"
        yield Fault("/look_ups/prices/least_history", detail)
