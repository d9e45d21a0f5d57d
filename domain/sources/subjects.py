"""What a case is about that is about a source: its name in the log, in place of an order."""

import msgspec

from domain.orders.held_signals import HELD_PREFIX


def subject_name(shop: str, *parts: str) -> str:
    """The name of a subject of a source; no order, held signal or delivery has such a name."""
    return f"{HELD_PREFIX}{shop}{HELD_PREFIX * 3}{msgspec.json.encode(parts).decode()}"
