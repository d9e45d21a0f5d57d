"""The facts of each parcel, and what the goods are read from."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders import return_signals as returns
from domain.orders.fact_metadata import derived_from
from domain.orders.goods import Goods
from domain.orders.parcels import PARCEL_FEEDS, Parcel
from domain.orders.promise_days import end_of_promise
from domain.orders.purchase_signals import OrderCancelled, OrderEdited, OrderPlaced
from domain.orders.shipment_signals import CustomerClaimed
from domain.orders.signal_body import given
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    FulfilmentRejected,
    StockAllocated,
    StockUnavailable,
)

CONTENT_FEEDS: Final = (OrderPlaced, OrderEdited, OrderCancelled)
STOCK_FEEDS: Final = (
    *(StockAllocated, StockUnavailable, Backordered, AllocationFailed, FulfilmentRejected),
)
_RETURN_FEEDS: Final = (returns.ReturnRequested, returns.ReturnAuthorized, returns.ReturnReceived)
GOODS_FEEDS: Final = (*CONTENT_FEEDS, *PARCEL_FEEDS, *STOCK_FEEDS, *_RETURN_FEEDS)
_content = derived_from(*CONTENT_FEEDS)
_goods = derived_from(*GOODS_FEEDS)
_parcel_feeds = (*PARCEL_FEEDS, *CONTENT_FEEDS)
_parcel = derived_from(*_parcel_feeds)


class ParcelPart(Struct, frozen=True, gc=False):
    """A parcel on its way to the customer."""

    id: Annotated[str, _parcel]
    """Its `shipment`, else its carrier and tracking code."""
    carrier: Annotated[str | None, _parcel] = None
    """Who carries it."""
    tracking: Annotated[str | None, _parcel] = None
    """Its tracking code."""
    pieces: Annotated[int | None, _goods] = None
    """How many pieces it holds, as far as that is known."""
    promised_by: Annotated[datetime | None, _goods] = None
    """The first moment after the promised day: the parcel's, else its lines', else the order's.

    Unknown if nothing is expected of it any more: other parcels brought its pieces, or these were cancelled."""
    ship_by: Annotated[datetime | None, _goods] = None
    """When it is to be handed over: its own time, else its lines', else the order's. Unknown as `promised_by`."""
    labelled_at: Annotated[datetime | None, _parcel] = None
    """When its label was created."""
    handed_over_at: Annotated[datetime | None, _parcel] = None
    """When it was handed over, or was first scanned on its way."""
    last_heard_at: Annotated[datetime | None, _parcel] = None
    """The last hand-over or scan while it is on its way; unknown without a tracking code."""
    delivered_at: Annotated[datetime | None, _parcel] = None
    """When it was delivered, or collected."""
    arrived_at: Annotated[datetime | None, _parcel] = None
    """When it was delivered, or began to wait to be collected: the promise is kept then."""
    failed_at: Annotated[datetime | None, _parcel] = None
    """When a delivery was last tried and failed."""
    failure_open: Annotated[bool | None, _parcel] = None
    """A delivery was tried and failed, and it was not delivered since."""
    lost_at: Annotated[datetime | None, _parcel] = None
    """When it was reported lost."""
    lost_open: Annotated[bool | None, _parcel] = None
    """It was reported lost, and not delivered since."""
    damaged_at: Annotated[datetime | None, derived_from(*_parcel_feeds, CustomerClaimed)] = None
    """When the carrier or the customer reported damage."""
    returning_since: Annotated[datetime | None, _parcel] = None
    """Since when the carrier returns it to the sender."""
    back_at: Annotated[datetime | None, _parcel] = None
    """When it was back with us."""
    waiting_since: Annotated[datetime | None, _parcel] = None
    """Since when it waits to be collected."""
    collect_by: Annotated[datetime | None, _parcel] = None
    """By when it is to be collected."""
    contradicted_now: Annotated[bool | None, _parcel] = None
    """It was scanned on its way after its last delivery."""
    claimed_not_received_at: Annotated[datetime | None, derived_from(CustomerClaimed)] = None
    """When the customer said that it did not arrive."""
    unread_code: Annotated[str | None, _parcel] = None
    """The code of its last scan, if no mapping reads it."""


def parcel_parts(goods: Goods) -> tuple[ParcelPart, ...]:
    return tuple(_parcel_part(parcel, goods) for parcel in goods.outbound)


def _parcel_part(parcel: Parcel, goods: Goods) -> ParcelPart:
    content = goods.content
    held = goods.pieces.get(parcel.id)
    lines = [line for line in content.lines if held is None or line.id in held]
    days = [day for line in lines if (day := end_of_promise(given(line.line.promise)))]
    limits = [line.line.ship_by for line in lines if line.line.ship_by is not None]
    order_ship_by = given(content.current.ship_by) if content.current is not None else None
    came = parcel.delivered_at
    is_moving = bool(parcel.heard_at) and not parcel.has_ended
    is_expected = parcel.id not in goods.needless
    promised_by = parcel.promised_by or min(days, default=end_of_promise(content.promise))
    ship_by = parcel.ship_by or max(limits, default=order_ship_by)
    return ParcelPart(
        id=parcel.id,
        carrier=parcel.carrier,
        tracking=parcel.tracking,
        pieces=sum(held.values()) if held is not None else None,
        promised_by=promised_by if is_expected else None,
        ship_by=ship_by if is_expected or parcel.is_handed_over else None,
        labelled_at=parcel.labelled_at,
        handed_over_at=parcel.handed_over_at,
        last_heard_at=parcel.heard_at[-1] if is_moving else None,
        delivered_at=came,
        arrived_at=min((at for at in (came, parcel.waiting_since) if at is not None), default=None),
        failed_at=parcel.failed_at,
        failure_open=parcel.failed_at is not None
        and not _is_delivered_since(parcel, parcel.failed_at),
        lost_at=parcel.lost_at,
        lost_open=parcel.lost_last_at is not None
        and not _is_delivered_since(parcel, parcel.lost_last_at),
        damaged_at=parcel.damaged_at,
        returning_since=parcel.returning_since,
        back_at=parcel.back_at,
        waiting_since=parcel.waiting_since,
        collect_by=parcel.collect_by,
        contradicted_now=parcel.contradicted_now,
        claimed_not_received_at=parcel.not_received_at,
        unread_code=parcel.unread_code,
    )


def _is_delivered_since(parcel: Parcel, at: datetime) -> bool:
    return parcel.delivered_last_at is not None and parcel.delivered_last_at >= at
