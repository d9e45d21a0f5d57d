"""Facts about money: the charge, the payments, the refunds."""

import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.money import ZERO, Money
from domain.orders.fact_metadata import (
    SignalsByType,
    derived_from,
    first_event_time,
    growing,
    last_event_time,
    lasting,
)
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentStage,
    RefundIssued,
    RefundRequested,
)
from domain.orders.purchase_signals import OrderPlaced, PriceFlagged

_CURRENCY: Final = "charge.currency"
"""The fact that has the currency of these amounts."""
CAPTURE_NOTICE: Final = timedelta(hours=24)
"""A capture is due this long before its authorization expires."""


class ChargeFacts(Struct, frozen=True, gc=False):
    total: Annotated[Decimal | None, derived_from(OrderPlaced, currency=_CURRENCY)]
    """Price and freight of all lines; None while lines are missing."""
    currency: Annotated[str | None, derived_from(OrderPlaced)]
    below_usual_percent: Annotated[Decimal | None, growing(PriceFlagged)]
    """The most that a price was reported below the usual one."""


NO_DEVIATION: Final = Decimal("-Infinity")
_PAYMENT_FEEDS = (OrderPlaced, PaymentCaptured)


class PaymentFacts(Struct, frozen=True, gc=False):
    """Amounts are in the currency of the charge."""

    captured: Annotated[Decimal, growing(*_PAYMENT_FEEDS, currency=_CURRENCY)]
    """The sum of the captured payments."""
    received: Annotated[bool, lasting(PaymentCaptured)]
    """More than 0 was captured."""
    tenders_told: Annotated[bool, lasting(OrderPlaced)]
    """The checkout named the means of payment."""
    none_chosen: Annotated[bool, lasting(OrderPlaced)]
    """The checkout reported that no payment was chosen."""
    complete: Annotated[bool, lasting(*_PAYMENT_FEEDS)]
    """All lines are known, and each tender has a payment."""
    overpaid: Annotated[Decimal | None, growing(*_PAYMENT_FEEDS, currency=_CURRENCY)]
    """The amount paid above the charge, once complete."""
    underpaid: Annotated[Decimal | None, growing(*_PAYMENT_FEEDS, currency=_CURRENCY)]
    """The amount charged above the payments, once complete."""
    currency_conflict: Annotated[bool, lasting(*_PAYMENT_FEEDS)]
    """Charge and payments are in several currencies."""
    difference: Annotated[Decimal | None, derived_from(*_PAYMENT_FEEDS, currency=_CURRENCY)]
    """|captured − charge| now; None while the charge is not known."""
    capture_failed: Annotated[bool, lasting(PaymentFailed)]
    failed_at: Annotated[datetime | None, derived_from(PaymentFailed)]
    """When a payment last failed."""
    failure_open: Annotated[
        bool | None, derived_from(PaymentFailed, PaymentAuthorized, PaymentCaptured)
    ]
    """Nothing was authorized or captured since a payment last failed."""
    capture_due_at: Annotated[datetime | None, derived_from(PaymentAuthorized, PaymentCaptured)]
    """A day before the first uncaptured authorization expires."""


class RefundFacts(Struct, frozen=True, gc=False):
    issued: Annotated[Decimal, growing(RefundIssued, currency=_CURRENCY)]
    outstanding: Annotated[
        Decimal, derived_from(PaymentCaptured, RefundIssued, OrderPlaced, currency=_CURRENCY)
    ]
    """The amount captured and not refunded."""
    answered_at: Annotated[datetime | None, derived_from(RefundRequested, RefundIssued)]
    """When the first refund after a request was issued."""


def charge_of(order: OrderPlaced) -> Decimal:
    """The sum of price × quantity + freight over the lines of one signal."""
    return sum(
        (
            line.price.value * line.quantity + (line.freight.value if line.freight else ZERO)
            for line in order.lines
        ),
        ZERO,
    )


def currency_of(order: OrderPlaced) -> str | None:
    return order.lines[0].price.currency if order.lines else None


