"""A plan of signals: each with the time at which it arrives."""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import structs

from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signals import Signal

SignalPlan = list[tuple[datetime, Signal]]
"""Signals, each with the time at which it arrives: usually its event time."""


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def add_signal(
    plan: SignalPlan,
    kind: Callable[..., Signal],
    source: str,
    after: timedelta,
    which: str = "",
    /,
    **facts: object,
) -> SignalPlan:
    """The plan with one more signal, at a time after the purchase."""
    at, placed = plan[0]
    name = f"{placed.order}-{kind.__name__.lower()}{which}"
    signal = kind(
        source=source, id=name, order=placed.order, shop=placed.shop, event_time=at + after, **facts
    )
    return [*plan, (at + after, signal)]


def order_of(plan: SignalPlan) -> OrderPlaced:
    placed = plan[0][1]
    assert isinstance(placed, OrderPlaced)
    return placed


def changed(plan: SignalPlan, kinds: tuple[type, ...], **facts: object) -> SignalPlan:
    """The plan with other values in the signals of these types."""
    return [(t, structs.replace(s, **facts) if isinstance(s, kinds) else s) for t, s in plan]
