"""Facts about what the order costs. Amounts are in the currency of the charge."""

from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.authorizations import PAYMENT_SIGNALS
from domain.orders.fact_metadata import SignalsByType, derived_from, growing
from domain.orders.goods_parts import CONTENT_FEEDS, GOODS_FEEDS
from domain.orders.money_structs import OrderMoney
from domain.orders.payment_signals import RefundIssued
from domain.orders.purchase_signals import OrderEdited, OrderPlaced, PriceFlagged

_CURRENCY: Final = "charge.currency"
_ORDER: Final = (OrderPlaced, OrderEdited)
_charge = derived_from(*CONTENT_FEEDS, currency=_CURRENCY, through=(*GOODS_FEEDS, *PAYMENT_SIGNALS))


class ChargeFacts(Struct, frozen=True, gc=False):
    total: Annotated[Decimal | None, _charge]
    """What the order costs after edits and cancelled pieces; None while lines are missing.

    Of an order that was cancelled as a whole, what it cost before.
    """
    currency: Annotated[
        str | None, derived_from(*_ORDER, *PAYMENT_SIGNALS, through=(RefundIssued,))
    ]
    """The currency of the order's amounts."""
    below_usual_percent: Annotated[Decimal | None, growing(PriceFlagged)]
    """The most that a price was reported below the usual one."""
    unexplained: Annotated[Decimal | None, derived_from(*_ORDER, currency=_CURRENCY)] = None
    """The source's total less lines, charges, discounts and taxes; None without a total."""


def charge_facts(signals: SignalsByType, money: OrderMoney) -> ChargeFacts:
    shares = (_below_usual(flag) for flag in signals.get(PriceFlagged, []))
    return ChargeFacts(
        total=money.charge_before_cancellation,
        currency=money.currency if OrderPlaced in signals else None,
        below_usual_percent=max((s for s in shares if s is not None), default=None),
        unexplained=money.unexplained,
    )


def _below_usual(flag: PriceFlagged) -> Decimal | None:
    """By how many whole percent the price is below the usual one; negative if above.

    None if there is nothing to compare with: another currency, or a usual price of 0.
    """
    usual = flag.usual_price
    if usual.currency != flag.price.currency or not usual.value:
        return None
    share = (usual.value - flag.price.value) * 100 / usual.value
    return share.quantize(Decimal(1), rounding=ROUND_DOWN)
