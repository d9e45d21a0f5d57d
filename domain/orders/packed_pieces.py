"""How many pieces of each line the parcels of an order hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from msgspec import Struct

from domain.orders.content import OrderContent, OrderLine
from domain.orders.parcel import Parcel
from domain.orders.pieces import (
    PieceCount,
    count_each_piece,
    count_pieces,
    count_stated,
    join_counts,
    names_shared_product,
)
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
    parcels: Sequence[Parcel],
    content: OrderContent,
    earlier: Mapping[str, ToldPieces],
    cancelled: Callable[[], PieceCount],
) -> dict[str, ToldPieces]:
    """By parcel: its pieces by its last statement that names any.

    Pieces of a product that several lines share fill these lines over all parcels: in the order of the
    parcels, after the pieces that name their line. `cancelled` pieces come last, and pieces that were
    lost or came back can be sent again.
    """
    told: dict[str, ToldPieces] = {}
    shared: list[Parcel] = []
    for parcel in parcels:
        if parcel.told is None:
            continue
        known = earlier.get(parcel.id)
        if any(names_shared_product(piece, content) for piece in parcel.told):
            shared.append(parcel)
        elif known is not None and known.stated is parcel.told:
            told[parcel.id] = known
            continue
        told[parcel.id] = _told(parcel, content)
    if not shared:
        return told
    unwanted = cancelled()
    counts = {id: one.count for id, one in told.items()}
    for parcel in shared:
        named = [p for p in parcel.told or () if not names_shared_product(p, content)]
        counts[parcel.id] = count_pieces(named, content)
    gone = {p.id for p in parcels if p.delivered_at is None and (p.lost_at or p.back_at)}
    for parcel in shared:
        others = [count for id, count in counts.items() if id != parcel.id]
        staying = [c for id, c in counts.items() if id != parcel.id and id not in gone]
        told[parcel.id] = _told(
            parcel, content, [[*others, unwanted], [*staying, unwanted], staying]
        )
        counts[parcel.id] = told[parcel.id].count
    return told


def _told(
    parcel: Parcel, content: OrderContent, elsewhere: Sequence[Sequence[PieceCount]] = ()
) -> ToldPieces:
    stated = parcel.told or ()
    one_by_one = count_each_piece(stated, content, elsewhere)
    count = join_counts(one_by_one)
    return ToldPieces(stated, count, count.whole_lines(content), one_by_one)


class Packed(Struct, frozen=True, gc=False):
    """Some of the outbound parcels, to count the pieces in them."""

    counts: Sequence[PieceCount]
    """Of those that are known to hold pieces."""
    rest: Callable[[OrderLine, int], int] | None
    """How many of the kept pieces of a line the parcels without lines hold, if all of them are among these."""

    def count(self, line: OrderLine, kept: int) -> int:
        """How many of the kept pieces of a line are in these parcels."""
        found = count_stated(line, self.counts)
        if self.rest is not None:
            found += self.rest(line, kept)
        return min(found, kept)


class PackedPieces:
    """The outbound parcels, with the pieces that each is known to hold."""

    def __init__(
        self, parcels: Sequence[Parcel], told: Mapping[str, ToldPieces], content: OrderContent
    ) -> None:
        self.parcels = parcels
        self.told = told
        self._content = content
        self.unknown = [parcel for parcel in parcels if parcel.told is None]
        self.counts = [one.count for one in told.values()]

    def rest(self, line: OrderLine, kept: int) -> int:
        """How many of the kept pieces of a line are in the parcels without lines: those in no other parcel.

        Pieces that the order had not when they left are in none of them.
        """
        if not line.is_shipped:
            return 0
        rest = kept - count_stated(line, self.counts)
        if rest > 0 and self._left_at is not None:
            then = self._content.pieces_at(line, self._left_at)
            if then is not None:
                rest = min(rest, then - count_stated(line, self._counts_by(self._left_at)))
        return max(rest, 0)

    @cached_property
    def _left_at(self) -> datetime | None:
        """When the last parcel without lines was handed over, if all were and the lines changed."""
        if len(self._content.stated_lines) < 2:
            return None
        times = [parcel.handed_over_at for parcel in self.unknown]
        return max((at for at in times if at is not None), default=None) if all(times) else None

    def _counts_by(self, at: datetime) -> list[PieceCount]:
        """The pieces of the parcels with lines that were handed over by then."""
        return [
            self.told[p.id].count
            for p in self.parcels
            if p.id in self.told and p.handed_over_at is not None and p.handed_over_at <= at
        ]

    def where(self, holds: Callable[[Parcel], bool]) -> Packed:
        """The parcels for which `holds`. Parcels without lines count only when it holds for all of them."""
        has_rest = bool(self.unknown)
        counts = []
        for parcel in self.parcels:
            if not holds(parcel):
                has_rest = has_rest and parcel.told is not None
            elif parcel.told is not None:
                counts.append(self.told[parcel.id].count)
        return Packed(counts, self.rest if has_rest else None)
