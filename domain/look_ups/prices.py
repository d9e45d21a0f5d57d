"""Price check: the usual price of a product, from the orders for it.

A price counts from the order that showed it until the next recorded price. A price is recorded when
it changes, and otherwise once a day: so a late order distorts a day at most.
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
from domain.money import PositiveMoney, UnitPrice, round_money
from domain.orders.purchase_signals import OrderPlaced, PriceFlagged

PRODUCTS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:products")
MIN_PRICE_PERIOD: Final = timedelta(days=1)
MAX_PRICE_PERIOD: Final = timedelta(days=366)
PRICE_RECONFIRM_AFTER: Final = timedelta(days=1)
MAX_PAST_PRICES: Final = 1_000
"""The most prices that are kept for one product: the newest."""


@lru_cache(maxsize=10_000)
def product_stream(sku: str, currency: str) -> UUID:
    return uuid5(PRODUCTS_NAMESPACE, f"{currency} {sku}")


def product_prices_shown(placed: OrderPlaced) -> Iterator[ProductPriced]:
    """The price of each product in the order: the lowest if several lines have it.

    What is free or given back says nothing about a price.
    """
    lowest: dict[str, PositiveMoney] = {}
    for line in placed.lines:
        if line.sku is None or line.price.value <= 0:
            continue
        price = lowest.get(line.sku)
        if price is None or line.price.value < price.value:
            lowest[line.sku] = _to_money(line.price)
    for sku, price in lowest.items():
        yield ProductPriced(sku=sku, price=price, at=placed.event_time)


def _to_money(price: UnitPrice) -> PositiveMoney:
    """The price in whole units of its currency; a price as exact as its currency keeps its text."""
    value = round_money(price.value, price.currency)
    same = value == price.value and "." in price.amount
    return PositiveMoney(price.amount if same else f"{value:f}", price.currency)


class PastPrice(Struct, frozen=True, gc=False):
    """A price that an order showed."""

    at: datetime
    order: str
    money: PositiveMoney


class ProductPrices(Struct, frozen=True, kw_only=True):
    """The past prices of a product in one currency, by the time of the order."""

    version: int = 0
    past: tuple[PastPrice, ...] = ()

    def is_new(self, event: ProductPriced) -> bool:
        """Whether to record the price: it differs from the last one, or none was recorded for a day."""
        n = self._count_until(event.at)
        before = self.past[n - 1] if n else None
        after = self.past[n] if n < len(self.past) else None
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
        """The median price over the time before `at`, weighted by time; None with too little history.

        Prices of the order itself do not count. One record counts for `least_history` at most: a
        price seen once, long ago or by a source with a wrong clock, says little about the time since.
        """
        known = [p for p in self.past[: self._count_until(at)] if p.at < at and p.order != order]
        if not known:
            return None
        ends = [*(price.at for price in known[1:]), at]
        spans: dict[Decimal, timedelta] = {}
        moneys: dict[Decimal, PositiveMoney] = {}
        for price, end in zip(known, ends, strict=True):
            value = price.money.value
            span = min(end, price.at + least_history) - max(price.at, at - over)
            if span > timedelta():
                spans[value] = spans.get(value, timedelta()) + span
                moneys[value] = price.money
        total, passed = sum(spans.values(), timedelta()), timedelta()
        if total < least_history:
            return None
        for value in sorted(spans):
            passed += spans[value]
            if 2 * passed >= total:
                return moneys[value]
        return None

    def flagged(
        self, placed: OrderPlaced, event: ProductPriced, over: timedelta, least_history: timedelta
    ) -> PriceFlagged | None:
        """A signal that the order's price is below the usual one; None if it is not."""
        usual = self.usual_price(event.at, placed.order_key, over, least_history)
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
        past.insert(self._count_until(event.at), PastPrice(event.at, order, event.price))
        # A price with a time far in the future must not push out the prices of today.
        oldest = min(event.at, recorded_at) - MAX_PRICE_PERIOD
        first = bisect.bisect_right(past, oldest, key=_price_time)
        # The last price before that is kept: it counts until the next one.
        kept = past[max(first - 1, 0) :]
        return structs.replace(self, version=self.version + 1, past=tuple(kept[-MAX_PAST_PRICES:]))

    def _count_until(self, at: datetime) -> int:
        return bisect.bisect_right(self.past, at, key=_price_time)


def _price_time(price: PastPrice) -> datetime:
    return price.at
