"""Events that record orders and prices, for comparison with later orders."""

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from domain.money import PositiveMoney
from domain.orders.purchase_signals import CustomerId
from domain.orders.signal_body import Sku
from domain.texts import PATTERN_END

Basket = Annotated[str, Meta(pattern="^[0-9a-f]{32}" + PATTERN_END)]
"""Digest of the ordered products and quantities; the order and split of lines do not matter."""


class CustomerOrdered(Struct, frozen=True, kw_only=True, gc=False, tag="customer.ordered"):
    """A customer ordered; the envelope names the order."""

    customer: CustomerId
    basket: Basket
    placed_at: datetime


class ProductPriced(Struct, frozen=True, kw_only=True, gc=False, tag="product.priced"):
    """An order showed a new price of a product, or the same price a day later."""

    sku: Sku
    price: PositiveMoney
    at: datetime


LookUpEvent: TypeAlias = CustomerOrdered | ProductPriced
