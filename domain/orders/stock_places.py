"""What the warehouse says about pieces that are not sent: allocated, backordered, unavailable."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from domain.orders.content import OrderContent, OrderLine
from domain.orders.fact_metadata import SignalsByType
from domain.orders.pieces import names_shared_product, spread_piece
from domain.orders.signal_body import LinePieces, given
from domain.orders.signals import event_time_key
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    FulfilmentRejected,
    StockAllocated,
    StockUnavailable,
)

_PLACES: Final[Mapping[type[Any], str]] = {
    StockAllocated: "allocated",
    Backordered: "backordered",
    StockUnavailable: "unavailable",
    AllocationFailed: "waiting",
    FulfilmentRejected: "waiting",
}


class StockPlaces(Struct, frozen=True):
    """By line: how many of its pieces are in each place, by the last statement about each piece."""

    by_line: Mapping[str, Mapping[str, int]]
    unavailable_at: Mapping[str, datetime] = {}
    """When pieces of a line last became unavailable."""

    def unsent(self, line: str, unsent: int, quantity: int, cancelled: int) -> tuple[int, int, int]:
        """How many of the unsent pieces are unavailable, backordered and allocated.

        Pieces were sent from the allocated ones first, and cancelled from the unavailable ones.
        """
        places = self.by_line.get(line)
        if places is None or not unsent:
            return 0, 0, 0
        left = dict(places)
        left["waiting"] = quantity - sum(n for name, n in places.items() if name != "waiting")
        _remove(left, cancelled, ("unavailable", "backordered", "waiting", "allocated"))
        sent = quantity - cancelled - unsent
        _remove(left, sent, ("allocated", "waiting", "backordered", "unavailable"))
        return left.get("unavailable", 0), left.get("backordered", 0), left.get("allocated", 0)


def stock_places(signals: SignalsByType, content: OrderContent) -> StockPlaces:
    """Where the warehouse has the pieces; a statement without lines or products is about all."""
    stated = [s for kind in _PLACES for s in signals.get(kind, ())]
    if not stated or not content.lines:
        return StockPlaces({})
    found: dict[str, dict[str, int]] = {line.id: {} for line in content.lines}
    unavailable_at = {}
    for signal in sorted(stated, key=event_time_key):
        place = _PLACES[type(signal)]
        for piece in _pieces_of(signal, content):
            for line, quantity in _spread(piece, place, found, content):
                if line is not None:
                    _move(found[line.id], place, quantity, line.quantity)
                    if place == "unavailable" and quantity:
                        unavailable_at[line.id] = signal.event_time
    return StockPlaces(found, unavailable_at)


def _spread(
    piece: LinePieces, place: str, found: Mapping[str, Mapping[str, int]], content: OrderContent
) -> list[tuple[OrderLine | None, int]]:
    """The lines that pieces are of. A product that lines share first fills what is in no place yet."""
    if piece.quantity is None or not names_shared_product(piece, content):
        return [(line, quantity) for line, quantity, _ in spread_piece(piece, content, {})]
    placed = {line: sum(places.values()) for line, places in found.items()}
    free = spread_piece(piece, content, placed)
    rest = sum(excess for _, _, excess in free)
    there = {line: found[line].get(place, 0) for line in found}
    for line, quantity, _ in free:
        if line is not None:
            there[line.id] += quantity
    again = (
        spread_piece(LinePieces(sku=piece.sku or piece.line, quantity=rest), content, there)
        if rest
        else []
    )
    return [(line, quantity) for line, quantity, _ in (*free, *again)]


def _pieces_of(signal: Any, content: OrderContent) -> list[LinePieces]:
    if pieces := given(signal.lines):
        return [*pieces]
    if skus := given(getattr(signal, "skus", None)):
        return [LinePieces(sku=sku) for sku in skus if sku]
    return [LinePieces(line=line.id) for line in content.lines]


def _move(places: dict[str, int], place: str, quantity: int, whole: int) -> None:
    """Put pieces in a place: first those of no other place, then those of the others."""
    before = places.get(place, 0)
    others = {name: count for name, count in places.items() if name != place}
    free = whole - before - sum(others.values())
    if quantity >= whole:
        places.clear()
        places[place] = whole
        return
    taken = min(quantity, free)
    rest = min(quantity - taken, sum(others.values()))
    _remove(others, rest, tuple(others))
    places.update(others)
    places[place] = before + taken + rest


def _remove(places: dict[str, int], count: int, order: tuple[str, ...]) -> None:
    for name in order:
        taken = min(places.get(name, 0), count)
        if taken:
            places[name] -= taken
            count -= taken
