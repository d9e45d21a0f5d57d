"""Names the other shops that have an order of this id, where the shop is missing or wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.http.query import MOST_ROWS
from api.http.service import Service
from domain.authority import Authority
from domain.errors import OrderNotFound
from domain.orders.signal_body import split_order_key
from domain.permissions import Permission
from infrastructure.reports.scope_sql import orders_in_scope


@contextmanager
def naming_other_shops(service: Service, key: str, authority: Authority) -> Iterator[None]:
    """Adds to an OrderNotFound the shops of the orders of this id that the person may read."""
    try:
        yield
    except OrderNotFound as error:
        order, shop = split_order_key(key)
        reach = orders_in_scope(authority, Permission.READ_ORDERS)
        rows = service.reports.orders({"order_id": order}, None, MOST_ROWS, reach)
        shops = sorted(row.shop for row in rows if row.shop != shop)
        if not shops:
            raise
        where = " and in ".join(shops)
        detail = f"{error.detail}. There is one in the shop {where}: name the shop in `shop`"
        raise OrderNotFound(detail, shops=shops).out_of_scope(error.lacks) from None
