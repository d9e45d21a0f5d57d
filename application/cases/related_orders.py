"""The orders that an order is related to, whichever of both a source stated it of."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from application.cases.history import order_of
from application.log.event_log import EventLog
from application.log.references import RELATED
from application.log.sealing import without_read_tracking
from domain.errors import OrderNotFound
from domain.orders.order import Order, order_stream
from domain.orders.order_names import order_name
from domain.orders.relation_signals import OrderRelated, OrderRelation
from domain.orders.relations import relations_of


class RelatedOrder(Struct, frozen=True):
    """An order that this one belongs to, or that belongs to this one."""

    order: str
    shop: str
    relation: OrderRelation
    reverse: bool
    """The other order has this relation to this one: it is the replacement of this one, and so on."""


def related_orders(
    log: EventLog,
    order: Order,
    may_read: Callable[[Order], bool],
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Sequence[RelatedOrder]:
    """By the statements of this order, and by those of others that the reader may read."""
    found = [_related(one.other_key, one, False) for one in relations_of(order)]
    for row in log.references([(RELATED, order.id)]):
        try:
            with without_read_tracking():  # only the relation is shown
                other, _ = order_of(log.trail(order_stream(row.order)), as_of, known_at)
        except OrderNotFound:
            continue
        if may_read(other):
            named = (one for one in relations_of(other) if one.other_key == order.id)
            found += [_related(other.id, one, True) for one in named]
    return [*dict.fromkeys(found)]


def _related(key: str, stated: OrderRelated, reverse: bool) -> RelatedOrder:
    name = order_name(key)
    return RelatedOrder(name.order, name.shop, stated.relation, reverse)
