"""What sources stated of an order's relations to others."""

from collections.abc import Iterable, Iterator
from typing import Final

from domain.orders.order import Order
from domain.orders.relation_signals import OrderRelated, OrderRelation
from domain.orders.standing import standing

OF_ONE: Final = frozenset(
    {OrderRelation.SUBSCRIPTION_OF, OrderRelation.SPLIT_FROM, OrderRelation.MERGED_INTO}
)
"""Two orders with one of these relations to a third are related to each other. Two replacements or two
exchanges of one order are not: the second may have been made by mistake."""


def are_related(
    one: str, of_one: Iterable[OrderRelated], other: str, of_other: Iterable[OrderRelated]
) -> bool:
    """Whether one of two orders names the other, or both belong in the same way to a third.

    The orders are given by key, with the relations that were stated of each.
    """
    stated = [*of_one], [*of_other]
    if any(r.other_key == other for r in stated[0]) or any(r.other_key == one for r in stated[1]):
        return True
    thirds = [{(r.relation, r.other_key) for r in some if r.relation in OF_ONE} for some in stated]
    return not thirds[0].isdisjoint(thirds[1])


def relations_of(order: Order) -> Iterator[OrderRelated]:
    """What counts of the relations that were stated of the order."""
    for signal in standing(order.signals.values()):
        if isinstance(signal, OrderRelated):
            yield signal
