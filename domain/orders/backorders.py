"""Whether backordered pieces come after the day that is promised for them."""

from collections.abc import Sequence
from datetime import date

from domain.orders.content import OrderLine
from domain.orders.fact_metadata import SignalsByType, last_event_time
from domain.orders.goods import Goods
from domain.orders.purchase_signals import Line, OrderPlaced
from domain.orders.signal_body import Promise, given
from domain.orders.stock_signals import Backordered, StockAllocated


def ever_breaks_promise(signals: SignalsByType) -> bool | None:
    """Whether a backorder ever broke the promise of a piece, as the order was placed."""
    backorders: list[Backordered] = signals.get(Backordered, [])
    if not backorders:
        return None
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    return any(
        _is_after(one.expected_on, own, order.promise)
        for one in backorders
        for order in placed
        for own in _own_promises(one, order)
    )


def breaks_promise_now(signals: SignalsByType, goods: Goods) -> bool | None:
    """Whether pieces that are backordered now come after their promise."""
    backorders: list[Backordered] = signals.get(Backordered, [])
    if not backorders:
        return None
    order = goods.content.promise
    if not goods.lines:
        newest, allocated_at = backorders[-1], last_event_time(signals, StockAllocated)
        is_solved = allocated_at is not None and allocated_at >= newest.event_time
        return not is_solved and _is_after(newest.expected_on, None, order)
    return any(
        _is_after(day, given(one.line.line.promise), order)
        for one in goods.lines
        for day in _expected_days(one.line, one.backordered, backorders)
    )


def _is_after(day: date | None, own: Promise | None, order: Promise | None) -> bool:
    """Whether pieces come after their promise. An unknown day is after that of the order alone: a line
    with a promise of its own was sold to be sent later."""
    if own is not None:
        return day is not None and day > own.delivery_date
    return order is not None and (day is None or day > order.delivery_date)


def _expected_days(
    line: OrderLine, pieces: int, backorders: Sequence[Backordered]
) -> list[date | None]:
    """The days on which so many pieces of a line are expected, by the newest statements about them."""
    days: list[date | None] = []
    for one in reversed(backorders):
        if pieces <= 0:
            break
        if told := _pieces_told(one, line.id, line.line):
            days.append(one.expected_on)
            pieces -= told
    return days


def _own_promises(backorder: Backordered, order: OrderPlaced) -> list[Promise | None]:
    """The promise of its own of each line that a backorder is about."""
    if not order.lines:
        return [None]
    return [
        given(line.promise)
        for line in order.lines
        if _pieces_told(backorder, given(line.id) or line.sku or "", line)
    ]


def _pieces_told(backorder: Backordered, id: str, line: Line) -> int:
    """How many pieces of a line a backorder names; one that names none is about all."""
    products = {line.sku, *(c.sku for c in given(line.components) or ())} - {None}
    if pieces := given(backorder.lines):
        return sum(
            line.quantity if piece.quantity is None else piece.quantity
            for piece in pieces
            if piece.line == id or (piece.line is None and piece.sku in products)
        )
    if backorder.skus:
        return line.quantity if not products.isdisjoint(backorder.skus) else 0
    return line.quantity
