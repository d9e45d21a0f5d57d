"""The one truth about the money of an order: captured, given back, disputed and left, by part.

Facts, the guard of adjustments, approval sums and reconciliation read these figures and no others.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import structs

from domain.money import ZERO
from domain.orders.authorizations import PAYMENT_SIGNALS
from domain.orders.charges import Costs, OrderCharge, costs_and_charge, owed_for
from domain.orders.content import OrderContent
from domain.orders.disputes import DISPUTE_SIGNALS, disputes_of
from domain.orders.fact_metadata import SignalsByType
from domain.orders.goods import Goods
from domain.orders.line_limits import gone_lines, line_limits, taken_for_gone
from domain.orders.money_structs import (
    Capture,
    DisputeMoney,
    OrderMoney,
    PaymentMoney,
    RefundMoney,
    RefundState,
)
from domain.orders.payment_signals import PaymentCaptured, RefundIssued
from domain.orders.payments import is_complete, payments_of, with_unknown_amounts
from domain.orders.refund_shares import Given, Shares
from domain.orders.refund_statements import REFUND_SIGNALS
from domain.orders.refunds import is_charge_exceeded, refunds_of
from domain.orders.return_money import is_return_open, return_fees, value_sent_back

__all__ = [
    "MONEY_FEEDS",
    "Capture",
    "DisputeMoney",
    "OrderMoney",
    "PaymentMoney",
    "RefundMoney",
    "RefundState",
    "is_given_alike",
    "money_of",
]


MONEY_FEEDS: Final[frozenset[type]] = frozenset(
    (*PAYMENT_SIGNALS, *REFUND_SIGNALS, *DISPUTE_SIGNALS)
)
"""The signals about money; those about the goods change the money too."""


NOTHING_GIVEN: Final = Given({}, {}, {})


def money_of(signals: SignalsByType, goods: Goods) -> OrderMoney:
    """The money of the order, by the statements that count."""
    content = goods.content
    costs, charge = costs_and_charge(signals, goods)
    currency = _currency(signals, content)
    payments, notices = payments_of(signals, content, currency)
    payments = with_unknown_amounts(_assume_rate(payments, charge), charge)
    by_id = {payment.id: payment for payment in payments}
    captured = [payment.id for payment in payments if payment.captures]
    only = captured[0] if len(captured) == 1 else None
    gone = gone_lines(goods, costs)
    taken = taken_for_gone(goods, costs, charge.now, payments) if gone else None
    limits = line_limits(costs, gone, taken, payments, is_complete(signals, payments, content))
    refunds = refunds_of(signals, by_id, only, limits, currency, notices)
    disputes = disputes_of(signals, by_id, refunds, only, currency)
    captured_in_all = sum([one.settled for one in payments], ZERO)
    money = OrderMoney(
        currency=currency,
        charge=charge.now,
        charge_before_cancellation=charge.before_cancellation,
        highest_charge=charge.highest,
        earlier_charges=charge.earlier,
        unexplained=charge.unexplained,
        is_cancelled=charge.is_cancelled,
        captured=captured_in_all,
        payments=tuple(payments),
        line_left=limits.ceilings,
        charge_left=costs.charge_ceilings,
        removed=costs.removed,
        removed_charges=costs.removed_charges,
        gone=gone,
        taken_for_gone=taken,
        notices=tuple(dict.fromkeys(notices)),
    )
    if not refunds and not disputes:
        # Nothing was given back, as of most orders: all of it is left.
        if charge.now is None or not any(
            one.cancelled or one.unavailable or one.returned for one in goods.lines
        ):
            balance = _simple_balance(charge, captured_in_all, payments)
            if not (balance.get("underpaid") and is_return_open(signals)):
                return structs.replace(money, **balance)
        return _with_balance(money, signals, goods, costs, NOTHING_GIVEN)
    issued, requested = (
        _shares(refunds, RefundState.ISSUED),
        _shares(refunds, RefundState.REQUESTED),
    )
    money = structs.replace(
        money,
        given_back=_sum(one.settled for one in refunds if one.state is RefundState.ISSUED),
        disputed=_sum(one.settled for one in disputes if one.counts),
        reserved=_sum(one.settled for one in refunds if one.state is RefundState.REQUESTED),
        payments=tuple(_with_given_back(one, refunds, disputes) for one in payments),
        refunds=tuple(refunds),
        disputes=tuple(disputes),
        line_refunds={
            id: (pieces, issued.amounts.get(id, ZERO)) for id, pieces in issued.pieces.items()
        },
        charge_refunds=issued.charges,
        line_left={
            id: _left(
                limits.ceilings[id], issued.amounts.get(id, ZERO), requested.amounts.get(id, ZERO)
            )
            for id in (line.id for line in (*content.lines, *costs.removed.lines))
        },
        charge_left={
            key: _left(cost, issued.charges.get(key, ZERO), requested.charges.get(key, ZERO))
            for key, cost in costs.charge_ceilings.items()
        },
        exceeded_lines=limits.exceeded(issued),
        exceeded_charges=frozenset(
            key for key in costs.charge_ceilings if is_charge_exceeded(key, issued, costs)
        ),
    )
    return _with_balance(money, signals, goods, costs, issued)


def is_given_alike(money: OrderMoney, earlier: OrderMoney) -> bool:
    """Whether nothing was given back of the lines, before and now, and their costs are the same."""
    return money.line_left is earlier.line_left and not (
        money.line_refunds or earlier.line_refunds or money.exceeded_lines or earlier.exceeded_lines
    )


def _left(whole: Decimal, given_back: Decimal, requested: Decimal) -> Decimal:
    return whole - given_back - _reserved(whole - given_back, requested)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), ZERO)


def _currency(signals: SignalsByType, content: OrderContent) -> str | None:
    """The currency of the order, else of its first capture or refund: sums never mix currencies."""
    if content.currency is not None:
        return content.currency
    stated = [*signals.get(PaymentCaptured, ()), *signals.get(RefundIssued, ())]
    return next((one.amount.currency for one in stated if one.amount is not None), None)


def _assume_rate(payments: Sequence[PaymentMoney], charge: OrderCharge) -> list[PaymentMoney]:
    """Without a rate, payments in one other currency are taken to have paid the rest of the order.

    Only then can be said what of them is owed back.
    """
    foreign = [one for one in payments if one.rate is None and one.captured]
    if not foreign or charge.highest is None or len({one.currency for one in foreign}) != 1:
        return [*payments]
    rest = charge.highest - sum((one.settled for one in payments), ZERO)
    if rest <= 0:
        return [*payments]
    whole = sum((one.captured for one in foreign), ZERO)
    return [
        structs.replace(
            one, rate=rest / whole, rate_assumed=True, settled=rest * one.captured / whole
        )
        if one in foreign
        else one
        for one in payments
    ]


def _with_given_back(
    payment: PaymentMoney, refunds: Sequence[RefundMoney], disputes: Sequence[DisputeMoney]
) -> PaymentMoney:
    def total(state: RefundState) -> Decimal:
        return _sum(r.of_payment for r in refunds if r.payment == payment.id and r.state is state)

    given_back = total(RefundState.ISSUED)
    disputed = _sum(d.of_payment for d in disputes if d.payment == payment.id and d.counts)
    return structs.replace(
        payment,
        given_back=given_back,
        disputed=disputed,
        reserved=_reserved(payment.captured - given_back - disputed, total(RefundState.REQUESTED)),
    )


def _reserved(left: Decimal, requested: Decimal) -> Decimal:
    """What requested refunds reserve: never more than what is left to give."""
    return min(requested, max(left, ZERO))


def _shares(refunds: Iterable[RefundMoney], state: RefundState) -> Given:
    found = Given({}, {}, {})
    for refund in refunds:
        if refund.state is state:
            found.add(Shares(lines=refund.lines, charges=refund.charges))
    return found


def _with_balance(
    money: OrderMoney, signals: SignalsByType, goods: Goods, costs: Costs, issued: Given
) -> OrderMoney:
    """The money with what is due, overpaid and underpaid.

    What was given back lowers what was overpaid first. The rest of the surplus is due. Money given
    for pieces that the customer keeps, or for charges, is a gift: it is not set off.
    """
    if money.charge is None:
        return money
    owed, stays = owed_for(goods, costs, money.charge)
    gifts = sum(
        (
            min(
                max(issued.amounts.get(id, ZERO) - (costs.ceilings[id][1] - kept), ZERO),
                max(kept, ZERO),
            )
            for id, kept in stays.items()
        ),
        ZERO,
    )
    if not money.is_cancelled:
        charges = costs.charges
        for key, ceiling in costs.charge_ceilings.items():
            now = charges.get(key, ZERO)
            gifts += min(max(issued.charges.get(key, ZERO) - (ceiling - now), ZERO), max(now, ZERO))
    returned = sum(one.returned for one in goods.lines)
    fees = return_fees(signals, money.currency, money.payments) if returned else ZERO
    back = money.given_back + money.disputed
    highest = money.highest_charge
    overpaid = max(money.captured - highest - back, ZERO) if highest is not None else ZERO
    due = money.captured - back - max(owed - gifts, ZERO) - fees
    known = sum((one.settled for one in money.payments if not one.rate_assumed), ZERO)
    underpaid = max(money.charge - known, ZERO)
    if underpaid and (sent_back := value_sent_back(signals, goods, costs)):
        # An exchange: what is owed back for these pieces, and is not given back, pays for the others.
        rest = max(money.charge - sent_back - gifts, ZERO) + fees + back - known
        underpaid = min(underpaid, max(rest, ZERO))
    return structs.replace(
        money, overpaid=overpaid, refund_due=max(due - overpaid, ZERO), underpaid=underpaid
    )


def _simple_balance(
    charge: OrderCharge, captured: Decimal, payments: Sequence[PaymentMoney]
) -> dict[str, Any]:
    """The balance of an order without cancelled, missing, returned or refunded pieces."""
    if charge.now is None:
        return {}
    overpaid = max(captured - charge.highest, ZERO) if charge.highest is not None else ZERO
    known = sum([one.settled for one in payments if not one.rate_assumed], ZERO)
    return {
        "overpaid": overpaid,
        "refund_due": max(captured - charge.now - overpaid, ZERO),
        "underpaid": max(charge.now - known, ZERO),
    }
