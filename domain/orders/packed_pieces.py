"""How many pieces of each line the parcels of an order hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from domain.orders.content import OrderContent, OrderLine
from domain.orders.parcel import Parcel
from domain.orders.pieces import PieceCount, count_pieces, count_stated
from domain.orders.signal_body import LinePieces


class ToldPieces(Struct, frozen=True):
    """The pieces of a parcel by its last statement that names any."""

    stated: tuple[LinePieces, ...]
    count: PieceCount
    by_line: Mapping[str, int]
    one_by_one: Sequence[PieceCount]
    """Of each stated piece by itself."""


NOTHING_TOLD: Final[Mapping[str, ToldPieces]] = {}


def told_pieces(
    parcel: Parcel, content: OrderContent, earlier: Mapping[str, ToldPieces]
) -> ToldPieces:
    """The pieces of a parcel; those counted earlier, if it is by the same statement."""
    stated = parcel.told or ()
    known = earlier.get(parcel.id)
    if known is not None and known.stated is stated:
        return known
    count = count_pieces(stated, content)
    one_by_one = [count_pieces((piece,), content) for piece in stated]
    return ToldPieces(stated, count, count.whole_lines(content), one_by_one)


class Packed(Struct, frozen=True, gc=False):
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


class PackedPieces:
    """The outbound parcels, with the pieces that each is known to hold."""

    def __init__(self, parcels: Sequence[Parcel], told: Mapping[str, ToldPieces]) -> None:
        self.parcels = parcels
        self.told = told
        self.unknown = [parcel for parcel in parcels if parcel.told is None]
        self.counts = [one.count for one in told.values()]

    def where(self, holds: Callable[[Parcel], bool]) -> Packed:
        """The parcels for which `holds`. Parcels without lines count only when it holds for all of them."""
        has_rest = bool(self.unknown)
        counts = []
        for parcel in self.parcels:
            if not holds(parcel):
                has_rest = has_rest and parcel.told is not None
            elif parcel.told is not None:
                counts.append(self.told[parcel.id].count)
        return Packed(counts, self.counts, has_rest)
