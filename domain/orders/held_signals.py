"""Held signals: their references lead to no order yet, or to several. Each has a stream of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.orders.order_names import OrderKey
from domain.orders.references import HeldReason
from domain.orders.signal_body import given
from domain.orders.signals import Signal
from domain.people import Actor

HELD_PREFIX: Final = "\x1f"
"""The first character of a held signal's name in the log; no order id may hold it."""
FIRST_LOOK: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)
_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:held")


class SignalHeld(Struct, frozen=True, kw_only=True, gc=False, tag="held.signal_held"):
    """A signal names its order by references that lead to no order, or to several.

    A later one says that the reason has changed, or that the signal was found in a wrong order.
    """

    signal: Signal
    why: HeldReason
    orders: tuple[OrderKey, ...] = ()
    """The orders that the references fit."""


class HeldSignalJoined(Struct, frozen=True, kw_only=True, gc=False, tag="held.signal_joined"):
    """The references lead to these orders now: the signal is recorded in each."""

    orders: tuple[OrderKey, ...]
    keys: tuple[str, ...] = ()
    """The names of the keys that seal the held signal. With the keys of an order, they are destroyed."""


class HeldReported(Struct, frozen=True, kw_only=True, gc=False, tag="held.reported"):
    """The signal was held for longer than policy allows."""

    held_at: datetime


HeldEvent: TypeAlias = SignalHeld | HeldSignalJoined | HeldReported


def held_name(signal: Signal) -> str:
    """The name of a held signal in the log, in place of an order."""
    return f"{HELD_PREFIX}{given(signal.shop) or ''}{HELD_PREFIX}{signal.key}"


def is_told_by_order(name: str, key: str, signal: Signal) -> bool:
    """Whether this signal is the held one with this name and key, told with its order."""
    shop = name[len(HELD_PREFIX) :].partition(HELD_PREFIX)[0]
    return signal.key == key and shop in ("", signal.shop_name)


def held_stream(name: str) -> UUID:
    return uuid5(_NAMESPACE, name)


class HeldSignal(Struct, frozen=True, kw_only=True):
    """The state of a held signal."""

    name: str
    signal: Signal
    why: HeldReason
    held_at: datetime
    actor: Actor
    version: int = 1
    orders: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    """The orders that the signal was recorded in."""
    reported_at: datetime | None = None

    @property
    def stream(self) -> UUID:
        return held_stream(self.name)

    def after(self, event: HeldEvent, at: datetime) -> HeldSignal:
        now = structs.replace(self, version=self.version + 1)
        match event:
            case HeldSignalJoined(orders=orders):
                return structs.replace(now, joined=orders)
            case HeldReported():
                return structs.replace(now, reported_at=at)
            case SignalHeld(why=why, orders=orders):
                now = structs.replace(now, why=why, orders=orders)
                if not self.joined:
                    return now
                return structs.replace(now, joined=(), held_at=at, reported_at=None)
            case _:
                assert_never(event)

    def next_look(self, now: datetime, held_at_most: timedelta | None) -> datetime:
        """When to look again: soon at first, later every hour, and when it is to be reported."""
        pause = min(max(now - self.held_at, FIRST_LOOK), LONGEST_PAUSE)
        if held_at_most is None or self.reported_at is not None:
            return now + pause
        report_at = self.held_at + held_at_most
        return min(now + pause, report_at) if report_at > now else now + pause
