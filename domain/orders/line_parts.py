"""The facts of each line."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Struct

from domain.money import ZERO
from domain.orders.authorizations import PAYMENT_SIGNALS
from domain.orders.fact_metadata import SignalsByType, derived_from
from domain.orders.goods import Goods, LineGoods, without_pieces
from domain.orders.goods_parts import CONTENT_FEEDS, GOODS_FEEDS, STOCK_FEEDS
from domain.orders.money_ledger import OrderMoney
from domain.orders.payment_signals import RefundFailed, RefundIssued, RefundRequested
from domain.orders.promise_days import end_of_promise
from domain.orders.shipment_signals import ClaimKind, CustomerClaimed
from domain.orders.signal_body import given

_content = derived_from(*CONTENT_FEEDS)
_goods = derived_from(*GOODS_FEEDS)
_money_feeds = (*CONTENT_FEEDS, RefundIssued, RefundRequested, RefundFailed)
_paid_through = (*GOODS_FEEDS, *PAYMENT_SIGNALS)
_refunds = derived_from(*_money_feeds)
_refunded = derived_from(*_money_feeds, currency="part.currency")
_limit = derived_from(*_money_feeds, through=_paid_through)
_left = derived_from(*_money_feeds, currency="part.currency", through=_paid_through)
_claims = derived_from(CustomerClaimed, *CONTENT_FEEDS)

Pieces = Annotated[int | None, _goods]
StockPieces = Annotated[int | None, derived_from(*STOCK_FEEDS, through=GOODS_FEEDS)]


class LinePart(Struct, frozen=True, gc=False):
    """A line: its pieces are always the sum of the places from `waiting` to `lost`, and `cancelled`.

    A line that an edit removed has no pieces; it is a part if pieces of it had left, and once something was
    given back for it.
    """

    id: Annotated[str, _content]
    """The line's `id`, else its `sku`."""
    sku: Annotated[str | None, _content] = None
    """The product."""
    seller: Annotated[str | None, _content] = None
    """Who sells it, of several sellers."""
    ordered: Annotated[int | None, _content] = None
    """Pieces by the last statement of the lines."""
    cancelled: Pieces = None
    """Pieces that were cancelled."""
    waiting: Pieces = None
    """Pieces of which nothing more is known yet."""
    allocated: StockPieces = None
    """Pieces with stock reserved for them."""
    backordered: StockPieces = None
    """Pieces that wait for stock."""
    unavailable: StockPieces = None
    """Pieces that stock lacks."""
    in_parcels: Pieces = None
    """Pieces in parcels that are not handed over."""
    on_the_way: Pieces = None
    """Pieces in parcels on the way."""
    delivered: Pieces = None
    """Pieces that arrived."""
    returned: Pieces = None
    """Pieces that came back to us."""
    lost: Pieces = None
    """Pieces in lost parcels."""
    surplus: Pieces = None
    """Pieces that left, and that an edit or a cancellation took from the order then: they are neither back nor
    lost. They are beside the pieces of the order."""
    unshipped: Pieces = None
    """Pieces that are to be sent, and are in no parcel."""
    unsent: Pieces = None
    """Pieces in no parcel: to be sent, cancelled or unavailable."""
    ended_at: Annotated[datetime | None, _goods] = None
    """When the last of them was cancelled or became unavailable, if none is to be sent."""
    promised_by: Annotated[datetime | None, _content] = None
    """The first moment after the promised day: the line's, else the order's."""
    ship_by: Annotated[datetime | None, _content] = None
    """When it is to be handed over: the line's own time, else the order's."""
    shipped_at: Annotated[datetime | None, _goods] = None
    """When its last unshipped piece was handed over; unknown while some are not."""
    currency: Annotated[str | None, _content] = None
    """The currency of its price."""
    value: Annotated[Decimal | None, derived_from(*CONTENT_FEEDS, currency="part.currency")] = None
    """What its pieces cost, with its share of discounts, and taxes."""
    refunded: Annotated[Decimal | None, _refunded] = None
    """The amount that was given back for it."""
    refunded_pieces: Annotated[int | None, _refunds] = None
    """Pieces that were given back in money."""
    left: Annotated[Decimal | None, _left] = None
    """Its value that may still be given back, as far as it was paid."""
    claimed_damaged: Annotated[bool | None, _claims] = None
    """The customer says that it is damaged."""
    claimed_missing: Annotated[bool | None, _claims] = None
    """The customer says that pieces of it are missing."""
    claimed_wrong: Annotated[bool | None, _claims] = None
    """The customer says that another product came."""
    claimed_not_as_described: Annotated[bool | None, _claims] = None
    """The customer says that it is not as described."""
    refunded_too_much: Annotated[bool | None, _limit] = None
    """More was given back than its value, or than was paid for it."""


