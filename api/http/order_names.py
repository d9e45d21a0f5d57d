"""Names of orders in the API: an id and a shop, which the log keeps as one text."""

from collections.abc import Sequence
from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Struct

from domain.orders.signal_body import DEFAULT_SHOP, split_order_key

Shop = Annotated[
    str,
    QueryParameter(
        max_length=64,
        description="The shop in which the order's id is unique; `default` if left out.",
    ),
]


class OrderName(Struct, frozen=True):
    """An order's id, and the shop in which it is unique."""

    order: str
    shop: str = DEFAULT_SHOP


def order_name(key: str) -> OrderName:
    return OrderName(*split_order_key(key))


def order_names(keys: Sequence[str]) -> list[OrderName]:
    return [order_name(key) for key in keys]
