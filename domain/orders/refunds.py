"""The refunds of an order: their amounts in each currency, their lines and charges, and what is too much."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import structs

from domain.money import ZERO, Money, round_money, smallest_unit
from domain.orders.charges import Costs
from domain.orders.exchange import in_order, in_payment
from domain.orders.fact_metadata import SignalsByType
from domain.orders.line_limits import LineLimits
from domain.orders.money_structs import PaymentMoney, RefundMoney, RefundState
from domain.orders.notices import Notice
from domain.orders.payment_signals import RefundedCharge, RefundedPieces, RefundRequested
from domain.orders.refund_shares import Given, Shares, Statement, share_refund
from domain.orders.refund_statements import StatedRefund, stated_refunds

_ORDER: Final = (RefundState.ISSUED, RefundState.REQUESTED, RefundState.FAILED)


def refunds_of(
    signals: SignalsByType,
    payments: Mapping[str, PaymentMoney],
    only_payment: str | None,
    limits: LineLimits,
    currency: str | None,
    notices: list[Notice],
) -> list[RefundMoney]:
    """The refunds: issued, requested, failed, each by the time at which they became so."""
    stated = stated_refunds(signals, only_payment, payments, currency, limits.costs)
    if not stated:
        return []
    stated.sort(key=lambda one: (_ORDER.index(one.state), one.at, one.id))
    so_far = Given({}, {}, {})
    rates = _rates_of(payments.values())
    captured = _captured_in_all(payments.values())
    found: list[RefundMoney] = []
    for one in stated:
        payment = payments.get(one.payment or "")
        refund, shares = _refund(one, payment, limits.costs, currency, so_far, rates)
        notices += _notices(one, refund, payment, payments, currency)
        notices += shares.notices
        if refund.state is not RefundState.FAILED:
            so_far.add(shares)
        if refund.state is RefundState.ISSUED:
            reason = _too_much(refund, found, payment, captured, so_far, limits)
            refund = structs.replace(refund, too_much=reason)
        found.append(refund)
    return found


def _rates_of(payments: Iterable[PaymentMoney]) -> dict[str, Decimal]:
    """By currency: the rate of all captures in it, for refunds that name no payment."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for one in payments:
        if one.captured and one.currency is not None and one.rate is not None:
            settled, captured = sums.get(one.currency, (ZERO, ZERO))
            sums[one.currency] = settled + one.settled, captured + one.captured
    return {currency: settled / captured for currency, (settled, captured) in sums.items()}


def _captured_in_all(payments: Iterable[PaymentMoney]) -> Decimal | None:
    """What was captured, for refunds that name none of several payments; None if it is not known."""
    paid = [one for one in payments if one.captures]
    if len(paid) < 2 or any(one.rate is None or one.rate_assumed for one in paid):
        return None
    return sum((one.settled for one in paid), ZERO)


def _refund(
    one: StatedRefund,
    payment: PaymentMoney | None,
    costs: Costs,
    currency: str | None,
    so_far: Given,
    known_rates: Mapping[str, Decimal],
) -> tuple[RefundMoney, Shares]:
    own = one.currency or currency
    settles: Money | None = one.last("settles")
    settled = in_order(one.value, own, settles, payment, currency)
    rates = dict(known_rates)
    if payment is not None and payment.currency is not None and payment.rate is not None:
        rates[payment.currency] = payment.rate
    if own is not None and own != currency:
        if settled is None and one.value is not None and own in rates:
            settled = round_money(one.value * rates[own], currency)
        if one.value and settled is not None:
            rates[own] = settled / one.value
    lines: Sequence[RefundedPieces] = one.last("lines") or ()
    charges: Sequence[RefundedCharge] = one.last("charges") or ()
    parts = [*(one.amount for one in lines), *(one.amount for one in charges)]
    mine = [part.value for part in parts if part is not None and part.currency == own]
    shares = share_refund(
        Statement(
            key=one.statements[-1].key,
            amount=settled if one.value is not None else None,
            lines=lines,
            charges=charges,
            rates=rates,
            is_whole=own != currency and len(mine) == len(parts) and sum(mine, ZERO) == one.value,
            is_given=one.state is not RefundState.FAILED,
        ),
        costs,
        so_far,
    )
    if one.value is None:
        settled = shares.total
    amount = one.value if one.value is not None else shares.total
    refund = RefundMoney(
        id=one.id,
        state=one.state,
        amount=amount,
        currency=own,
        at=one.at,
        requested_at=next(
            (s.event_time for s in one.statements if isinstance(s, RefundRequested)), None
        ),
        payment=one.payment,
        tender=one.last("tender"),
        lines=shares.lines,
        charges=shares.charges,
        sources=tuple(s.key for s in one.statements),
        assumed=one.assumed,
        of_payment=in_payment(amount, own, settles, payment, currency),
        settled=settled,
    )
    return refund, shares


