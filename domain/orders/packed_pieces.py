"""How many pieces of each line the parcels of an order hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from msgspec import Struct

from domain.orders.content import OrderContent, OrderLine
from domain.orders.earlier_lines import content_as_of, with_most_pieces
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
    content: OrderContent
    """The order when the parcel left, else as it is now: a later edit takes nothing out of a parcel."""


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
        then = _when_it_left(parcel, content)
        if any(names_shared_product(piece, then) for piece in parcel.told):
            shared.append(parcel)
        elif known is not None and known.stated is parcel.told and known.content is then:
            told[parcel.id] = known
            continue
        told[parcel.id] = _told(parcel, then)
    if not shared:
        return told
    unwanted = cancelled()
    counts = {id: one.count for id, one in told.items()}
    for parcel in shared:
        then = told[parcel.id].content
        named = [p for p in parcel.told or () if not names_shared_product(p, then)]
        counts[parcel.id] = count_pieces(named, then)
    gone = {p.id for p in parcels if p.delivered_at is None and (p.lost_at or p.back_at)}
    for parcel in shared:
        others = [count for id, count in counts.items() if id != parcel.id]
        staying = [c for id, c in counts.items() if id != parcel.id and id not in gone]
        then = told[parcel.id].content
        told[parcel.id] = _told(parcel, then, [[*others, unwanted], [*staying, unwanted], staying])
        counts[parcel.id] = told[parcel.id].count
    return told


def _told(
    parcel: Parcel, content: OrderContent, elsewhere: Sequence[Sequence[PieceCount]] = ()
) -> ToldPieces:
    stated = parcel.told or ()
    one_by_one = count_each_piece(stated, content, elsewhere)
    count = join_counts(one_by_one)
    return ToldPieces(stated, count, count.whole_lines(content), one_by_one, content)


def _when_it_left(parcel: Parcel, content: OrderContent) -> OrderContent:
    at = parcel.handed_over_at
    return content if at is None or len(content.stated_lines) < 2 else content_as_of(content, at)


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
        self,
        parcels: Sequence[Parcel],
        told: Mapping[str, ToldPieces],
        content: OrderContent,
        cancelled: Callable[[OrderContent, datetime], PieceCount] | None = None,
    ) -> None:
        """`cancelled` are the pieces that were cancelled until a time; None if none ever was."""
        self._cancelled = cancelled
        self.parcels = parcels
        self.told = told
        self._content = content
        self.unknown = [parcel for parcel in parcels if parcel.told is None]
        self.counts = [one.count for one in told.values()]

    def rest(self, line: OrderLine, kept: int) -> int:
        """How many pieces of a line are in the parcels without lines: those in no other parcel.

        Of the `kept` pieces, or, once these parcels were all handed over, of those that the order had then.
        """
        if not line.is_shipped:
            return 0
        then = self._had_when_they_left.get(line.id) if self._left_at is not None else None
        if then is None:
            return max(kept - count_stated(line, self.counts), 0)
        nowhere_else = self._most.get(line.id, kept) - count_stated(line, self.counts)
        return max(min(nowhere_else, then - count_stated(line, self._counts_by_then)), 0)

    @cached_property
    def _most(self) -> Mapping[str, int]:
        """By line: the most pieces that it ever had."""
        return {line.id: line.quantity for line in with_most_pieces(self._content).lines}

    @cached_property
    def _left_at(self) -> datetime | None:
        """When the last parcel without lines was handed over, if all were and the pieces changed."""
        if len(self._content.stated_lines) < 2 and self._cancelled is None:
            return None
        times = [parcel.handed_over_at for parcel in self.unknown]
        return max((at for at in times if at is not None), default=None) if all(times) else None

    @cached_property
    def _had_when_they_left(self) -> Mapping[str, int]:
        """By line: the pieces that were not cancelled then; a line that nobody had told is left out."""
        at, content = self._left_at, self._content
        if at is None:
            return {}
        then = content_as_of(content, at)
        is_told = any(moment <= at for moment, lines in content.stated_lines if lines)
        if then is content and not is_told:
            return {}
        gone = [self._cancelled(then, at)] if self._cancelled is not None else []
        had = {line.id: line.quantity - count_stated(line, gone) for line in then.lines}
        return {line.id: 0 for line in content.lines} | had

    @cached_property
    def _counts_by_then(self) -> Sequence[PieceCount]:
        return self._counts_by(self._left_at) if self._left_at is not None else ()

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
