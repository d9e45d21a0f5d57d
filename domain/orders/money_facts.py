"""Facts about the money of an order: the charge, the payments, the refunds.

They read the ledger (`money_ledger.py`). Amounts are in the currency of the charge.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.money import ZERO
from domain.orders.authorizations import PAYMENT_SIGNALS, last_failure, statements_by_time
from domain.orders.disputes import DISPUTE_SIGNALS
from domain.orders.fact_metadata import SignalsByType, derived_from, first_event_time
from domain.orders.goods import Goods
from domain.orders.goods_parts import CONTENT_FEEDS, GOODS_FEEDS
from domain.orders.missing_payments import (
    CASH_ON_DELIVERY,
    invoice_due_at,
    is_above_all_charges,
    may_come_later,
    missing_amount,
    missing_since,
)
from domain.orders.money_ledger import MONEY_FEEDS
from domain.orders.money_structs import OrderMoney, PaymentMoney
from domain.orders.payment_signals import (
    DisputeClosed,
    PaymentCaptured,
    PaymentFailed,
    PaymentStage,
    RefundFailed,
    RefundIssued,
    RefundRequested,
)
from domain.orders.payments import is_complete, tenders_of
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.refund_statements import REFUND_SIGNALS
from domain.orders.return_money import fees_lowered_at
from domain.orders.return_parts import RETURN_SIGNALS
from domain.orders.return_signals import ReturnReceived
from domain.orders.stock_signals import StockUnavailable

CAPTURE_NOTICE: Final = timedelta(hours=24)
"""A capture is due this long before its authorization expires."""
ORDER_SIGNALS: Final = (OrderPlaced, OrderEdited)
MONEY_SIGNALS: Final = (*GOODS_FEEDS, *MONEY_FEEDS)
_PAID: Final = (*ORDER_SIGNALS, *PAYMENT_SIGNALS)
_CURRENCY: Final = "charge.currency"
_order = derived_from(*ORDER_SIGNALS)
_paid = derived_from(*_PAID)
_paid_amount = derived_from(*_PAID, currency=_CURRENCY, through=(RefundIssued,))
_refund = derived_from(*ORDER_SIGNALS, *REFUND_SIGNALS, currency=_CURRENCY, through=MONEY_SIGNALS)
_dispute = derived_from(*DISPUTE_SIGNALS, currency=_CURRENCY, through=MONEY_SIGNALS)
_left = derived_from(*MONEY_FEEDS, currency=_CURRENCY, through=MONEY_SIGNALS)
_balance = derived_from(
    *CONTENT_FEEDS, *MONEY_FEEDS, currency=_CURRENCY, through=(*MONEY_SIGNALS, *RETURN_SIGNALS)
)
_cancelled = derived_from(*CONTENT_FEEDS, *PAYMENT_SIGNALS, through=GOODS_FEEDS)


class PaymentFacts(Struct, frozen=True, gc=False):
    """Amounts are in the currency of the charge."""

    captured: Annotated[Decimal, _paid_amount]
    """The sum of the captures."""
    received: Annotated[bool, _paid]
    """More than 0 was captured."""
    tenders_told: Annotated[bool, _order]
    """The checkout named the means of payment."""
    none_chosen: Annotated[bool, _cancelled]
    """The checkout reported that no payment was chosen, and the order is not free."""
    complete: Annotated[bool, _paid]
    """All lines are known, and each tender has a payment that is fully captured; or more was captured than
    it ever cost."""
    overpaid: Annotated[Decimal | None, _balance]
    """The amount captured above all that was ever charged, and not given back; once complete."""
    underpaid: Annotated[Decimal | None, _balance]
    """The amount charged above the payments and what may still be captured, once complete. 0 on invoice and in
    cash on delivery, while each parcel is captured by itself, and for what an edit added since the last
    capture: `missing_since` says when that is due."""
    currency_conflict: Annotated[bool, _paid]
    """Charge and payments are in several currencies, and no payment says what it settles."""
    difference: Annotated[Decimal | None, _balance]
    """What is overpaid or underpaid now, without what may still be captured; None while the charge is not known."""
    capture_failed: Annotated[bool, derived_from(PaymentFailed)]
    """A capture failed; it stays so after a later one."""
    failed_at: Annotated[datetime | None, derived_from(*PAYMENT_SIGNALS)]
    """When the last failure was first stated; the same failure again does not move it."""
    failure_open: Annotated[bool | None, derived_from(*PAYMENT_SIGNALS)]
    """Nothing was authorized or captured since a payment last failed."""
    capture_due_at: Annotated[datetime | None, _paid]
    """A day before the first uncaptured authorization expires."""
    disputed: Annotated[Decimal, _dispute] = ZERO
    """The amount of disputes that are open or lost."""
    left: Annotated[Decimal, _left] = ZERO
    """Captured, and neither refunded nor to be refunded nor disputed."""
    invoice_due_at: Annotated[datetime | None, _order] = None
    """When an order on invoice is to be paid."""
    open_authorization: Annotated[Decimal, _paid_amount] = ZERO
    """Authorized, and neither captured nor voided, expired or final."""
    on_delivery: Annotated[bool, _order] = False
    """All of it is paid in cash on delivery."""
    authorization_expires_at: Annotated[datetime | None, _paid] = None
    """When the first open authorization expires."""
    to_void_since: Annotated[datetime | None, _cancelled] = None
    """Since when an authorization of a cancelled order is open: the later of both."""
    voids_open: Annotated[bool, _cancelled] = False
    """The order was cancelled, and an authorization of it is open."""
    missing: Annotated[Decimal | None, _balance] = None
    """Charged, and neither captured nor set off against what came back; None while the charge is not known."""
    missing_since: Annotated[
        datetime | None,
        derived_from(*CONTENT_FEEDS, *MONEY_FEEDS, *RETURN_SIGNALS, through=GOODS_FEEDS),
    ] = None
    """Since when a further payment is missing: the purchase, or the last edit of what it costs; the delivery in
    cash on delivery, or if an authorization for it ended; the last hand-over, if each parcel is captured by
    itself. Unknown on invoice, and while nothing was captured."""


class RefundFacts(Struct, frozen=True, gc=False):
    issued: Annotated[Decimal, _refund]
    """The sum of the refunds that were issued and did not fail."""
    outstanding: Annotated[Decimal, _left]
    """The amount captured, and neither refunded nor disputed."""
    answered_at: Annotated[datetime | None, derived_from(RefundRequested, RefundIssued)]
    """When the first refund after a request was issued."""
    due: Annotated[
        Decimal,
        derived_from(
            *CONTENT_FEEDS,
            *MONEY_FEEDS,
            StockUnavailable,
            *RETURN_SIGNALS,
            currency=_CURRENCY,
            through=GOODS_FEEDS,
        ),
    ] = ZERO
    """Captured for what was cancelled, edited out, unavailable or returned, and not given back."""
    requested_open: Annotated[Decimal, _refund] = ZERO
    """The amount of refunds that were requested and not issued."""
    due_since: Annotated[datetime | None, derived_from(*MONEY_SIGNALS, *RETURN_SIGNALS)] = None
    """When the last thing happened that made it due: an edit, a cancellation, missing stock, a return
    or less fees for it, a parcel that came back, a failed refund, the end of a dispute or the capture
    itself. Unknown while nothing is due."""


class DisputeFacts(Struct, frozen=True, gc=False):
    """The disputes of the order; an inquiry is one, too."""

    open: Annotated[bool, derived_from(*DISPUTE_SIGNALS)] = False
    """A dispute is open, an inquiry too."""
    respond_by: Annotated[datetime | None, derived_from(*DISPUTE_SIGNALS)] = None
    """The first time by which an open dispute must be answered."""


def payment_facts(signals: SignalsByType, money: OrderMoney, goods: Goods) -> PaymentFacts:
    tenders = tenders_of(signals, goods.content)
    failure = None
    if PaymentFailed in signals:
        failure = last_failure(statements_by_time(signals, PAYMENT_SIGNALS))
    open_ones = [one for one in money.payments if one.is_open]
    complete = is_complete(signals, money.payments, goods.content) or (
        tenders is not None and is_above_all_charges(money)
    )
    due_at = invoice_due_at(goods.content.current)
    to_void = _to_void_since(open_ones, money, goods)
    waiting = _sum(one.open_authorization * (one.rate or 1) for one in open_ones)
    known = money.charge is not None
    left = money.captured - money.given_back - money.disputed
    # What may still be captured of an authorization of an unknown amount may be all of it. An invoice
    # may be paid in parts: until it is due, nothing of it is missing, and then it is overdue.
    is_unknown = any(one.is_amount_unknown for one in open_ones)
    underpaid = ZERO if is_unknown or due_at else max(money.underpaid - waiting, ZERO)
    since = None
    if comes_later := may_come_later(money, goods, tenders or ()):
        since = missing_since(money, goods, tenders or (), waiting)
        underpaid = underpaid if since is not None else ZERO
    elif tenders is not None and not complete:
        since = missing_since(money, goods, tenders, waiting)
    expiries = [one.expires_at for one in open_ones if one.expires_at is not None]
    return PaymentFacts(
        captured=max([money.captured, *_unrated(money, lambda one: one.captured)]),
        received=any(one.captured > 0 for one in money.payments),
        tenders_told=tenders is not None,
        none_chosen=tenders == () and money.charge_before_cancellation != 0,
        complete=complete,
        overpaid=_overpaid(money) if complete and known else None,
        underpaid=_underpaid(money, ZERO if comes_later else underpaid)
        if complete and known
        else None,
        currency_conflict=_has_conflict(signals, money),
        difference=max(money.overpaid, underpaid) if known else None,
        capture_failed=any(f.stage is PaymentStage.CAPTURE for f in signals.get(PaymentFailed, [])),
        failed_at=failure.at if failure is not None else None,
        failure_open=failure.is_open if failure is not None else None,
        capture_due_at=min(expiries) - CAPTURE_NOTICE if expiries else None,
        disputed=money.disputed,
        left=left - min(money.reserved, max(left, ZERO)),
        invoice_due_at=due_at,
        open_authorization=waiting,
        on_delivery=bool(tenders) and all(one == CASH_ON_DELIVERY for one in tenders or ()),
        authorization_expires_at=min(expiries, default=None),
        to_void_since=to_void,
        voids_open=to_void is not None,
        missing=missing_amount(money),
        missing_since=since,
    )


def _unrated(money: OrderMoney, amount: Callable[[PaymentMoney], Decimal]) -> list[Decimal]:
    """The sums of the payments without a known rate, one for each currency."""
    sums: dict[str | None, Decimal] = {}
    for one in money.payments:
        if one.rate is None or one.rate_assumed:
            sums[one.currency] = sums.get(one.currency, ZERO) + amount(one)
    return [*sums.values()]


def _has_conflict(signals: SignalsByType, money: OrderMoney) -> bool:
    if any(one.captures and (one.rate is None or one.rate_assumed) for one in money.payments):
        return True
    rated = {one.currency for one in money.payments}
    captured = {capture.amount.currency for capture in signals.get(PaymentCaptured, ())}
    return not captured <= {*rated, money.currency}


def _overpaid(money: OrderMoney) -> Decimal:
    """What is overpaid; negative where less was captured than charged."""
    return money.overpaid or min(money.captured - (money.highest_charge or ZERO), ZERO)


def _underpaid(money: OrderMoney, underpaid: Decimal) -> Decimal:
    """What is underpaid; negative where more was captured than charged."""
    before = money.charge_before_cancellation or ZERO
    return underpaid or min(before - money.captured, ZERO)


def _to_void_since(
    payments: Iterable[PaymentMoney], money: OrderMoney, goods: Goods
) -> datetime | None:
    cancelled_at = goods.cancelled_at
    if cancelled_at is None or not money.is_cancelled:
        return None
    found = [max(cancelled_at, one.authorized_at) for one in payments if one.authorized_at]
    return min(found, default=None)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def refund_facts(signals: SignalsByType, money: OrderMoney, goods: Goods) -> RefundFacts:
    refunds: list[RefundIssued] = signals.get(RefundIssued, [])
    requested_at = first_event_time(signals, RefundRequested)
    return RefundFacts(
        issued=max([money.given_back, *_unrated(money, lambda one: one.given_back)]),
        outstanding=max(money.captured - money.given_back - money.disputed, ZERO),
        answered_at=next(
            (r.event_time for r in refunds if requested_at and r.event_time >= requested_at), None
        ),
        due=money.refund_due,
        requested_open=money.reserved,
        due_since=_due_since(signals, money, goods),
    )


def dispute_facts(money: OrderMoney) -> DisputeFacts:
    open_ones = [one for one in money.disputes if one.is_open]
    times = [one.respond_by for one in open_ones if one.respond_by is not None]
    return DisputeFacts(open=bool(open_ones), respond_by=min(times, default=None))


def _due_since(signals: SignalsByType, money: OrderMoney, goods: Goods) -> datetime | None:
    if money.refund_due <= 0:
        return None
    kinds = (*(StockUnavailable, ReturnReceived), *(RefundFailed, PaymentCaptured, DisputeClosed))
    times = [s.event_time for kind in kinds for s in signals.get(kind, ())]
    times += fees_lowered_at(signals)
    ends = [
        goods.content.priced_at,
        goods.cancelled_at,
        *(line.cancelled_at for line in goods.lines),
    ]
    ends += [parcel.back_at for parcel in goods.outbound]
    return max([*times, *(at for at in ends if at is not None)], default=None)