def _too_much(
    refund: RefundMoney,
    earlier: Iterable[RefundMoney],
    payment: PaymentMoney | None,
    captured: Decimal | None,
    so_far: Given,
    limits: LineLimits,
) -> str | None:
    """Why an issued refund is too much with those before it; None if it is not."""
    issued = [one for one in earlier if one.state is RefundState.ISSUED]
    of_payment = [one for one in issued if one.payment == refund.payment]
    reason = None
    if payment is not None:
        whole = refund.of_payment + sum((one.of_payment for one in of_payment), ZERO)
        reason = "more_than_captured" if whole > payment.captured else None
    elif captured is not None and refund.payment is None:
        whole = sum((one.settled or ZERO for one in (refund, *issued)), ZERO)
        least = smallest_unit(limits.costs.content.currency)  # amounts are rounded
        reason = "more_than_captured" if whole > captured + least else None
    if reason is None and not limits.exceeded(so_far).isdisjoint(refund.lines):
        reason = "more_than_line"
    costs = limits.costs
    reason = reason or next(
        ("more_than_charge" for key in refund.charges if is_charge_exceeded(key, so_far, costs)),
        None,
    )
    if reason is not None and any(
        (one.of_payment, one.lines, one.charges)
        == (refund.of_payment, refund.lines, refund.charges)
        for one in of_payment
    ):
        return "twice"
    return reason


def is_charge_exceeded(key: str, so_far: Given, costs: Costs) -> bool:
    """Whether more was given for a charge than it cost at most."""
    cost = costs.charge_ceilings.get(key)
    return cost is not None and so_far.charges.get(key, ZERO) > cost


def _notices(
    one: StatedRefund,
    refund: RefundMoney,
    payment: PaymentMoney | None,
    payments: Mapping[str, PaymentMoney],
    currency: str | None,
) -> Sequence[Notice]:
    found: list[Notice] = []
    key = one.statements[-1].key

    def add(pointer: str, detail: str) -> None:
        found.append(Notice(signal=key, pointer=pointer, detail=detail))

    if one.payment is not None and payment is None:
        found.append(Notice.unknown_payment(key, one.payment, payments))
    currencies = {currency, payment.currency if payment is not None else currency}
    if None not in currencies and refund.settled is None and refund.currency not in currencies:
        add(
            "/amount/currency",
            f"neither the order nor the payment is in {refund.currency}. State the refund in "
            f"{' or '.join(sorted(c for c in currencies if c))}, or give `settles`",
        )
    if one.value is None and not refund.amount and (one.last("lines") or one.last("charges")):
        add(
            "/amount",
            "nobody told the amount, and the value of what was refunded is not known: it counts as 0 until "
            "it is. Give `amount`",
        )
    if payment is not None and payment.captures and refund.of_payment > payment.captured:
        add(
            "/amount",
            f"{refund.of_payment} {payment.currency} is more than the {payment.captured} that was "
            f"captured of payment {payment.id}. Ask the provider, and replace the statement if it is wrong",
        )
    if one.assumed:
        add(
            "/refund",
            f"taken to mean the same refund as {one.statements[0].key}: the amounts are equal and within "
            "a day. Give `refund`, the provider's id, to tell them apart",
        )
    return found
