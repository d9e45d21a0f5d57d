"""The versions of an order, in the order of their revisions, and what an edit changes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from msgspec import UNSET, UnsetType, structs

from domain.orders import purchase_signals as purchase
from domain.orders.notices import Notice
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.signal_body import SignalBody, given

_EDITED: Final = tuple(
    name for name in OrderEdited.__struct_fields__ if name not in SignalBody.__struct_fields__
)
_PRICING: Final = ("lines", "charges", "discounts", "tax")
_COSTS: Final = (*_PRICING, "total")
_MONEY: Final = (*_COSTS, "lines_complete")
StatedLines: TypeAlias = Sequence[tuple[datetime, purchase.Lines]]
"""The lines as they were told, each with the time; no lines where some are missing."""


def fold_versions(
    first: OrderPlaced, versions: Sequence[OrderPlaced | OrderEdited]
) -> tuple[OrderPlaced, OrderPlaced | OrderEdited, datetime | None, list[str], StatedLines]:
    """The order after its edits, the version that has its lines, when the price last changed, the edits in
    another currency, and the lines by each version that tells them."""
    other_currency: list[str] = []
    stated: list[tuple[datetime, purchase.Lines]] = []
    priced_at: datetime | None = None
    current = first
    by_lines: OrderPlaced | OrderEdited = first
    for version in versions:
        if isinstance(version, OrderPlaced):
            current, by_lines = version, version
            stated.append(_complete_lines(current))
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
        if "lines" in changes or "lines_complete" in changes:
            stated.append((version.event_time, _complete_lines(current)[1]))
    return current, by_lines, priced_at, other_currency, stated


def _complete_lines(order: OrderPlaced) -> tuple[datetime, purchase.Lines]:
    """The lines of the order and when they were told; none while lines are missing."""
    return order.event_time, order.lines if order.lines_complete else ()


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


def sort_versions(versions: Iterable[OrderPlaced | OrderEdited]) -> list[OrderPlaced | OrderEdited]:
    """The versions by their revision: a counter or a time; without one, the event time.

    Counters and times cannot be compared: where a source mixes them, the event time counts. Before the
    edits that a source counts comes the order as it was placed, if that has no revision.
    """
    stated = [*versions]
    counted = {isinstance(one.revision, int) for one in stated if not _is_first(one)}
    if counted == {True}:
        return sorted(stated, key=lambda one: (_counter(one), one.event_time, one.key))
    is_mixed = len({isinstance(one.revision, int) for one in stated}) > 1
    if is_mixed:
        return sorted(stated, key=lambda one: (one.event_time, _counter(one), one.key))
    return sorted(stated, key=lambda one: (_revised_at(one), one.event_time, one.key))


def _is_first(version: OrderPlaced | OrderEdited) -> bool:
    """Whether the order was placed without a revision."""
    return isinstance(version, OrderPlaced) and version.revision is UNSET


def _counter(version: OrderPlaced | OrderEdited) -> int:
    return version.revision if isinstance(version.revision, int) else -1


def _revised_at(version: OrderPlaced | OrderEdited) -> datetime:
    return version.revision if isinstance(version.revision, datetime) else version.event_time


def find_revision_notices(
    versions: Sequence[OrderPlaced | OrderEdited], asked: Collection[str]
) -> Iterator[Notice]:
    """What is odd about the revisions of an order by one source. `asked` are keys of statements."""
    ranked = sort_versions(versions)
    others = sorted(
        (one for one in ranked if not _is_first(one)), key=lambda one: (one.event_time, one.key)
    )
    for one in others:
        begins, is_counted = others[0], isinstance(one.revision, int)
        if one.key in asked and is_counted != isinstance(begins.revision, int):
            what = "a counter" if is_counted else "no counter"
            yield Notice(
                signal=one.key,
                pointer="" if one.revision is UNSET else "/revision",
                detail=f"the revision is {what}, unlike that of {begins.key}: they cannot be compared, so the "
                "event time of each version of the order counts. Send the same kind of revision with all",
            )
    for n, one in enumerate(ranked):
        for other in ranked[:n]:
            if one.revision is UNSET or one.revision != other.revision:
                continue
            if not (field := _differing_field(one, other)):
                continue
            for this, that in ((one, other), (other, one)):
                if this.key in asked:
                    yield Notice(
                        signal=this.key,
                        pointer="/revision",
                        detail=f"revision {_text(one.revision)} was also told by {that.key}, with another "
                        f"value of `{field}`; that of {one.key} counts. Send each state under a revision of "
                        "its own, or replace the wrong one",
                    )


def _differing_field(
    one: OrderPlaced | OrderEdited, other: OrderPlaced | OrderEdited
) -> str | None:
    """A field that both tell, with other values."""
    for name in _EDITED:
        mine, theirs = given(getattr(one, name)), given(getattr(other, name))
        if mine not in (None, ()) and theirs not in (None, ()) and mine != theirs:
            return name
    return None


def _text(revision: int | datetime | UnsetType) -> str:
    return revision.isoformat() if isinstance(revision, datetime) else str(revision)
