"""Facts about money: the charge, the payments, the refunds."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.money import ZERO, Money
from domain.orders.fact_metadata import (
    GROWING,
    LASTING,
    SignalsByType,
    derived_from,
    fact_meta,
    first_event_time,
    last_event_time,
)
from domain.orders.signals import (
    OrderPlaced,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentStage,
    PriceFlagged,
    RefundIssued,
    RefundRequested,
)

CAPTURE_NOTICE: Final = timedelta(hours=24)
"""How long before an authorization expires its capture is due."""


class ChargeFacts(Struct, frozen=True, gc=False):
    total: Annotated[Decimal | None, derived_from(OrderPlaced)]
    """Price and freight of all lines; None while not all lines are known."""
    currency: Annotated[str | None, derived_from(OrderPlaced)]
    below_usual_percent: Annotated[
        Decimal | None,
        fact_meta(
            GROWING, "How far a price was told to be below the product's usual.", (PriceFlagged,)
        ),
    ]


NO_DEVIATION: Final = Decimal("-Infinity")
_PAYMENT_FEEDS = (OrderPlaced, PaymentCaptured)


class PaymentFacts(Struct, frozen=True, gc=False):
    """Amounts are in the currency of the charge."""

    captured: Annotated[
        Decimal, fact_meta(GROWING, "The sum of the payments captured.", _PAYMENT_FEEDS)
    ]
    received: Annotated[
        bool, fact_meta(LASTING, "More than nothing was captured.", (PaymentCaptured,))
    ]
    tenders_told: Annotated[
        bool, fact_meta(LASTING, "The checkout told the means of payment.", (OrderPlaced,))
    ]
    none_chosen: Annotated[
        bool, fact_meta(LASTING, "The checkout told that no payment was chosen.", (OrderPlaced,))
    ]
    complete: Annotated[
        bool,
        fact_meta(
            LASTING, "All lines are known, and a payment for each tender came.", _PAYMENT_FEEDS
        ),
    ]
    overpaid: Annotated[
        Decimal | None, fact_meta(GROWING, "Paid above the charge, once complete.", _PAYMENT_FEEDS)
    ]
    underpaid: Annotated[
        Decimal | None,
        fact_meta(GROWING, "Charged above the payments, once complete.", _PAYMENT_FEEDS),
    ]
    currency_conflict: Annotated[
        bool, fact_meta(LASTING, "Charge and payments are in several currencies.", _PAYMENT_FEEDS)
    ]
    difference: Annotated[Decimal | None, derived_from(*_PAYMENT_FEEDS)]
    """|captured − charge| as it stands now; None while the charge is not known."""
    capture_failed: Annotated[bool, fact_meta(LASTING, "A capture failed.", (PaymentFailed,))]
    failed_at: Annotated[datetime | None, derived_from(PaymentFailed)]
    """When a payment last failed."""
    failure_open: Annotated[
        bool | None, derived_from(PaymentFailed, PaymentAuthorized, PaymentCaptured)
    ]
    """Nothing was authorized or captured since a payment last failed."""
    capture_due_at: Annotated[datetime | None, derived_from(PaymentAuthorized, PaymentCaptured)]
    """A day before the first authorization expires that is not captured."""


class RefundFacts(Struct, frozen=True, gc=False):
    issued: Annotated[Decimal, fact_meta(GROWING, "The sum of the refunds.", (RefundIssued,))]
    outstanding: Annotated[Decimal, derived_from(PaymentCaptured, RefundIssued, OrderPlaced)]
    """Captured and not refunded."""
    answered_at: Annotated[datetime | None, derived_from(RefundRequested, RefundIssued)]
    """The first refund since one was requested."""


def charge_of(order: OrderPlaced) -> Decimal:
    """Price × quantity + freight over the lines of one statement."""
    return sum(
        (
            line.price.value * line.quantity + (line.freight.value if line.freight else ZERO)
            for line in order.lines
        ),
        ZERO,
    )


def currency_of(order: OrderPlaced) -> str | None:
    return order.lines[0].price.currency if order.lines else None


def charge_facts(told: SignalsByType) -> ChargeFacts:
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    whole = next((p for p in placed if p.lines_complete), None)
    telling = [whole] if whole is not None and whole.lines else placed
    currency = next((c for p in telling if (c := currency_of(p))), None)
    shares = (_below_usual(flag) for flag in told.get(PriceFlagged, []))
    return ChargeFacts(
        total=charge_of(whole) if whole else None,
        currency=currency,
        below_usual_percent=max((s for s in shares if s is not None), default=None),
    )


def _below_usual(flag: PriceFlagged) -> Decimal | None:
    """By how many hundredths the price is below the usual one, in full ones; negative if above."""
    usual = flag.usual_price
    if usual.currency != flag.price.currency or not usual.value:
        return None
    share = (usual.value - flag.price.value) * 100 / usual.value
    return share.quantize(Decimal(1), rounding=ROUND_DOWN)


def payment_facts(told: SignalsByType, charge: ChargeFacts) -> PaymentFacts:
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    captured: list[PaymentCaptured] = told.get(PaymentCaptured, [])
    failed_at = last_event_time(told, PaymentFailed)
    payments = _amounts_by_payment(captured)
    currencies = {money.currency for told in payments for money in told}
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
        received=any(one.amount.value > 0 for one in captured),
        tenders_told=bool(tenders),
        none_chosen=0 in tenders,
        complete=complete,
        overpaid=overpaid,
        underpaid=underpaid,
        currency_conflict=len(currencies) > 1,
        difference=None if charge.total is None else abs(now - charge.total),
        capture_failed=any(f.stage is PaymentStage.CAPTURE for f in told.get(PaymentFailed, [])),
        failed_at=failed_at,
        failure_open=None if failed_at is None else not _is_secured_since(told, failed_at),
        capture_due_at=_capture_due_at(told.get(PaymentAuthorized, []), captured),
    )


def _is_secured_since(told: SignalsByType, moment: datetime) -> bool:
    secured = (last_event_time(told, PaymentAuthorized), last_event_time(told, PaymentCaptured))
    return any(at is not None and at >= moment for at in secured)


def _capture_due_at(
    authorized: list[PaymentAuthorized], captured: list[PaymentCaptured]
) -> datetime | None:
    """For each payment its last authorization counts. A capture that names no payment is of any."""
    taken = {one.payment for one in captured}
    if None in taken:
        return None
    newest = {one.payment: one.expires_at for one in authorized}
    waiting = [
        at
        for payment, at in newest.items()
        if at and not (payment in taken or (payment is None and taken))
    ]
    return min(waiting) - CAPTURE_NOTICE if waiting else None


def refund_facts(told: SignalsByType, charge: ChargeFacts) -> RefundFacts:
    refunds: list[RefundIssued] = told.get(RefundIssued, [])
    captured: list[PaymentCaptured] = told.get(PaymentCaptured, [])
    requested_at = first_event_time(told, RefundRequested)
    issued: dict[str, Decimal] = {}
    for refund in refunds:
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
    """What was told of the amount of each payment, earliest first."""
    readings: dict[str, list[Money]] = {}
    for one in captured:
        readings.setdefault(one.payment or one.key, []).append(one.amount)
    return list(readings.values())


def _main_currency(charge: ChargeFacts, captured: list[PaymentCaptured]) -> str | None:
    """That of the charge, else of the first payment: sums never mix currencies."""
    return charge.currency or (captured[0].amount.currency if captured else None)


def _sum_payments(
    payments: list[list[Money]],
    currency: str | None,
    choose: Callable[[list[Decimal]], Decimal] = operator.itemgetter(0),
) -> Decimal:
    """The sum over the payments of one reading of each, as a rule the earliest, in a currency."""
    total = ZERO
    for told in payments:
        if values := [money.value for money in told if money.currency == currency]:
            total += choose(values)
    return total


def _largest_deviations(
    charges: list[tuple[Decimal, str | None]],
    payments: list[list[Money]],
    expected: int,
    currency: str,
) -> tuple[Decimal, Decimal]:
    """How far above and below the charge the payments may be in one currency: the largest reading
    of each against the smallest charge, and the other way round.

    Only the `expected` smallest payments count towards the least that was paid, and one that was
    also told in another currency counts as nothing: so more statements never narrow the gap.
    """
    totals = [total for total, told in charges if told in (currency, None)]
    if not totals:
        return NO_DEVIATION, NO_DEVIATION
    most = _sum_payments(payments, currency, max)
    smallest = [
        min(money.value for money in told)
        if all(money.currency == currency for money in told)
        else ZERO
        for told in payments
    ]
    least = sum(sorted(smallest)[:expected], ZERO)
    return most - min(totals), max(totals) - least
