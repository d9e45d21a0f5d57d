"""Duplicates: the same customer ordered the same again."""

from __future__ import annotations

import bisect
import hashlib
from collections import Counter
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import Struct, structs

from domain.look_ups.derived_signals import derived_signal_fields
from domain.look_ups.events import CustomerOrdered
from domain.orders.purchase_signals import DuplicateSuspected, OrderPlaced

CUSTOMERS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:customers")
MAX_DUPLICATE_WINDOW: Final = timedelta(days=31)
MAX_PAST_ORDERS: Final = 1_000
"""Of one customer are remembered, the newest ones."""


@lru_cache(maxsize=10_000)
def customer_stream(subject: UUID) -> UUID:
    """Of the customer whom the log names so."""
    return uuid5(CUSTOMERS_NAMESPACE, str(subject))


def create_customer_ordered(placed: OrderPlaced) -> CustomerOrdered | None:
    """What is to be remembered of this order; None where not all of its lines are known."""
    if not placed.lines or not placed.lines_complete:
        return None
    pieces: Counter[str] = Counter()
    for line in placed.lines:
        pieces[line.sku] += line.quantity
    written = msgspec.json.encode(sorted(pieces.items()))
    return CustomerOrdered(
        customer=placed.customer.id,
        basket=hashlib.sha256(written).hexdigest()[:32],
        placed_at=placed.event_time,
    )


class PastOrder(Struct, frozen=True, gc=False, order=True):
    placed_at: datetime
    order: str
    basket: str


class CustomerOrders(Struct, frozen=True, kw_only=True):
    """What a customer ordered lately, by the time at which it was placed."""

    version: int = 0
    past: tuple[PastOrder, ...] = ()

    def contains(self, event: CustomerOrdered, order: str) -> bool:
        return PastOrder(event.placed_at, order, event.basket) in self.past

    def find_duplicate(
        self, placed: OrderPlaced, event: CustomerOrdered, within: timedelta
    ) -> DuplicateSuspected | None:
        """The suspicion that this order repeats another: the first of those that it may repeat."""
        for one in self.past:
            if (
                one.basket == event.basket
                and one.order != placed.order
                and abs(one.placed_at - placed.event_time) <= within
            ):
                return DuplicateSuspected(
                    **derived_signal_fields(placed, f"duplicate:{one.order}"),
                    other=one.order,
                    reason=f"same customer, same basket; the other was placed at "
                    f"{one.placed_at.isoformat()}",
                )
        return None

    def after(self, event: CustomerOrdered, order: str, recorded_at: datetime) -> CustomerOrders:
        past = [*self.past]
        bisect.insort(past, PastOrder(event.placed_at, order, event.basket))
        # A source whose clock is years ahead must not make us forget what others say.
        oldest = min(event.placed_at, recorded_at) - MAX_DUPLICATE_WINDOW
        kept = past[bisect.bisect_left(past, oldest, key=lambda one: one.placed_at) :]
        return structs.replace(self, version=self.version + 1, past=tuple(kept[-MAX_PAST_ORDERS:]))