def line_parts(signals: SignalsByType, goods: Goods, money: OrderMoney) -> tuple[LinePart, ...]:
    claims = _claimed_lines(signals.get(CustomerClaimed, []), goods)
    removed = [*goods.removed]
    known = {one.line.id for one in removed}
    removed += [
        LineGoods(line=without_pieces(line))
        for line in money.removed.lines
        if line.id in money.line_refunds and line.id not in known
    ]
    return tuple(
        _line_part(one, goods, money, claims.get(one.line.id, set()))
        for one in (*goods.lines, *removed)
    )


def _line_part(
    one: LineGoods, goods: Goods, money: OrderMoney, claimed: set[ClaimKind]
) -> LinePart:
    line, content = one.line, goods.content
    pieces, amount = money.line_refunds.get(line.id, (0, ZERO))
    ship_by = line.line.ship_by
    if ship_by is None and content.current is not None:
        ship_by = given(content.current.ship_by)
    return LinePart(
        id=line.id,
        sku=line.line.sku,
        seller=line.line.seller,
        ordered=line.quantity,
        cancelled=one.cancelled,
        waiting=one.waiting,
        allocated=one.allocated,
        backordered=one.backordered,
        unavailable=one.unavailable,
        in_parcels=one.in_parcels,
        on_the_way=one.on_the_way,
        delivered=one.delivered,
        returned=one.returned,
        lost=one.lost,
        surplus=one.surplus,
        unshipped=one.unshipped,
        unsent=one.unsent,
        ended_at=one.ended_at,
        promised_by=end_of_promise(given(line.line.promise) or content.promise),
        ship_by=ship_by,
        shipped_at=_shipped_at(one, goods),
        currency=line.line.price.currency,
        value=line.value,
        refunded=amount,
        refunded_pieces=pieces,
        left=money.line_left.get(line.id),
        claimed_damaged=ClaimKind.DAMAGED in claimed,
        claimed_missing=ClaimKind.MISSING_ITEM in claimed,
        claimed_wrong=ClaimKind.WRONG_ITEM in claimed,
        claimed_not_as_described=ClaimKind.NOT_AS_DESCRIBED in claimed,
        refunded_too_much=line.id in money.exceeded_lines,
    )


def _shipped_at(one: LineGoods, goods: Goods) -> datetime | None:
    if one.unshipped or one.in_parcels:
        return None
    times = [
        parcel.handed_over_at
        for parcel in goods.outbound
        if parcel.handed_over_at is not None
        and (parcel.id not in goods.pieces or one.line.id in goods.pieces[parcel.id])
    ]
    return max(times, default=None)


def _claimed_lines(claims: Sequence[CustomerClaimed], goods: Goods) -> dict[str, set[ClaimKind]]:
    found: dict[str, set[ClaimKind]] = {}
    for claim in claims:
        for piece in given(claim.lines) or ():
            line = goods.content.line(piece.line)
            lines = [line] if line else goods.content.lines_of_sku(piece.sku or piece.line or "")
            for one in lines:
                found.setdefault(one.id, set()).add(claim.kind)
    return found
