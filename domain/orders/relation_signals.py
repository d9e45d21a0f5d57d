"""Signals that name another order: what it has to do with this one."""

from enum import StrEnum

from msgspec import UNSET, UnsetType

from domain.orders import signal_body as body
from domain.texts import Text


class _NamesAnotherOrder(body.SignalBody, frozen=True, kw_only=True):
    other: body.OrderId
    other_shop: body.ShopName | UnsetType = UNSET
    """The shop of the other order, where it is another one."""

    @property
    def other_key(self) -> str:
        """The text that names the other order in the log."""
        return body.order_key(self.other, body.given(self.other_shop) or self.shop_name)

    @property
    def is_about_itself(self) -> bool:
        """The order and the other one are the same."""
        return self.other_key == self.order_key


class OrderRelation(StrEnum):
    SPLIT_FROM = "split_from"
    MERGED_INTO = "merged_into"
    REPLACEMENT_OF = "replacement_of"
    EXCHANGE_OF = "exchange_of"
    SUBSCRIPTION_OF = "subscription_of"


class OrderRelated(_NamesAnotherOrder, frozen=True, kw_only=True, tag="order.related"):
    """This order belongs to another one; related orders do not duplicate each other."""

    relation: OrderRelation


class DuplicateSuspected(
    _NamesAnotherOrder, frozen=True, kw_only=True, tag="order.duplicate_suspected"
):
    """A system that sees all orders suspects that this one duplicates another."""

    reason: Text = ""
