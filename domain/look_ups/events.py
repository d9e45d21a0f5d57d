"""What is remembered of orders, so that later ones can be held against it."""

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from domain.money import PositiveMoney
from domain.orders.purchase_signals import CustomerId, Sku
from domain.texts import PATTERN_END

Basket = Annotated[str, Meta(pattern="^[0-9a-f]{32}" + PATTERN_END)]
"""Digest of what was ordered: the same pieces have the same, however the lines stand."""


class CustomerOrdered(Struct, frozen=True, kw_only=True, gc=False, tag="customer.ordered"):
    """A customer ordered; the envelope names the order."""

    customer: CustomerId
    basket: Basket
    placed_at: datetime


class ProductPriced(Struct, frozen=True, kw_only=True, gc=False, tag="product.priced"):
    """An order showed a product's price: another than before, or the same a day later."""

    sku: Sku
    price: PositiveMoney
    at: datetime


LookUpEvent: TypeAlias = CustomerOrdered | ProductPriced