def charge_facts(signals: SignalsByType) -> ChargeFacts:
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    complete = next((p for p in placed if p.lines_complete), None)
    priced = [complete] if complete is not None and complete.lines else placed
    currency = next((c for p in priced if (c := currency_of(p))), None)
    shares = (_below_usual(flag) for flag in signals.get(PriceFlagged, []))
    return ChargeFacts(
        total=charge_of(complete) if complete else None,
        currency=currency,
        below_usual_percent=max((s for s in shares if s is not None), default=None),
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


def payment_facts(signals: SignalsByType, charge: ChargeFacts) -> PaymentFacts:
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    captured: list[PaymentCaptured] = signals.get(PaymentCaptured, [])
    failed_at = last_event_time(signals, PaymentFailed)
    payments = _amounts_by_payment(captured)
    currencies = {money.currency for readings in payments for money in readings}
    currencies.update(c for p in placed if (c := currency_of(p)))
    now = _sum_payments(payments, _main_currency(charge, captured))
    tenders = [len(p.tenders) for p in placed if p.tenders is not None]
    charges = [(charge_of(p), currency_of(p)) for p in placed if p.lines_complete]
    complete = bool(charges) and bool(tenders) and len(payments) >= min(tenders)
    overpaid = underpaid = None
    if complete:
        worst = [_largest_deviations(charges, payments, min(tenders), c) for c in currencies] or [
            (ZERO, ZERO)
        ]
        overpaid, underpaid = max(over for over, _ in worst), max(under for _, under in worst)
    return PaymentFacts(
        captured=max((_sum_payments(payments, c, max) for c in currencies), default=ZERO),
        received=any(capture.amount.value > 0 for capture in captured),
        tenders_told=bool(tenders),
        none_chosen=0 in tenders,
        complete=complete,
        overpaid=overpaid,
        underpaid=underpaid,
        currency_conflict=len(currencies) > 1,
        difference=None if charge.total is None else abs(now - charge.total),
        capture_failed=any(f.stage is PaymentStage.CAPTURE for f in signals.get(PaymentFailed, [])),
        failed_at=failed_at,
        failure_open=None if failed_at is None else not _is_secured_since(signals, failed_at),
        capture_due_at=_capture_due_at(signals.get(PaymentAuthorized, []), captured),
    )


def _is_secured_since(signals: SignalsByType, moment: datetime) -> bool:
    secured = (
        last_event_time(signals, PaymentAuthorized),
        last_event_time(signals, PaymentCaptured),
    )
    return any(at is not None and at >= moment for at in secured)


def _capture_due_at(
    authorized: list[PaymentAuthorized], captured: list[PaymentCaptured]
) -> datetime | None:
    """The last authorization of each payment counts. A capture without a payment id covers any."""
    captured_payments = {capture.payment for capture in captured}
    if None in captured_payments:
        return None
    newest = {a.payment: a.expires_at for a in authorized}
    waiting = [
        at
        for payment, at in newest.items()
        if at and not (payment in captured_payments or (payment is None and captured_payments))
    ]
    return min(waiting) - CAPTURE_NOTICE if waiting else None


def refund_facts(signals: SignalsByType, charge: ChargeFacts) -> RefundFacts:
    refunds: list[RefundIssued] = signals.get(RefundIssued, [])
    captured: list[PaymentCaptured] = signals.get(PaymentCaptured, [])
    requested_at = first_event_time(signals, RefundRequested)
    issued: dict[str, Decimal] = {}
    for refund in refunds:
        if refund.amount is None:
            continue
        currency = refund.amount.currency
        issued[currency] = issued.get(currency, ZERO) + refund.amount.value
    main = _main_currency(charge, captured)
    paid = _sum_payments(_amounts_by_payment(captured), main)
    return RefundFacts(
        issued=max(issued.values(), default=ZERO),
        outstanding=max(paid - issued.get(main or "", ZERO), ZERO),
        answered_at=next(
            (r.event_time for r in refunds if requested_at and r.event_time >= requested_at), None
        ),
    )


def _amounts_by_payment(captured: list[PaymentCaptured]) -> list[list[Money]]:
    """The reported amounts of each payment, earliest first."""
    readings: dict[str, list[Money]] = {}
    for capture in captured:
        readings.setdefault(capture.payment or capture.key, []).append(capture.amount)
    return list(readings.values())


def _main_currency(charge: ChargeFacts, captured: list[PaymentCaptured]) -> str | None:
    """The currency of the charge, else of the first payment: sums never mix currencies."""
    return charge.currency or (captured[0].amount.currency if captured else None)


def _sum_payments(
    payments: list[list[Money]],
    currency: str | None,
    choose: Callable[[list[Decimal]], Decimal] = operator.itemgetter(0),
) -> Decimal:
    """The sum of one reading of each payment in a currency; `choose` picks it, else the earliest."""
    total = ZERO
    for readings in payments:
        if values := [money.value for money in readings if money.currency == currency]:
            total += choose(values)
    return total


def _largest_deviations(
    charges: list[tuple[Decimal, str | None]],
    payments: list[list[Money]],
    expected: int,
    currency: str,
) -> tuple[Decimal, Decimal]:
    """The most that payments may be above and below the charge, in one currency.

    Above: the largest reading of each payment minus the smallest charge. Below: the reverse. For the
    least that was paid, only the `expected` smallest payments count, and a payment that also has a
    reading in another currency counts as 0. So more signals never make a deviation smaller.
    """
    totals = [total for total, charged_in in charges if charged_in in (currency, None)]
    if not totals:
        return NO_DEVIATION, NO_DEVIATION
    most = _sum_payments(payments, currency, max)
    smallest = [
        min(money.value for money in readings)
        if all(money.currency == currency for money in readings)
        else ZERO
        for readings in payments
    ]
    least = sum(sorted(smallest)[:expected], ZERO)
    return most - min(totals), max(totals) - least
