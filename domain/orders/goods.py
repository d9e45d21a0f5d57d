"""Where the pieces of an order are: waiting, in parcels, with the customer, back with us.

Pieces are conserved: what was ordered and not cancelled is always the sum of the places.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from msgspec import Struct, structs

from domain.orders.content import OrderContent, OrderLine
from domain.orders.fact_metadata import SignalsByType
from domain.orders.notices import Notice
from domain.orders.parcel_pieces import NOTHING_TOLD, HeldPieces, Holding, ToldPieces, told_pieces
from domain.orders.parcels import Parcel, parcels_of
from domain.orders.pieces import count_pieces, spread_piece
from domain.orders.purchase_signals import OrderCancelled
from domain.orders.return_signals import ReturnReceived
from domain.orders.signal_body import LinePieces, given
from domain.orders.stock_places import StockPlaces, stock_places


class LineGoods(Struct, frozen=True, kw_only=True):
    """A line, and how many of its pieces are where. `kept` is always the sum of the places."""

    line: OrderLine
    cancelled: int = 0
    """Cancelled since the lines were stated."""
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
    told: Mapping[str, ToldPieces] = NOTHING_TOLD
    """By parcel: the pieces that a statement says it holds."""
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
    notices: list[Notice] = []
    told = {p.id: told_pieces(p, content, earlier) for p in outbound if p.told is not None}
    parts = HeldPieces(outbound, {id: one.count for id, one in told.items()})
    cancelled, cancelled_at = _cancellations(signals, content, parts, notices)
    received = _received(signals, content)
    stock = stock_places(signals, content, notices)
    reached = _reached(parts)
    lines = tuple(
        [
            _line(line, cancelled.get(line.id, 0), reached, received.get(line.id, 0), stock)
            for line in content.lines
        ]
    )
    pieces = {id: one.by_line for id, one in told.items()}
    for one in told.values():
        notices += one.notices
    return Goods(
        content=content,
        lines=lines,
        parcels=parcels,
        pieces=pieces | _rest_of_unknown(lines, parts, content) if parts.unknown else pieces,
        told=told,
        cancelled_at=cancelled_at,
        delivered_at=_delivered_at(lines, parts),
        notices=tuple(notices),
    )


def goods_after(signals: SignalsByType, earlier: Goods) -> Goods:
    """The goods after more statements about parcels, and no others."""
    parcels = parcels_of(signals)
    if len(parcels) == len(earlier.parcels) and all(
        one.holds_as(before) for one, before in zip(parcels, earlier.parcels, strict=True)
    ):
        return structs.replace(earlier, parcels=parcels)
    return goods_of(signals, earlier.content, parcels, earlier.told)


def is_charged_alike(goods: Goods, earlier: Goods) -> bool:
    """Whether the pieces that cost money are the same: kept, unavailable and returned ones."""
    if goods is earlier:
        return True
    if goods.content is not earlier.content or goods.cancelled_at != earlier.cancelled_at:
        return False
    return goods.lines is earlier.lines or all(
        (one.cancelled, one.unavailable, one.returned)
        == (before.cancelled, before.unavailable, before.returned)
        for one, before in zip(goods.lines, earlier.lines, strict=True)
    )


class _Reached(Struct, frozen=True, gc=False):
    """What the parcels hold that came so far: each place, and all before it."""

    everything: Holding
    arrived: Holding
    back: Holding
    gone: Holding
    moving: Holding


def _reached(parts: HeldPieces) -> _Reached:
    return _Reached(
        everything=parts.where(lambda _: True),
        arrived=parts.where(lambda p: p.delivered_at is not None),
        back=parts.where(lambda p: p.delivered_at is not None or p.back_at is not None),
        gone=parts.where(
            lambda p: p.delivered_at is not None or p.lost_at is not None or p.back_at is not None
        ),
        moving=parts.where(lambda p: p.is_handed_over or p.lost_at is not None),
    )


def _line(
    line: OrderLine, cancelled: int, reached: _Reached, received: int, stock: StockPlaces
) -> LineGoods:
    """Each piece counts for the furthest place that it reached."""
    kept = line.quantity - cancelled
    arrived = reached.arrived.count(line, kept)
    back = reached.back.count(line, kept) - arrived
    gone = reached.gone.count(line, kept) - arrived - back
    moving = reached.moving.count(line, kept) - arrived - back - gone
    packed = reached.everything.count(line, kept) - arrived - back - gone - moving
    in_stock = kept - arrived - back - gone - moving - packed
    returned = min(received, arrived)
    unavailable, backordered, allocated = stock.unsent(line.id, in_stock, line.quantity, cancelled)
    return LineGoods(
        line=line,
        cancelled=cancelled,
        waiting=in_stock - unavailable - backordered - allocated,
        allocated=allocated,
        backordered=backordered,
        unavailable=unavailable,
        in_parcels=packed,
        on_the_way=moving,
        delivered=arrived - returned,
        returned=returned + back,
        lost=gone,
    )


def _cancellations(
    signals: SignalsByType, content: OrderContent, parts: HeldPieces, notices: list[Notice]
) -> tuple[dict[str, int], datetime | None]:
    """The pieces cancelled since the lines were stated, by line; and when nothing was left.

    A cancellation without lines is of what was not delivered by then; where all was, of everything.
    """
    stated: list[OrderCancelled] = signals.get(OrderCancelled, [])
    if not stated:
        return {}, None
    found: dict[str, int] = {line.id: 0 for line in content.lines}
    whole_at = next((s.event_time for s in stated if not given(s.lines)), None)
    ended_at: datetime | None = None
    for signal in stated:
        if content.lines_at is not None and signal.event_time <= content.lines_at:
            continue  # the lines are stated net of it
        if pieces := given(signal.lines):
            for n, piece in enumerate(pieces):
                _cancel(found, content, piece, signal.key, f"/lines/{n}", notices)
        else:
            _cancel_rest(found, content, parts, signal.event_time)
        if ended_at is None and found and all(found[ln.id] >= ln.quantity for ln in content.lines):
            ended_at = signal.event_time
    return found, whole_at if whole_at is not None else ended_at


def _cancel_rest(
    found: dict[str, int], content: OrderContent, parts: HeldPieces, at: datetime
) -> None:
    left = {}
    by_then = parts.where(lambda p: p.delivered_at is not None and p.delivered_at <= at)
    for line in content.lines:
        kept = line.quantity - found[line.id]
        left[line.id] = kept - by_then.count(line, kept)
    if not any(left.values()):
        left = {line.id: line.quantity - found[line.id] for line in content.lines}
    for id, pieces in left.items():
        found[id] += pieces


def _cancel(
    found: dict[str, int],
    content: OrderContent,
    piece: LinePieces,
    key: str,
    pointer: str,
    notices: list[Notice],
) -> None:
    for line, quantity, excess in spread_piece(piece, content, found):
        if line is None:
            notices.append(Notice.unknown_line(key, pointer, piece, content))
        else:
            found[line.id] += quantity
            if excess:
                notices.append(Notice.too_many(key, pointer, line.id, excess))


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
    lines: Iterable[LineGoods], parts: HeldPieces, content: OrderContent
) -> dict[str, dict[str, int]]:
    """The pieces of the only parcel without lines: all that are nowhere else."""
    if len(parts.unknown) != 1 or not content.lines_known:
        return {}
    rest = {}
    for one in lines:
        left = one.kept - min(parts.count_told(one.line), one.kept)
        if left and one.line.is_shipped:
            rest[one.line.id] = left
    return {parts.unknown[0].id: rest}


def _delivered_at(lines: Sequence[LineGoods], parts: HeldPieces) -> datetime | None:
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
        holding = parts.where(lambda p: p.id in here)
        return all(holding.count(line, kept) >= wanted for line, kept, wanted in due)

    if not is_complete_with(len(arrived)):
        return None
    return next(arrived[n - 1][0] for n in range(1, len(arrived) + 1) if is_complete_with(n))
