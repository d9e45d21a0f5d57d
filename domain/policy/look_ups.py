"""Look-ups of a policy: how far back they may look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from domain.errors import Fault
from domain.look_ups.duplicates import MAX_DUPLICATE_WINDOW
from domain.look_ups.prices import MAX_PRICE_PERIOD, MIN_PRICE_PERIOD
from domain.policy.document import LookUps


def find_look_up_faults(look_ups: LookUps) -> Iterator[Fault]:
    duplicates, prices = look_ups.duplicates, look_ups.prices
    if duplicates is not None and not timedelta() < duplicates.within <= MAX_DUPLICATE_WINDOW:
        detail = f"must be longer than nothing, at most {MAX_DUPLICATE_WINDOW.days} days"
        yield Fault("/look_ups/duplicates/within", detail)
    if prices is not None and not MIN_PRICE_PERIOD <= prices.over <= MAX_PRICE_PERIOD:
        yield Fault("/look_ups/prices/over", f"must be from a day to {MAX_PRICE_PERIOD.days} days")
    if prices is not None and not timedelta() < prices.least_history <= prices.over:
        detail = "must be longer than nothing, at most as long as `over`"
        yield Fault("/look_ups/prices/least_history", detail)
