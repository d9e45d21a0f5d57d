"""Checks of a policy's look-ups: how far back they may look."""

from collections.abc import Iterator
from datetime import timedelta

from domain.errors import Fault
from domain.look_ups.duplicates import MAX_DUPLICATE_WINDOW
from domain.look_ups.prices import MAX_PRICE_PERIOD, MIN_PRICE_PERIOD
from domain.policy.checks import duration_faults
from domain.policy.look_up_parts import LookUps


def find_look_up_faults(look_ups: LookUps) -> Iterator[Fault]:
    if look_ups.duplicates is not None:
        within = look_ups.duplicates.within
        yield from duration_faults("/look_ups/duplicates/within", within, MAX_DUPLICATE_WINDOW)
    if (prices := look_ups.prices) is not None:
        place = "/look_ups/prices"
        yield from duration_faults(f"{place}/over", prices.over, MAX_PRICE_PERIOD, MIN_PRICE_PERIOD)
        if not timedelta() < prices.least_history <= prices.over:
            yield Fault(
                f"{place}/least_history", "must be more than 0 and at most as long as `over`"
            )
