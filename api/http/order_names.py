"""Names of orders in the API: an id and a shop, which the log keeps as one text."""

from collections.abc import Sequence
from typing import Annotated, Final

from litestar.params import QueryParameter
from msgspec import Struct

from api.http.encoded_orders import read_order_id
from domain.orders.signal_body import DEFAULT_SHOP, order_key, split_order_key

SHOP: Final = "The shop in which the order's id is unique; `default` if left out."
Shop = Annotated[str, QueryParameter(max_length=64, description=SHOP)]


class OrderName(Struct, frozen=True):
    """An order's id, and the shop in which it is unique."""

    order: str
    shop: str = DEFAULT_SHOP


def key_of(order_id: str, shop: str) -> str:
    """The text that names an order in the log, from a path parameter and the shop."""
    return order_key(read_order_id(order_id), shop)


def order_name(key: str) -> OrderName:
    return OrderName(*split_order_key(key))


def order_names(keys: Sequence[str]) -> list[OrderName]:
    return [order_name(key) for key in keys]
