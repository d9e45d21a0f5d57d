"""Facts about the delivery promise, and when half of its time is over."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from, first_event_time
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.shipment_signals import LabelCreated
from domain.orders.signal_body import time_zone
from domain.orders.stock_signals import Released, StockAllocated


class PromiseFacts(Struct, frozen=True, gc=False):
    delivery_date: Annotated[date | None, derived_from(OrderPlaced)]
    delivery_day_ends: Annotated[datetime | None, derived_from(OrderPlaced)]
    """The first moment after the promised day, in the customer's time zone."""
    ship_by: Annotated[datetime | None, derived_from(OrderPlaced)]
    """The latest `ship_by` of the lines."""
    half_over_at: Annotated[datetime | None, derived_from(OrderPlaced)]
    """When half of the time from the purchase to the end of the promised day is over."""
    half_over_in_warehouse_at: Annotated[
        datetime | None, derived_from(OrderPlaced, StockAllocated, Released, LabelCreated)
    ]
    """The later of `half_over_at` and the first signal of a warehouse."""


NO_PROMISE: Final = PromiseFacts(
    delivery_date=None,
    delivery_day_ends=None,
    ship_by=None,
    half_over_at=None,
    half_over_in_warehouse_at=None,
)


def promise_facts(signals: SignalsByType) -> PromiseFacts:
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    if not placed:
        return NO_PROMISE
    order, promise = placed[0], placed[0].promise
    day_ends = end_of_day(promise.delivery_date, promise.time_zone) if promise else None
    half = None
    if day_ends is not None and day_ends > order.event_time:
        half = order.event_time + (day_ends - order.event_time) / 2
    times = [first_event_time(signals, kind) for kind in (StockAllocated, Released, LabelCreated)]
    in_warehouse = min((at for at in times if at is not None), default=None)
    return PromiseFacts(
        delivery_date=promise.delivery_date if promise else None,
        delivery_day_ends=day_ends,
        ship_by=max((line.ship_by for line in order.lines if line.ship_by), default=None),
        half_over_at=half,
        half_over_in_warehouse_at=max(half, in_warehouse) if half and in_warehouse else None,
    )


def end_of_day(day: date, zone: str) -> datetime:
    """The first moment after a calendar day in a time zone, in UTC.

    Where daylight saving skips or repeats that midnight, the offset before the change counts
    (PEP 495, fold 0).
    """
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), time_zone(zone))
    return midnight.astimezone(UTC)
