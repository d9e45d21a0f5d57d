"""The parameters that name an order in the API: an id and a shop, which the log keeps as one text."""

from typing import Annotated, Final

from litestar.params import QueryParameter

from api.http.encoded_orders import read_order_id
from domain.orders.signal_body import order_key

SHOP: Final = "The shop in which the order's id is unique; `default` if left out."
Shop = Annotated[str, QueryParameter(max_length=64, description=SHOP)]


def key_of(order_id: str, shop: str) -> str:
    """The text that names an order in the log, from a path parameter and the shop."""
    return order_key(read_order_id(order_id), shop)
