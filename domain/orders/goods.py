"""Where the pieces of an order are: waiting, in parcels, with the customer, back with us.

Pieces are conserved: what was ordered and not cancelled is always the sum of the places. What left stays in
its parcel; pieces that a later edit or cancellation takes away are the surplus until they come back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from msgspec import Struct, structs

from domain.orders.cancellations import Cancellations, cancellations_of, cancelled_by_name
from domain.orders.content import OrderContent, OrderLine
from domain.orders.earlier_lines import with_most_pieces
from domain.orders.fact_metadata import SignalsByType
from domain.orders.needless_parcels import needless_parcels
from domain.orders.notices import Notice
from domain.orders.packed_pieces import NOTHING_TOLD, Packed, PackedPieces, ToldPieces, told_pieces
from domain.orders.parcels import Parcel, parcels_of
from domain.orders.pieces import PieceCount, count_stated
from domain.orders.purchase_signals import OrderCancelled
from domain.orders.returned_pieces import received_pieces
from domain.orders.stock_places import StockPlaces, stock_places


class LineGoods(Struct, frozen=True, kw_only=True):
    """A line, and how many of its pieces are where. `kept` is always the sum of the places."""

    line: OrderLine
    cancelled: int = 0
    """Cancelled since the lines were stated."""
    cancelled_at: datetime | None = None
    """When pieces of it were last cancelled. A repeated cancellation changes nothing."""
    waiting: int = 0
    """Not allocated, and in no parcel."""
    allocated: int = 0
    backordered: int = 0
    unavailable: int = 0
    in_parcels: int = 0
    """In a parcel that was not handed over."""
    on_the_way: int = 0
    delivered: int = 0
    """With the customer."""
    returned: int = 0
    lost: int = 0
    surplus: int = 0
    """Left, and no longer of the order; not back and not lost. They are beside the kept pieces."""
    unsent: int = 0
    """In no parcel: to be sent, cancelled or unavailable."""
    ended_at: datetime | None = None
    """When the last piece in no parcel was cancelled or became unavailable, if none is to be sent."""

    @property
    def kept(self) -> int:
        """Ordered and not cancelled."""
        return self.line.quantity - self.cancelled

    @property
    def unshipped(self) -> int:
        """To be sent, and in no parcel yet."""
        return self.waiting + self.allocated + self.backordered if self.line.is_shipped else 0


class Goods(Struct, frozen=True, kw_only=True, dict=True):
    content: OrderContent
    lines: tuple[LineGoods, ...] = ()
    removed: tuple[LineGoods, ...] = ()
    """The lines that an edit removed after pieces of them had left: they have no pieces but the surplus."""
    parcels: tuple[Parcel, ...] = ()
    pieces: Mapping[str, Mapping[str, int]] = {}
    """By parcel: its pieces by line; parcels whose pieces are not known are left out."""
    told: Mapping[str, ToldPieces] = NOTHING_TOLD
    """By parcel: the pieces that a statement says it holds."""
    cancelled_at: datetime | None = None
    """When the order as a whole was cancelled, or its last piece."""
    delivered_at: datetime | None = None
    """When all pieces that are to be delivered were."""
    needless: frozenset[str] = frozenset()
    """The parcels that nothing is expected of any more."""
    notices: tuple[Notice, ...] = ()

    @cached_property
    def outbound(self) -> tuple[Parcel, ...]:
        """The parcels on their way to the customer, or with the customer."""
        return tuple(parcel for parcel in self.parcels if parcel.goes_out)

    def line(self, id: str) -> LineGoods | None:
        return next((line for line in self.lines if line.line.id == id), None)


def goods_of(
    signals: SignalsByType,
    content: OrderContent,
    parcels: tuple[Parcel, ...] | None = None,
    earlier: Mapping[str, ToldPieces] = NOTHING_TOLD,
) -> Goods:
    """Where the pieces are, by the statements that count.

    `earlier` are the pieces that were counted before, with the same lines of the order.
    """
    if parcels is None:
        parcels = parcels_of(signals)
    outbound = [parcel for parcel in parcels if parcel.goes_out]
    notices: list[Notice] = [Notice.other_currency(key, content) for key in content.other_currency]
    told = told_pieces(outbound, content, earlier, lambda: cancelled_by_name(signals, content))
    ever_cancelled = (
        (lambda c, at: cancelled_by_name(signals, c, at)) if OrderCancelled in signals else None
    )
    parts = PackedPieces(outbound, told, content, ever_cancelled)
    cancelled = cancellations_of(signals, content, parts, notices)
    stock = stock_places(signals, content)
    reached = _reached(parts)
    widest = with_most_pieces(content)
    received = received_pieces(
        signals, widest, lambda line: reached.arrived.count(line, line.quantity)
    )
    most = {line.id: line for line in widest.lines}
    lines = tuple(
        [
            _line(line, most[line.id], cancelled, reached, received.get(line.id, 0), stock)
            for line in content.lines
        ]
    )
    gone = [
        _line(without_pieces(one), one, cancelled, reached, received.get(one.id, 0), stock)
        for one in widest.lines[len(lines) :]
    ]
    if content.lines_known:
        for n, parcel in enumerate(outbound):
            if parcel.told:
                before = [told[p.id].count for p in outbound[:n] if p.id in told]
                notices += _piece_notices(parcel.told_by, told[parcel.id], before)
    pieces = {id: one.by_line for id, one in told.items()}
    return Goods(
        content=content,
        lines=lines,
        removed=tuple([one for one in gone if one.surplus]),
        parcels=parcels,
        pieces=pieces | _rest_of_unknown([*lines, *gone], parts, content)
        if parts.unknown
        else pieces,
        told=told,
        cancelled_at=cancelled.whole_at,
        delivered_at=_delivered_at(lines, parts),
        needless=needless_parcels(parts, content, [(ln.line.id, ln.cancelled) for ln in lines]),
        notices=tuple(notices),
    )


class _Reached(Struct, frozen=True, gc=False):
    """The parcels that reached each place, or one after it."""

    packed: Packed
    arrived: Packed
    back: Packed
    gone: Packed
    moving: Packed


def _reached(parts: PackedPieces) -> _Reached:
    return _Reached(
        packed=parts.where(lambda _: True),
        arrived=parts.where(lambda p: p.delivered_at is not None),
        back=parts.where(lambda p: p.delivered_at is not None or p.back_at is not None),
        gone=parts.where(
            lambda p: p.delivered_at is not None or p.lost_at is not None or p.back_at is not None
        ),
        moving=parts.where(lambda p: p.is_handed_over or p.lost_at is not None),
    )


def _line(
    line: OrderLine,
    most: OrderLine,
    cancellations: Cancellations,
    reached: _Reached,
    received: int,
    stock: StockPlaces,
) -> LineGoods:
    """Each piece counts for the furthest place that it reached. `most` is the line with the most pieces it had.

    Of the pieces that left and are more than those kept, those that are back or lost come first.
    """
    cancelled = cancellations.pieces.get(line.id, 0)
    kept = line.quantity - cancelled
    here = reached.arrived.count(most, most.quantity)
    back = reached.back.count(most, most.quantity) - here
    gone = reached.gone.count(most, most.quantity) - here - back
    moving = reached.moving.count(most, most.quantity) - here - back - gone
    packed = reached.packed.count(most, most.quantity) - here - back - gone - moving
    left = here + back + gone + moving
    returned = min(received, here)
    places = [returned, back, gone, moving, here - returned]
    excess = max(left - kept, 0)
    surplus = max(excess - returned - back - gone, 0)
    for n, pieces in enumerate(places):
        places[n] -= min(pieces, excess)
        excess -= min(pieces, excess)
    returned, back, gone, moving, delivered = places
    packed = min(packed, kept - sum(places))
    in_stock = kept - sum(places) - packed
    unavailable, backordered, allocated = stock.unsent(line.id, in_stock, line.quantity, cancelled)
    unsent = line.quantity - reached.packed.count(line, line.quantity)
    cancelled_at = cancellations.last_at.get(line.id) if cancelled else None
    ends = [cancelled_at]
    ends += [stock.unavailable_at.get(line.id)] if unavailable else []
    return LineGoods(
        line=line,
        cancelled=cancelled,
        cancelled_at=cancelled_at,
        waiting=in_stock - unavailable - backordered - allocated,
        allocated=allocated,
        backordered=backordered,
        unavailable=unavailable,
        in_parcels=packed,
        on_the_way=moving,
        delivered=delivered,
        returned=returned + back,
        lost=gone,
        surplus=surplus,
        unsent=unsent if line.is_shipped else 0,
        ended_at=None
        if in_stock > unavailable
        else max([at for at in ends if at is not None], default=None),
    )


def _rest_of_unknown(
    lines: Iterable[LineGoods], parts: PackedPieces, content: OrderContent
) -> dict[str, dict[str, int]]:
    """The pieces of the only parcel without lines: all that are nowhere else."""
    if len(parts.unknown) != 1 or not content.lines_known:
        return {}
    rest = {}
    for one in lines:
        if left := parts.rest(one.line, one.kept):
            rest[one.line.id] = left
    return {parts.unknown[0].id: rest}


def without_pieces(line: OrderLine) -> OrderLine:
    """A line that an edit removed."""
    return structs.replace(line, line=structs.replace(line.line, quantity=0))


def _piece_notices(key: str, told: ToldPieces, earlier: Sequence[PieceCount]) -> Iterable[Notice]:
    """More pieces in a parcel than the order had, after those of earlier parcels."""
    for n, counted in enumerate(told.one_by_one):
        for id, quantity in counted.whole_lines(told.content).items():
            line = told.content.line(id)
            if line is None:
                continue
            elsewhere = count_stated(line, earlier)
            if (excess := quantity + elsewhere - line.quantity) > 0:
                yield Notice.too_many(key, f"/lines/{n}", id, min(excess, quantity))


def _delivered_at(lines: Sequence[LineGoods], parts: PackedPieces) -> datetime | None:
    """When the last piece that is to be delivered was; parcels alone count where no line is known."""
    arrived = [(p.delivered_at, p.id) for p in parts.parcels if p.delivered_at is not None]
    if not arrived:
        return None
    arrived.sort()
    if not lines:
        return arrived[-1][0] if len(arrived) == len(parts.parcels) else None
    due = [
        (one.line, one.kept, one.kept - one.unavailable - one.lost)
        for one in lines
        if one.line.is_shipped and one.kept - one.unavailable - one.lost > 0
    ]

    def is_complete_with(first: int) -> bool:
        here = {id for _, id in arrived[:first]}
        packed = parts.where(lambda p: p.id in here)
        return all(packed.count(line, kept) >= wanted for line, kept, wanted in due)

    if not is_complete_with(len(arrived)):
        return None
    return next(arrived[n - 1][0] for n in range(1, len(arrived) + 1) if is_complete_with(n))
