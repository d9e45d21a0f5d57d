"""Facts about stock: what could not be set aside, comes later, is another product, or is not there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, TypeVar

from msgspec import Struct

from domain.orders.fact_metadata import (
    LASTING,
    SignalsByType,
    derived_from,
    fact_meta,
    last_event_time,
)
from domain.orders.signals import (
    AllocationFailed,
    Backordered,
    OrderPlaced,
    StockAllocated,
    StockCounted,
    StockLevelTold,
    SubstitutionDecided,
    SubstitutionProposed,
)


class StockFacts(Struct, frozen=True, gc=False):
    allocation_failed: Annotated[
        bool, fact_meta(LASTING, "Stock could not be set aside.", (AllocationFailed,))
    ] = False
    allocation_open: Annotated[bool | None, derived_from(AllocationFailed, StockAllocated)] = None
    """Some of what could not be set aside was not set aside since."""
    backorder_breaks_promise: Annotated[
        bool | None,
        fact_meta(
            LASTING,
            "Goods were told to come after a promised day, or on a day that nobody knows.",
            (Backordered, OrderPlaced),
        ),
    ] = None
    backorder_open: Annotated[
        bool | None, derived_from(Backordered, OrderPlaced, StockAllocated)
    ] = None
    """The last word on the backorder breaks the promise, and nothing was set aside since."""
    substitution_proposed: Annotated[
        bool,
        fact_meta(LASTING, "The warehouse would send another product.", (SubstitutionProposed,)),
    ] = False
    substitution_open: Annotated[
        bool | None, derived_from(SubstitutionProposed, SubstitutionDecided)
    ] = None
    """A substitute is proposed that nobody has decided on since."""
    oversold: Annotated[
        bool,
        fact_meta(
            LASTING, "Less than nothing, or less than allocated, was on hand.", (StockLevelTold,)
        ),
    ] = False
    oversold_now: Annotated[bool | None, derived_from(StockLevelTold)] = None
    """By the last level of some product in some warehouse."""
    miscounted: Annotated[
        bool, fact_meta(LASTING, "A count differed from the system.", (StockCounted,))
    ] = False
    miscounted_now: Annotated[bool | None, derived_from(StockCounted)] = None
    """By the last count of some product in some warehouse."""


_AboutStock = TypeVar("_AboutStock", StockLevelTold, StockCounted)

NO_STOCK_FACTS: Final = StockFacts()
_SOURCE_SIGNALS: Final = frozenset(
    [AllocationFailed, Backordered, SubstitutionProposed, StockLevelTold, StockCounted]
)


def stock_facts(told: SignalsByType) -> StockFacts:
    if _SOURCE_SIGNALS.isdisjoint(told):
        return NO_STOCK_FACTS
    failures: list[AllocationFailed] = told.get(AllocationFailed, [])
    levels: list[StockLevelTold] = told.get(StockLevelTold, [])
    counts: list[StockCounted] = told.get(StockCounted, [])
    proposals: list[SubstitutionProposed] = told.get(SubstitutionProposed, [])
    decisions: list[SubstitutionDecided] = told.get(SubstitutionDecided, [])
    allocations: list[StockAllocated] = told.get(StockAllocated, [])
    return StockFacts(
        allocation_failed=bool(failures),
        allocation_open=any(not _is_reallocated(f, allocations) for f in failures)
        if failures
        else None,
        backorder_breaks_promise=_breaks_earliest_promise(told),
        backorder_open=_breaks_promise_now(told),
        substitution_proposed=bool(proposals),
        substitution_open=any(not _is_decided(p, decisions) for p in proposals)
        if proposals
        else None,
        oversold=any(_is_oversold(level) for level in levels),
        oversold_now=any(_is_oversold(level) for level in _latest_per_stock(levels))
        if levels
        else None,
        miscounted=any(count.counted != count.system for count in counts),
        miscounted_now=any(count.counted != count.system for count in _latest_per_stock(counts))
        if counts
        else None,
    )


def _is_reallocated(failure: AllocationFailed, allocations: Iterable[StockAllocated]) -> bool:
    """An allocation that names no product is one of all; a failure that names none is one of any."""
    since = [a for a in allocations if a.event_time >= failure.event_time]
    if any(not allocation.skus for allocation in since):
        return True
    found = {sku for allocation in since for sku in allocation.skus}
    return bool(found) and found.issuperset(failure.skus)


def _breaks_earliest_promise(told: SignalsByType) -> bool | None:
    """By the earliest day that any statement promised, so that more statements never mend it."""
    backorders: list[Backordered] = told.get(Backordered, [])
    if not backorders:
        return None
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    days = [p.promise.delivery_date for p in placed if p.promise]
    return bool(days) and any(
        b.expected_on is None or b.expected_on > min(days) for b in backorders
    )


def _breaks_promise_now(told: SignalsByType) -> bool | None:
    backorders: list[Backordered] = told.get(Backordered, [])
    if not backorders:
        return None
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    promise = placed[0].promise if placed else None
    newest, allocated_at = backorders[-1], last_event_time(told, StockAllocated)
    if promise is None or (allocated_at is not None and allocated_at >= newest.event_time):
        return False
    return newest.expected_on is None or newest.expected_on > promise.delivery_date


def _is_decided(proposal: SubstitutionProposed, decisions: Iterable[SubstitutionDecided]) -> bool:
    return any(d.sku == proposal.sku and d.event_time >= proposal.event_time for d in decisions)


def _is_oversold(level: StockLevelTold) -> bool:
    return level.on_hand < 0 or (level.allocated or 0) > level.on_hand


def _latest_per_stock(said: Iterable[_AboutStock]) -> Iterable[_AboutStock]:
    """The last statement about each product in each warehouse."""
    return {(one.sku, one.warehouse): one for one in said}.values()
