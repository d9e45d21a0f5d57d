"""Where the pieces of an order are: waiting, in parcels, with the customer, back with us.

Pieces are conserved: what was ordered and not cancelled is always the sum of the places.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from msgspec import Struct

from domain.orders.cancellations import Cancellations, cancellations_of
from domain.orders.content import OrderContent, OrderLine
from domain.orders.fact_metadata import SignalsByType
from domain.orders.notices import Notice
from domain.orders.packed_pieces import PackedPieces
from domain.orders.parcels import Parcel, parcels_of
from domain.orders.pieces import PieceCount, count_pieces, count_stated
from domain.orders.return_signals import ReturnReceived
from domain.orders.signal_body import given
from domain.orders.stock_places import StockPlaces, stock_places


class LineGoods(Struct, frozen=True, kw_only=True):
    """A line, and how many of its pieces are where. `kept` is always the sum of the places."""

    line: OrderLine
    cancelled: int = 0
    """Cancelled since the lines were stated."""
    cancelled_at: datetime | None = None
    """When pieces of it were last cancelled; a cancellation that is told again changes nothing."""
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
    unsent: int = 0
    """In no parcel: to be sent, cancelled or unavailable."""
    ended_at: datetime | None = None
    """When the last piece in no parcel was cancelled or became unavailable, if none is to be sent."""

    @property
    def kept(self) -> int:
        """Ordered and not cancelled."""
        return self.line.quantity - self.cancelled

    @property
    def is_cancelled(self) -> bool:
        return self.line.quantity > 0 and not self.kept

    @property
    def unshipped(self) -> int:
        """To be sent, and in no parcel yet."""
        return self.waiting + self.allocated + self.backordered if self.line.is_shipped else 0


class Goods(Struct, frozen=True, kw_only=True, dict=True):
    content: OrderContent
    lines: tuple[LineGoods, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    pieces: Mapping[str, Mapping[str, int]] = {}
    """By parcel: its pieces by line; parcels whose pieces are not known are left out."""
    cancelled_at: datetime | None = None
    """When the order as a whole was cancelled, or its last piece."""
    delivered_at: datetime | None = None
    """When all pieces that are to be delivered were."""
    notices: tuple[Notice, ...] = ()

    @cached_property
    def outbound(self) -> tuple[Parcel, ...]:
        """The parcels on their way to the customer, or with the customer."""
        return tuple(parcel for parcel in self.parcels if parcel.goes_out)

    def line(self, id: str) -> LineGoods | None:
        return next((line for line in self.lines if line.line.id == id), None)


def goods_of(
    signals: SignalsByType, content: OrderContent, parcels: tuple[Parcel, ...] | None = None
) -> Goods:
    """Where the pieces are, by the statements that count."""
    if parcels is None:
        parcels = parcels_of(signals)
    outbound = [parcel for parcel in parcels if parcel.goes_out]
    notices: list[Notice] = []
    told = {p.id: count_pieces(p.told, content) for p in outbound if p.told is not None}
    unknown = [parcel for parcel in outbound if parcel.told is None]
    parts = PackedPieces(outbound, told, unknown)
    cancelled = cancellations_of(signals, content, parts, notices)
    received = _received(signals, content)
    stock = stock_places(signals, content, notices)
    lines = tuple(
        _line(line, cancelled, parts, received.get(line.id, 0), stock) for line in content.lines
    )
    for n, parcel in enumerate(outbound):
        notices += _piece_notices(parcel, content, signals, [told.get(p.id) for p in outbound[:n]])
    rest = _rest_of_unknown(lines, told, unknown, content)
    return Goods(
        content=content,
        lines=lines,
        parcels=parcels,
        pieces={id: count.whole_lines(content) for id, count in told.items()} | rest,
        cancelled_at=cancelled.whole_at,
        delivered_at=_delivered_at(lines, outbound, told, unknown),
        notices=tuple(notices),
    )


def _line(
    line: OrderLine,
    cancellations: Cancellations,
    parts: PackedPieces,
    received: int,
    stock: StockPlaces,
) -> LineGoods:
    """Each piece counts for the furthest place that it reached."""
    cancelled = cancellations.pieces.get(line.id, 0)
    kept = line.quantity - cancelled
    arrived = parts.count(line, kept, lambda p: p.delivered_at is not None)
    back = parts.count(line, kept, lambda p: p.delivered_at is not None or p.back_at is not None)
    back -= arrived
    gone = parts.count(line, kept, lambda p: _is_gone(p) or p.back_at is not None) - arrived - back
    moving = parts.count(line, kept, lambda p: p.is_handed_over or p.lost_at is not None)
    moving -= arrived + back + gone
    packed = parts.count(line, kept, lambda _: True) - arrived - back - gone - moving
    in_stock = kept - arrived - back - gone - moving - packed
    returned = min(received, arrived)
    unavailable, backordered, allocated = stock.unsent(line.id, in_stock, line.quantity, cancelled)
    unsent = line.quantity - parts.count(line, line.quantity, lambda _: True)
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
        delivered=arrived - returned,
        returned=returned + back,
        lost=gone,
        unsent=unsent if line.is_shipped else 0,
        ended_at=None
        if in_stock > unavailable
        else max((at for at in ends if at is not None), default=None),
    )


def _is_gone(parcel: Parcel) -> bool:
    return parcel.delivered_at is not None or parcel.lost_at is not None


def _received(signals: SignalsByType, content: OrderContent) -> dict[str, int]:
    """The pieces that came back, by line."""
    found: dict[str, int] = {}
    for signal in signals.get(ReturnReceived, ()):
        for piece in given(signal.lines) or ():
            counts = count_pieces((piece,), content).whole_lines(content)
            for id, quantity in counts.items():
                found[id] = found.get(id, 0) + quantity
    return found


def _rest_of_unknown(
    lines: Iterable[LineGoods],
    told: Mapping[str, PieceCount],
    unknown: Sequence[Parcel],
    content: OrderContent,
) -> dict[str, dict[str, int]]:
    """The pieces of the only parcel without lines: all that are nowhere else."""
    if len(unknown) != 1 or not content.lines_known:
        return {}
    rest = {}
    for one in lines:
        left = one.kept - min(count_stated(one.line, told.values()), one.kept)
        if left and one.line.is_shipped:
            rest[one.line.id] = left
    return {unknown[0].id: rest}


def _piece_notices(
    parcel: Parcel,
    content: OrderContent,
    signals: SignalsByType,
    earlier: Sequence[PieceCount | None],
) -> Iterable[Notice]:
    if not content.lines_known:
        return
    key = next(
        (
            s.key
            for kind in signals
            for s in signals[kind]
            if getattr(s, "lines", None) is parcel.told
        ),
        "",
    )
    for n, piece in enumerate(parcel.told or ()):
        counted = count_pieces((piece,), content)
        if counted.unknown:
            yield Notice.unknown_line(key, f"/lines/{n}", piece, content)
            continue
        for id, quantity in counted.whole_lines(content).items():
            line = content.line(id)
            if line is None:
                continue
            elsewhere = count_stated(line, [one for one in earlier if one is not None])
            if (excess := quantity + elsewhere - line.quantity) > 0:
                yield Notice.too_many(key, f"/lines/{n}", id, min(excess, quantity))


def _delivered_at(
    lines: Sequence[LineGoods],
    outbound: Sequence[Parcel],
    told: Mapping[str, PieceCount],
    unknown: Sequence[Parcel],
) -> datetime | None:
    """When the last piece that is to be delivered was; parcels alone count where no line is known."""
    arrived = sorted(
        (p for p in outbound if p.delivered_at is not None), key=lambda p: (p.delivered_at, p.id)
    )
    if not arrived:
        return None
    due = [
        one for one in lines if one.line.is_shipped and one.kept - one.unavailable - one.lost > 0
    ]
    if not lines:
        return arrived[-1].delivered_at if len(arrived) == len(outbound) else None
    for n in range(1, len(arrived) + 1):
        here = {parcel.id for parcel in arrived[:n]}
        parts = PackedPieces(outbound, told, unknown)
        if all(
            parts.count(one.line, one.kept, lambda p: p.id in here)  # noqa: B023
            >= one.kept - one.unavailable - one.lost
            for one in due
        ):
            return arrived[n - 1].delivered_at
    return None
