"""The parameters that name an order in the API: an id and a shop, which the log keeps as one text."""

from typing import Annotated, Final

from litestar.params import QueryParameter

from api.http.encoded_orders import read_order_id
from domain.orders.signal_body import SHOP_REGEX, order_key
from domain.texts import PATTERN_END

SHOP: Final = "The shop in which the order's id is unique; `default` if left out."
SHOP_PATTERN: Final = f"^{SHOP_REGEX}{PATTERN_END}"
Shop = Annotated[str, QueryParameter(pattern=SHOP_PATTERN, description=SHOP)]
OptionalShop = Annotated[str | None, QueryParameter(pattern=SHOP_PATTERN, description=SHOP)]


def key_of(order_id: str, shop: str) -> str:
    """The text that names an order in the log, from a path parameter and the shop."""
    return order_key(read_order_id(order_id), shop)
