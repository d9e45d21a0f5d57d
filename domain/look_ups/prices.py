"""Prices: what a product usually costs, as the orders for it have shown.

A price counts as in force from the order that showed it to the next that is recorded. That is when
it changes, and otherwise once a day: so an order that comes to us late, between two that are
recorded, can distort a day at most.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.look_ups.derived_signals import derived_signal_fields
from domain.look_ups.events import ProductPriced
from domain.money import PositiveMoney
from domain.orders.purchase_signals import OrderPlaced, PriceFlagged

PRODUCTS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:products")
MIN_PRICE_PERIOD: Final = timedelta(days=1)
MAX_PRICE_PERIOD: Final = timedelta(days=366)
PRICE_RECONFIRM_AFTER: Final = timedelta(days=1)
MAX_PAST_PRICES: Final = 1_000
"""Of one product are remembered, the newest ones."""


@lru_cache(maxsize=10_000)
def product_stream(sku: str, currency: str) -> UUID:
    return uuid5(PRODUCTS_NAMESPACE, f"{currency} {sku}")


def product_prices_shown(placed: OrderPlaced) -> Iterator[ProductPriced]:
    """The price of each product in the order: its lowest, where several lines have it."""
    lowest: dict[str, PositiveMoney] = {}
    for line in placed.lines:
        known = lowest.get(line.sku)
        if known is None or line.price.value < known.value:
            lowest[line.sku] = line.price
    for sku, price in lowest.items():
        yield ProductPriced(sku=sku, price=price, at=placed.event_time)


class PastPrice(Struct, frozen=True, gc=False):
    """A price that an order showed."""

    at: datetime
    order: str
    money: PositiveMoney


class ProductPrices(Struct, frozen=True, kw_only=True):
    """What a product cost, in one currency, by the time at which it was ordered."""

    version: int = 0
    past: tuple[PastPrice, ...] = ()

    def is_new(self, event: ProductPriced) -> bool:
        """Whether the price is to be recorded: it is not the one in force then, or none was
        recorded for a day."""
        place = self._place(event.at)
        before = self.past[place - 1] if place else None
        after = self.past[place] if place < len(self.past) else None
        if before is not None and before.money.value != event.price.value:
            return True
        return not any(
            near is not None
            and near.money.value == event.price.value
            and abs(near.at - event.at) < PRICE_RECONFIRM_AFTER
            for near in (before, after)
        )

    def usual_price(
        self, at: datetime, order: str, over: timedelta, least_history: timedelta
    ) -> PositiveMoney | None:
        """The price in the middle of the time before: for half of it, it cost that or less.

        What the order itself has shown does not count. No price counts for longer than
        `least_history` because one order showed it: what was seen once, long ago or by a source
        whose clock is behind, says little of the time since. None with too little history.
        """
        known = [one for one in self.past[: self._place(at)] if one.at < at and one.order != order]
        if not known:
            return None
        ends = [*(one.at for one in known[1:]), at]
        spans: dict[Decimal, timedelta] = {}
        moneys: dict[Decimal, PositiveMoney] = {}
        for one, end in zip(known, ends, strict=True):
            value = one.money.value
            span = min(end, one.at + least_history) - max(one.at, at - over)
            if span > timedelta():
                spans[value] = spans.get(value, timedelta()) + span
                moneys[value] = one.money
        whole, passed = sum(spans.values(), timedelta()), timedelta()
        if whole < least_history:
            return None
        for value in sorted(spans):
            passed += spans[value]
            if 2 * passed >= whole:
                return moneys[value]
        return None

    def flagged(
        self, placed: OrderPlaced, event: ProductPriced, over: timedelta, least_history: timedelta
    ) -> PriceFlagged | None:
        """The word that the order's price is below the usual one."""
        usual = self.usual_price(event.at, placed.order, over, least_history)
        if usual is None or event.price.value >= usual.value:
            return None
        return PriceFlagged(
            **derived_signal_fields(placed, f"price:{event.sku}"),
            sku=event.sku,
            price=event.price,
            usual_price=usual,
        )

    def after(self, event: ProductPriced, order: str, recorded_at: datetime) -> ProductPrices:
        past = [*self.past]
        past.insert(self._place(event.at), PastPrice(event.at, order, event.price))
        # A source whose clock is years ahead must not make us forget what others say.
        oldest = min(event.at, recorded_at) - MAX_PRICE_PERIOD
        first = bisect.bisect_right(past, oldest, key=_price_time)
        # What was in force when the time looked back over begins is needed still.
        kept = past[max(first - 1, 0) :]
        return structs.replace(self, version=self.version + 1, past=tuple(kept[-MAX_PAST_PRICES:]))

    def _place(self, at: datetime) -> int:
        """How many of the prices were shown by then."""
        return bisect.bisect_right(self.past, at, key=_price_time)


def _price_time(price: PastPrice) -> datetime:
    return price.at
