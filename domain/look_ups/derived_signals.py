"""The common fields of signals that a look-up derives from an order."""

import hashlib
from typing import Any, Final

from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signal_body import OWN_SOURCE

LONGEST_WHAT: Final = 185
"""With the digest, an id has at most 200 characters."""


def derived_signal_fields(placed: OrderPlaced, what: str) -> dict[str, Any]:
    """Source, id, order and time of a signal that is derived from `placed`.

    The id is made of `what` and a digest of the source signal's identity: signals derived from two
    `order.placed` of one order never share an id.
    """
    digest = hashlib.sha256(placed.key.encode()).hexdigest()[:12]
    if len(what) > LONGEST_WHAT:
        what = f"{what[:120]}:{hashlib.sha256(what.encode()).hexdigest()}"
    return {
        "source": OWN_SOURCE,
        "id": f"{what}:{digest}",
        "order": placed.order,
        "shop": placed.shop,
        "event_time": placed.event_time,
    }
