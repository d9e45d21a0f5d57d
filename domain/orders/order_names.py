"""What an order is called outside the log: its id, and the shop in which the id is unique."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from domain.orders.signal_body import DEFAULT_SHOP, KEY_SEPARATOR, split_order_key

OrderKey = Annotated[
    str,
    Meta(
        description="An order as the log names it: its id and, unless that is `default`, U+001F and its shop."
    ),
]


class OrderName(Struct, frozen=True):
    """An order's id, and the shop in which it is unique."""

    order: str
    shop: str = DEFAULT_SHOP


def order_name(key: str) -> OrderName:
    """The name of the order that the log calls by this key."""
    return OrderName(*split_order_key(key))


def order_names(keys: Iterable[str]) -> list[OrderName]:
    return [order_name(key) for key in keys]


def describe_order(key: str) -> str:
    """`A-1001`, or `A-1001 in the shop uk`; of what is no order, where it came from and its id there."""
    order, shop = split_order_key(key)
    if order:
        return describe_name(order, shop)
    _, _, *name = key.split(KEY_SEPARATOR)
    return f"{'/'.join(filter(None, name))} (a delivery or a held signal)"


def describe_missing(key: str) -> str:
    """That there is no such order. The shop is named too: the order may be one of another shop."""
    order, shop = split_order_key(key)
    return f"no order {order} in the shop {shop}"


def describe_name(order: str, shop: str) -> str:
    return order if shop == DEFAULT_SHOP else f"{order} in the shop {shop}"
