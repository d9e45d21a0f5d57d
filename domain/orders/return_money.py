"""The money of returns: their fees, and the value of the pieces that came back or are to come back."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from msgspec import UNSET

from domain.money import ZERO, round_money
from domain.orders import return_signals as returns
from domain.orders.charges import Costs
from domain.orders.content import OrderContent
from domain.orders.fact_metadata import SignalsByType
from domain.orders.goods import Goods
from domain.orders.money_structs import PaymentMoney
from domain.orders.pieces import count_pieces
from domain.orders.return_parts import statements_by_return
from domain.orders.signal_body import given
from domain.orders.signals import event_time_key

_AGREED: Final = (returns.ReturnAuthorized, returns.ReturnLabelCreated)
_ENDED: Final = (
    *(returns.ReturnReceived, returns.ReturnRefused),
    *(returns.ReturnCancelled, returns.ReturnClosed),
)


def return_fees(
    signals: SignalsByType, currency: str | None, payments: Sequence[PaymentMoney]
) -> Decimal:
    """The fees of the returns that came back: of each, as they were stated last, in the order's currency.

    Where no return was received, its parcel came back. A fee counts by the rate of the payments in its
    currency; without one, its value is not known.
    """
    total = ZERO
    rates = {one.currency: one.rate or ZERO for one in payments} | {currency: Decimal(1)}
    for stated in statements_by_return(signals).values():
        if returns.ReturnReceived not in signals or _has(stated, returns.ReturnReceived):
            told = [s for s in stated if _tells_fees(s)]
            for fee in (max(told, key=event_time_key).fees or ()) if told else ():
                total += round_money(
                    fee.amount.value * rates.get(fee.amount.currency, ZERO), currency
                )
    return total


def fees_lowered_at(signals: SignalsByType) -> Iterator[datetime]:
    """When a return's fees were taken back, or lowered: then more is due."""
    if returns.ReturnReceived in signals:
        for stated in statements_by_return(signals).values():
            told = sorted(filter(_tells_fees, stated), key=event_time_key)
            for before, now in pairwise(told):
                if _sum(now.fees) < _sum(before.fees):
                    yield now.event_time


def is_return_open(signals: SignalsByType) -> bool:
    """Whether pieces of a return may be on their way back. Most orders have none."""
    return any(kind in signals for kind in _AGREED)


def value_sent_back(signals: SignalsByType, goods: Goods, costs: Costs) -> Decimal:
    """The cost of the pieces that came back, and of those whose return was agreed to and is open."""
    coming = _coming_back(signals, goods.content) if is_return_open(signals) else {}
    found = ZERO
    for one in goods.lines:
        back = min(one.returned + coming.get(one.line.id, 0), one.kept - one.unavailable)
        if back > 0:
            before = costs.of_line(one.line, one.cancelled)
            found += costs.of_line(one.line, one.cancelled + back) - before
    return found


def _coming_back(signals: SignalsByType, content: OrderContent) -> dict[str, int]:
    """By line: the pieces of open returns, as each return was stated last."""
    found: dict[str, int] = {}
    for stated in statements_by_return(signals).values():
        if _has(stated, *_AGREED) and not _has(stated, *_ENDED):
            told = [s for s in stated if given(s.lines)]
            lines = max(told, key=event_time_key).lines if told else ()
            for id, pieces in count_pieces(lines, content).whole_lines(content).items():
                found[id] = found.get(id, 0) + pieces
    return found


def _tells_fees(signal: Any) -> bool:
    """Whether it says what the fees are, also that there are none."""
    return signal.fees is not UNSET


def _sum(fees: Sequence[returns.ReturnFee] | None) -> Decimal:
    return sum((fee.amount.value for fee in fees or ()), ZERO)


def _has(stated: Sequence[Any], *kinds: type[Any]) -> bool:
    return any(isinstance(signal, kinds) for signal in stated)
