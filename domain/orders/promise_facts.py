"""Facts about the delivery promise, and when half of its time is over."""

from datetime import date, datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from, first_event_time
from domain.orders.goods import Goods
from domain.orders.goods_parts import CONTENT_FEEDS
from domain.orders.promise_days import end_of_promise
from domain.orders.shipment_signals import LabelCreated
from domain.orders.signal_body import given
from domain.orders.stock_signals import Released, StockAllocated


class PromiseFacts(Struct, frozen=True, gc=False):
    delivery_date: Annotated[date | None, derived_from(*CONTENT_FEEDS)]
    """The day that is promised for the whole order."""
    delivery_day_ends: Annotated[datetime | None, derived_from(*CONTENT_FEEDS)]
    """The first moment after the promised day, in the customer's time zone."""
    ship_by: Annotated[datetime | None, derived_from(*CONTENT_FEEDS)]
    """The latest `ship_by` of the lines, else the order's."""
    half_over_at: Annotated[datetime | None, derived_from(*CONTENT_FEEDS)]
    """When half of the time from the purchase to the end of the promised day is over."""
    half_over_in_warehouse_at: Annotated[
        datetime | None, derived_from(*CONTENT_FEEDS, StockAllocated, Released, LabelCreated)
    ]
    """The later of `half_over_at` and the first signal of a warehouse."""


NO_PROMISE: Final = PromiseFacts(
    delivery_date=None,
    delivery_day_ends=None,
    ship_by=None,
    half_over_at=None,
    half_over_in_warehouse_at=None,
)


def promise_facts(signals: SignalsByType, goods: Goods) -> PromiseFacts:
    placed, order = goods.content.placed, goods.content.current
    if placed is None or order is None:
        return NO_PROMISE
    promise, begins = order.promise, placed.event_time
    day_ends = end_of_promise(promise)
    half = None
    if day_ends is not None and day_ends > begins:
        half = begins + (day_ends - begins) / 2
    times = [first_event_time(signals, kind) for kind in (StockAllocated, Released, LabelCreated)]
    in_warehouse = min((at for at in times if at is not None), default=None)
    return PromiseFacts(
        delivery_date=promise.delivery_date if promise else None,
        delivery_day_ends=day_ends,
        ship_by=max(
            (line.ship_by for line in order.lines if line.ship_by), default=given(order.ship_by)
        ),
        half_over_at=half,
        half_over_in_warehouse_at=max(half, in_warehouse) if half and in_warehouse else None,
    )
