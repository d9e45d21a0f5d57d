"""The common fields of signals that a look-up derives from an order."""

import hashlib
from typing import Any

from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signal_body import OWN_SOURCE


def derived_signal_fields(placed: OrderPlaced, what: str) -> dict[str, Any]:
    """Source, id, order and time of a signal that is derived from `placed`.

    The id is made of `what` and a digest of the source signal's identity: signals derived from two
    `order.placed` of one order never share an id.
    """
    digest = hashlib.sha256(placed.key.encode()).hexdigest()[:12]
    return {
        "source": OWN_SOURCE,
        "id": f"{what}:{digest}",
        "order": placed.order,
        "event_time": placed.event_time,
    }
