"""Signals of our own: what a look-up finds out about an order, said as any system would say it."""

from __future__ import annotations

import hashlib
from typing import Any

from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signal_body import OWN_SOURCE


def derived_signal_fields(placed: OrderPlaced, what: str) -> dict[str, Any]:
    """What a signal derived from this statement carries.

    Its id follows from what it says and from the statement that it was derived from: two statements
    of one order, in whatever order they come, never claim each other's.
    """
    mark = hashlib.sha256(placed.key.encode()).hexdigest()[:12]
    return {
        "source": OWN_SOURCE,
        "id": f"{what}:{mark}",
        "order": placed.order,
        "event_time": placed.event_time,
    }
