"""Where the pieces of an order are: in lines, in parcels, with the customer, back with us."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from domain.orders.content import OrderContent, OrderLine


class Notice(Struct, frozen=True, kw_only=True):
    """Something odd about a statement that is kept: what, where, and what to do."""

    signal: str
    """The statement's key, `source/id`."""
    pointer: str
    """The JSON Pointer of the field."""
    detail: str


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


class Parcel(Struct, frozen=True, kw_only=True):
    """A parcel, by all statements about it."""

    id: str
    """The shipment's id, else carrier and tracking code; empty for the only parcel without either."""
    pieces: Mapping[str, int] | None = None
    """Pieces by line; None if they are not known."""
    delivered_at: datetime | None = None


class Goods(Struct, frozen=True, kw_only=True):
    content: OrderContent
    lines: tuple[LineGoods, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    cancelled_at: datetime | None = None
    """When the last piece was cancelled, or the order as a whole."""
    notices: tuple[Notice, ...] = ()
