"""The versions of an order, in the order of their revisions, and what an edit changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET, structs

from domain.orders import purchase_signals as purchase
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.signal_body import SignalBody, given

_EDITED: Final = tuple(
    name for name in OrderEdited.__struct_fields__ if name not in SignalBody.__struct_fields__
)
_PRICING: Final = ("lines", "charges", "discounts", "tax")
_COSTS: Final = (*_PRICING, "total")
_MONEY: Final = (*_COSTS, "lines_complete")


def fold_versions(
    first: OrderPlaced, versions: Sequence[OrderPlaced | OrderEdited]
) -> tuple[OrderPlaced, OrderPlaced | OrderEdited, datetime | None, list[str]]:
    """The order after its edits, the version that has its lines, when the price last changed, and the
    edits in another currency."""
    other_currency: list[str] = []
    priced_at: datetime | None = None
    current = first
    by_lines: OrderPlaced | OrderEdited = first
    for version in versions:
        if isinstance(version, OrderPlaced):
            current, by_lines = version, version
            continue
        told = ((name, getattr(version, name)) for name in _EDITED)
        changes = {name: value for name, value in told if value is not UNSET}
        if _is_in_other_currency(current, changes):
            other_currency.append(version.key)
            changes = {name: value for name, value in changes.items() if name not in _MONEY}
        if any(
            given(changes[name]) != given(getattr(current, name))
            for name in _COSTS
            if name in changes
        ):
            priced_at = version.event_time
        if "lines" in changes:
            by_lines = version
            changes.setdefault("lines_complete", True)
        if "total" not in changes and any(name in changes for name in _PRICING):
            changes["total"] = UNSET
        current = structs.replace(current, **changes)
    return current, by_lines, priced_at, other_currency


def _is_in_other_currency(order: OrderPlaced, changes: Mapping[str, Any]) -> bool:
    """Whether the order would have amounts in two currencies with these changes."""
    if changes.keys().isdisjoint(_MONEY):
        return False
    now = {name: changes.get(name, getattr(order, name)) for name in _MONEY}
    parts = [part for name in ("lines", "charges", "discounts") for part in given(now[name]) or ()]
    # An edit of prices that tells no total drops the total.
    is_total_dropped = "total" not in changes
    total = None if is_total_dropped else now["total"]
    return len(purchase.currencies_of(parts, total, now["tax"])) > 1


def revision_key(version: OrderPlaced | OrderEdited) -> tuple[int, Any, datetime, str]:
    """Counters come before times, since a source that counts does so from its first version."""
    revision = version.revision
    if isinstance(revision, int):
        return 0, revision, version.event_time, version.key
    if isinstance(revision, datetime):
        return 1, revision, version.event_time, version.key
    return 1, version.event_time, version.event_time, version.key
