"""What sources stated of an order's relations to others."""

from collections.abc import Iterator

from domain.orders.order import Order
from domain.orders.purchase_signals import OrderRelated
from domain.orders.standing import standing


def relations_of(order: Order) -> Iterator[OrderRelated]:
    """What counts of the relations that were stated of the order."""
    for signal in standing(order.signals.values()):
        if isinstance(signal, OrderRelated):
            yield signal
