"""Facts about stock: failed allocations, backorders, substitutions, overselling and miscounts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, TypeVar

from msgspec import Struct

from domain.money import ZERO
from domain.orders.backorders import breaks_promise_now, ever_breaks_promise
from domain.orders.content import OrderContent
from domain.orders.fact_metadata import SignalsByType, derived_from, lasting
from domain.orders.goods import Goods
from domain.orders.goods_parts import GOODS_FEEDS
from domain.orders.money_ledger import MONEY_FEEDS, OrderMoney
from domain.orders.pieces import count_pieces
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.signal_body import LinePieces, given
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    StockAllocated,
    StockCounted,
    StockLevelTold,
    StockUnavailable,
    SubstitutionDecided,
    SubstitutionProposed,
    is_about_nothing,
)


class StockFacts(Struct, frozen=True, gc=False):
    unavailable_open: Annotated[
        bool | None,
        derived_from(StockUnavailable, StockAllocated, through=(*GOODS_FEEDS, *MONEY_FEEDS)),
    ] = None
    """Pieces are unavailable by the last statements about them, and neither cancelled nor given back."""
    all_unavailable_at: Annotated[
        datetime | None, derived_from(StockUnavailable, StockAllocated, through=GOODS_FEEDS)
    ] = None
    """When the last pieces became unavailable, if every piece of the order is: nothing is left to send."""
    allocation_failed: Annotated[bool, lasting(AllocationFailed)] = False
    """Stock could not be allocated."""
    allocation_open: Annotated[bool | None, derived_from(AllocationFailed, StockAllocated)] = None
    """Some of the failed allocations have not succeeded since."""
    backorder_breaks_promise: Annotated[bool | None, lasting(Backordered, OrderPlaced)] = None
    """Goods are expected after a promised day, or on an unknown day."""
    backorder_open: Annotated[
        bool | None,
        derived_from(Backordered, OrderPlaced, OrderEdited, StockAllocated, through=GOODS_FEEDS),
    ] = None
    """Pieces are backordered, by the last statements about them, to a day after their promise or to no day."""
    substitution_proposed: Annotated[bool, lasting(SubstitutionProposed)] = False
    """The warehouse proposed another product."""
    substitution_open: Annotated[
        bool | None, derived_from(SubstitutionProposed, SubstitutionDecided)
    ] = None
    """A substitute is proposed and not decided on."""
    oversold: Annotated[bool, lasting(StockLevelTold)] = False
    """The stock on hand was negative, or less than allocated."""
    oversold_now: Annotated[bool | None, derived_from(StockLevelTold)] = None
    """By the last level of any product in any warehouse."""
    miscounted: Annotated[bool, lasting(StockCounted)] = False
    """A count differed from the system."""
    miscounted_now: Annotated[bool | None, derived_from(StockCounted)] = None
    """By the last count of any product in any warehouse."""


_AboutStock = TypeVar("_AboutStock", StockLevelTold, StockCounted)

NO_STOCK_FACTS: Final = StockFacts()
_SOURCE_SIGNALS: Final = frozenset(
    [
        *(AllocationFailed, Backordered, SubstitutionProposed, StockLevelTold, StockCounted),
        StockUnavailable,
    ]
)


def stock_facts(signals: SignalsByType, goods: Goods, money: OrderMoney) -> StockFacts:
    if _SOURCE_SIGNALS.isdisjoint(signals):
        return NO_STOCK_FACTS
    failures = [s for s in signals.get(AllocationFailed, ()) if not is_about_nothing(s)]
    levels: list[StockLevelTold] = signals.get(StockLevelTold, [])
    counts: list[StockCounted] = signals.get(StockCounted, [])
    proposals: list[SubstitutionProposed] = signals.get(SubstitutionProposed, [])
    decisions: list[SubstitutionDecided] = signals.get(SubstitutionDecided, [])
    allocations: list[StockAllocated] = signals.get(StockAllocated, [])
    return StockFacts(
        unavailable_open=_is_unavailable(signals, goods, money),
        all_unavailable_at=_all_unavailable_at(signals, goods),
        allocation_failed=bool(failures),
        allocation_open=any(
            not _is_reallocated(failure, allocations, goods.content) for failure in failures
        )
        if failures
        else None,
        backorder_breaks_promise=ever_breaks_promise(signals),
        backorder_open=breaks_promise_now(signals, goods),
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


def _is_unavailable(signals: SignalsByType, goods: Goods, money: OrderMoney) -> bool | None:
    """Whether pieces are unavailable now; where the lines are not known, until an allocation covers them."""
    stated = [s for s in signals.get(StockUnavailable, ()) if not is_about_nothing(s)]
    if not stated:
        return None
    if money.captured and money.given_back >= money.captured:
        return False
    missing = {one.line.id: one.unavailable for one in goods.lines if one.unavailable}
    if missing:
        return not _is_given_back(missing, money)
    allocations: list[StockAllocated] = signals.get(StockAllocated, [])
    return any(
        _is_about_unknown_lines(one, goods.content, money)
        and not _is_reallocated(one, allocations, goods.content)
        for one in stated
    )


def _is_given_back(missing: Mapping[str, int], money: OrderMoney) -> bool:
    """Whether the money for missing pieces was given back: by their lines, or by the amount in all."""
    if money.refund_due > 0 or not money.given_back:
        return False
    refunded = money.line_refunds
    if all(id in refunded and refunded[id][0] >= pieces for id, pieces in missing.items()):
        return True
    gone = sum((one.cost for one in money.gone.values()), ZERO)
    return gone > 0 and money.given_back >= min(gone, money.captured)


def _is_about_unknown_lines(
    signal: StockUnavailable, content: OrderContent, money: OrderMoney
) -> bool:
    """Whether it names a line that the order never had, or the lines are not known."""
    if not content.lines_known:
        return True
    named: Sequence[LinePieces] = given(signal.lines) or [
        LinePieces(sku=sku) for sku in signal.skus if sku
    ]
    unknown = count_pieces(named, content).unknown
    return bool(count_pieces(unknown, money.removed).unknown)


def _all_unavailable_at(signals: SignalsByType, goods: Goods) -> datetime | None:
    if any(line.unavailable < line.kept for line in goods.lines):
        return None
    times = [s.event_time for s in signals.get(StockUnavailable, ()) if not is_about_nothing(s)]
    return max(times, default=None)


def _is_reallocated(
    failure: AllocationFailed | StockUnavailable,
    allocations: Iterable[StockAllocated],
    content: OrderContent,
) -> bool:
    """Whether a later allocation covers a failure.

    An allocation that names no product covers all; a failure that names none is covered by any.
    """
    since = [a for a in allocations if a.event_time >= failure.event_time]
    if any(not _products_of(allocation, content) for allocation in since):
        return True
    found = {name for allocation in since for name in _products_of(allocation, content)}
    return bool(found) and found.issuperset(_products_of(failure, content))


def _products_of(
    signal: AllocationFailed | StockAllocated | StockUnavailable, content: OrderContent
) -> set[str]:
    """The products that a statement names, itself or by the lines of the order."""
    names = {*signal.skus}
    for piece in given(signal.lines) or ():
        line = content.line(piece.line)
        sku = piece.sku or (line.line.sku if line is not None else None)
        names.add(sku or piece.line or "")
    return names


def _is_decided(proposal: SubstitutionProposed, decisions: Iterable[SubstitutionDecided]) -> bool:
    return any(d.sku == proposal.sku and d.event_time >= proposal.event_time for d in decisions)


def _is_oversold(level: StockLevelTold) -> bool:
    return level.on_hand < 0 or (level.allocated or 0) > level.on_hand


def _latest_per_stock(signals: Iterable[_AboutStock]) -> Iterable[_AboutStock]:
    """The last signal about each product in each warehouse."""
    return {(signal.sku, signal.warehouse): signal for signal in signals}.values()
