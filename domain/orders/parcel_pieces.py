"""The pieces in parcels: what statements say that each parcel holds, and how many pieces of a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from domain.orders.content import OrderContent, OrderLine
from domain.orders.notices import Notice
from domain.orders.parcel import Parcel
from domain.orders.pieces import PieceCount, count_pieces, count_stated
from domain.orders.signal_body import LinePieces


class ToldPieces(Struct, frozen=True):
    """The pieces of a parcel by its last statement that names any."""

    stated: tuple[LinePieces, ...]
    by: str
    """The key of that statement."""
    count: PieceCount
    by_line: Mapping[str, int]
    notices: tuple[Notice, ...] = ()


NOTHING_TOLD: Final[Mapping[str, ToldPieces]] = {}


def told_pieces(
    parcel: Parcel, content: OrderContent, earlier: Mapping[str, ToldPieces]
) -> ToldPieces:
    """The pieces of a parcel; those counted earlier, if it is by the same statement."""
    stated = parcel.told or ()
    known = earlier.get(parcel.id)
    if known is not None and known.stated is stated and known.by == parcel.told_by:
        return known
    count = count_pieces(stated, content)
    notices = _notices(parcel.told_by, stated, content) if content.lines_known else ()
    return ToldPieces(stated, parcel.told_by, count, count.whole_lines(content), tuple(notices))


def _notices(key: str, stated: Sequence[LinePieces], content: OrderContent) -> list[Notice]:
    found = []
    for n, piece in enumerate(stated):
        counted = count_pieces((piece,), content)
        if counted.unknown:
            found.append(Notice.unknown_line(key, f"/lines/{n}", piece, content))
            continue
        for id, quantity in counted.whole_lines(content).items():
            line = content.line(id)
            if line is not None and quantity > line.quantity:
                excess = quantity - line.quantity
                found.append(Notice.too_many(key, f"/lines/{n}", id, excess))
    return found


class Holding(Struct, frozen=True, gc=False):
    """Some of the outbound parcels, to count the pieces in them."""

    counts: Sequence[PieceCount]
    """Of those that are known to hold pieces."""
    of_all: Sequence[PieceCount]
    """Of all outbound parcels that are known to hold pieces."""
    has_rest: bool
    """All parcels without lines are among them: they hold what is in no other parcel."""

    def count(self, line: OrderLine, kept: int) -> int:
        """How many of the kept pieces of a line are in these parcels."""
        found = count_stated(line, self.counts)
        if self.has_rest and line.is_shipped:
            found += max(kept - count_stated(line, self.of_all), 0)
        return min(found, kept)


class HeldPieces:
    """The outbound parcels, with the pieces that each is known to hold."""

    def __init__(self, parcels: Sequence[Parcel], told: Mapping[str, PieceCount]) -> None:
        self.parcels = parcels
        self.unknown = [parcel for parcel in parcels if parcel.told is None]
        self._told = told
        self._counts = [*told.values()]

    def where(self, holds: Callable[[Parcel], bool]) -> Holding:
        """The parcels for which `holds`. Parcels without lines count only when it holds for all of them."""
        has_rest = bool(self.unknown)
        counts = []
        for parcel in self.parcels:
            if not holds(parcel):
                has_rest = has_rest and parcel.told is not None
            elif parcel.told is not None:
                counts.append(self._told[parcel.id])
        return Holding(counts, self._counts, has_rest)

    def count_told(self, line: OrderLine) -> int:
        """How many pieces of a line the parcels are known to hold."""
        return count_stated(line, self._counts)
