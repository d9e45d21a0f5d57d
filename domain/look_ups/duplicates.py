"""Duplicate check: the same customer ordered the same basket again."""

from __future__ import annotations

import bisect
import hashlib
from collections import Counter
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import UNSET, Struct, structs

from domain.look_ups.derived_signals import derived_signal_fields
from domain.look_ups.events import CustomerOrdered
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.relation_signals import DuplicateSuspected
from domain.orders.signal_body import DEFAULT_SHOP, given, split_order_key

CUSTOMERS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:customers")
MAX_DUPLICATE_WINDOW: Final = timedelta(days=31)
MAX_PAST_ORDERS: Final = 1_000
"""The most orders that are kept for one customer: the newest."""


@lru_cache(maxsize=10_000)
def customer_stream(subject: UUID) -> UUID:
    """The stream id of a customer, derived from the pseudonym in the log."""
    return uuid5(CUSTOMERS_NAMESPACE, str(subject))


def create_customer_ordered(placed: OrderPlaced) -> CustomerOrdered | None:
    """The event that records this order for later checks; None while lines are missing, and for a guest.

    Guests share no identity: two of them with the same basket are not one customer.
    """
    customer = placed.customer.id if placed.customer is not None else None
    if customer is None or not placed.lines or not placed.lines_complete:
        return None
    pieces: Counter[str] = Counter()
    for line in placed.lines:
        pieces[line.sku or given(line.title) or ""] += line.quantity
    written = msgspec.json.encode(sorted(pieces.items()))
    return CustomerOrdered(
        customer=customer,
        basket=hashlib.sha256(written).hexdigest()[:32],
        placed_at=placed.event_time,
    )


class PastOrder(Struct, frozen=True, gc=False, order=True):
    placed_at: datetime
    order: str
    """Its id, with its shop: the order's name in the log."""
    basket: str


class CustomerOrders(Struct, frozen=True, kw_only=True):
    """The recent orders of a customer, by the time of placing."""

    version: int = 0
    past: tuple[PastOrder, ...] = ()

    def contains(self, event: CustomerOrdered, order: str) -> bool:
        return PastOrder(event.placed_at, order, event.basket) in self.past

    def find_duplicate(
        self, placed: OrderPlaced, event: CustomerOrdered, within: timedelta
    ) -> DuplicateSuspected | None:
        """A signal that this order duplicates the earliest matching order; None without a match."""
        for past in self.past:
            if (
                past.basket == event.basket
                and past.order != placed.order_key
                and abs(past.placed_at - placed.event_time) <= within
            ):
                other, shop = split_order_key(past.order)
                named = other if shop == DEFAULT_SHOP else f"{shop}/{other}"
                return DuplicateSuspected(
                    **derived_signal_fields(placed, f"duplicate:{named}"),
                    other=other,
                    other_shop=UNSET if shop == placed.shop_name else shop,
                    reason=f"same customer, same basket; the other was placed at "
                    f"{past.placed_at.isoformat()}",
                )
        return None

    def after(self, event: CustomerOrdered, order: str, recorded_at: datetime) -> CustomerOrders:
        past = [*self.past]
        bisect.insort(past, PastOrder(event.placed_at, order, event.basket))
        # An order with a time far in the future must not push out the orders of today.
        oldest = min(event.placed_at, recorded_at) - MAX_DUPLICATE_WINDOW
        kept = past[bisect.bisect_left(past, oldest, key=lambda past_order: past_order.placed_at) :]
        return structs.replace(self, version=self.version + 1, past=tuple(kept[-MAX_PAST_ORDERS:]))
