"""Facts: what follows from all that has been said of an order, whatever order it arrived in.

`facts_of` is a function of the *set* of signals: each statement is ranked by its event time and
identity, never by its arrival. A fact marked `LASTING`, `GROWING` or `ONCE_KNOWN` can only move one
way as more statements arrive. A detection rule may use only such facts, in that direction, which
is why the same signals open the same cases in whatever order they come.

Where sources contradict each other, a lasting fact takes the worst case over all the statements:
`payment.overpaid` compares the largest reading of the payments with the smallest of the charge.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from domain.money import ZERO, Money
from domain.orders.signals import (
    Delivered,
    HandedOver,
    OrderCancelled,
    OrderPlaced,
    PaymentAuthorized,
    PaymentCaptured,
    RefundIssued,
    Released,
    ReturnReceived,
    ReturnRequested,
    Signal,
    StockAllocated,
    StockUnavailable,
    in_time_order,
    time_zone,
)

LASTING: Final = "once true, it stays true"
GROWING: Final = "it can only grow"
ONCE_KNOWN: Final = "once known, it stays known"


def _moves(how: str, description: str = "", feeds: tuple[type[Struct], ...] = ()) -> Meta:
    return Meta(description=description, extra={"moves": how, "feeds": feeds})


def _from(*feeds: type[Struct]) -> Meta:
    return Meta(extra={"moves": "", "feeds": feeds})


class OrderFlags(Struct, frozen=True, gc=False):
    placed: Annotated[
        bool, _moves(LASTING, "The storefront has told of the order.", (OrderPlaced,))
    ]
    cancelled: Annotated[bool, _moves(LASTING, "A source cancelled it.", (OrderCancelled,))]
    unavailable: Annotated[
        bool, _moves(LASTING, "A source said that stock is not available.", (StockUnavailable,))
    ]
    handed_over: Annotated[bool, _moves(LASTING, "Handed to the carrier.", (HandedOver,))]


class CustomerFacts(Struct, frozen=True, gc=False):
    id: Annotated[str | None, _from(OrderPlaced)]
    tier: Annotated[str | None, _from(OrderPlaced)]


class PromiseFacts(Struct, frozen=True, gc=False):
    delivery_date: Annotated[date | None, _from(OrderPlaced)]
    delivery_day_ends: Annotated[datetime | None, _from(OrderPlaced)]
    """The first moment after the promised day, in the customer's time zone."""
    ship_by: Annotated[datetime | None, _from(OrderPlaced)]
    """The latest shipping limit of the lines."""


class Milestones(Struct, frozen=True, gc=False):
    """When each thing first happened, by event time."""

    placed_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (OrderPlaced,))]
    approved_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (PaymentAuthorized,))]
    paid_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (PaymentCaptured,))]
    allocated_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (StockAllocated,))]
    released_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (Released,))]
    handed_over_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (HandedOver,))]
    delivered_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (Delivered,))]
    cancelled_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (OrderCancelled,))]
    unavailable_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (StockUnavailable,))]
    return_requested_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (ReturnRequested,))]
    return_received_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (ReturnReceived,))]
    refunded_at: Annotated[datetime | None, _moves(ONCE_KNOWN, "", (RefundIssued,))]
    out_of_order: Annotated[
        bool,
        _moves(
            LASTING,
            "Some purchase, approval, hand-over or delivery is told later than one that follows it.",
            (OrderPlaced, PaymentAuthorized, HandedOver, Delivered),
        ),
    ]


class ChargeFacts(Struct, frozen=True, gc=False):
    total: Annotated[Decimal | None, _from(OrderPlaced)]
    """Price and freight of all lines; None while not all lines are known."""
    currency: Annotated[str | None, _from(OrderPlaced)]


NARROWEST: Final = Decimal("-Infinity")
_PAYMENT_FEEDS = (OrderPlaced, PaymentCaptured)


class PaymentFacts(Struct, frozen=True, gc=False):
    """Amounts are in the currency of the charge."""

    captured: Annotated[
        Decimal, _moves(GROWING, "The sum of the payments captured.", _PAYMENT_FEEDS)
    ]
    received: Annotated[
        bool, _moves(LASTING, "More than nothing was captured.", (PaymentCaptured,))
    ]
    tenders_told: Annotated[
        bool, _moves(LASTING, "The checkout told the means of payment.", (OrderPlaced,))
    ]
    none_chosen: Annotated[
        bool, _moves(LASTING, "The checkout told that no payment was chosen.", (OrderPlaced,))
    ]
    complete: Annotated[
        bool,
        _moves(LASTING, "All lines are known, and a payment for each tender came.", _PAYMENT_FEEDS),
    ]
    overpaid: Annotated[
        Decimal | None, _moves(GROWING, "Paid above the charge, once complete.", _PAYMENT_FEEDS)
    ]
    underpaid: Annotated[
        Decimal | None,
        _moves(GROWING, "Charged above the payments, once complete.", _PAYMENT_FEEDS),
    ]
    currency_conflict: Annotated[
        bool, _moves(LASTING, "Charge and payments are in several currencies.", _PAYMENT_FEEDS)
    ]
    difference: Annotated[Decimal | None, _from(*_PAYMENT_FEEDS)]
    """|captured − charge| as it stands now; None while the charge is not known."""


class RefundFacts(Struct, frozen=True, gc=False):
    issued: Annotated[Decimal, _moves(GROWING, "The sum of the refunds.", (RefundIssued,))]
    outstanding: Annotated[Decimal, _from(PaymentCaptured, RefundIssued, OrderPlaced)]
    """Captured and not refunded."""


class OrderFacts(Struct, frozen=True, gc=False):
    """Everything that a rule may read of an order; a path is `group.field`."""

    order: OrderFlags
    customer: CustomerFacts
    promise: PromiseFacts
    milestones: Milestones
    charge: ChargeFacts
    payment: PaymentFacts
    refund: RefundFacts


_Grouped = Mapping[type[Any], list[Any]]


def facts_of(signals: Iterable[Signal]) -> OrderFacts:
    """The facts that follow from a set of signals."""
    told: dict[type[Any], list[Any]] = {}
    for signal in sorted(signals, key=in_time_order):
        told.setdefault(type(signal), []).append(signal)
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    order = placed[0] if placed else None
    charge = _charge(placed)
    payment = _payment(placed, told.get(PaymentCaptured, []), charge)
    return OrderFacts(
        order=OrderFlags(
            placed=bool(placed),
            cancelled=OrderCancelled in told,
            unavailable=StockUnavailable in told,
            handed_over=HandedOver in told,
        ),
        customer=CustomerFacts(
            id=order.customer.id if order else None, tier=order.customer.tier if order else None
        ),
        promise=_promise(order),
        milestones=_milestones(told),
        charge=charge,
        payment=payment,
        refund=_refund(told.get(RefundIssued, []), told.get(PaymentCaptured, []), charge),
    )


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


def _charge(placed: list[OrderPlaced]) -> ChargeFacts:
    whole = next((p for p in placed if p.lines_complete), None)
    told = [whole] if whole is not None and whole.lines else placed
    currency = next((c for p in told if (c := currency_of(p))), None)
    return ChargeFacts(total=charge_of(whole) if whole else None, currency=currency)


def _payment(
    placed: list[OrderPlaced], captured: list[PaymentCaptured], charge: ChargeFacts
) -> PaymentFacts:
    payments = _readings(captured)
    currencies = {money.currency for told in payments for money in told}
    currencies.update(c for p in placed if (c := currency_of(p)))
    now = _sum(payments, _currency(charge, captured))
    tenders = [len(p.tenders) for p in placed if p.tenders is not None]
    charges = [(charge_of(p), currency_of(p)) for p in placed if p.lines_complete]
    complete = bool(charges) and bool(tenders) and len(payments) >= min(tenders)
    overpaid = underpaid = None
    if complete:
        worst = [_worst(charges, payments, min(tenders), c) for c in currencies] or [(ZERO, ZERO)]
        overpaid, underpaid = max(over for over, _ in worst), max(under for _, under in worst)
    return PaymentFacts(
        captured=max((_sum(payments, c, max) for c in currencies), default=ZERO),
        received=any(one.amount.value > 0 for one in captured),
        tenders_told=bool(tenders),
        none_chosen=0 in tenders,
        complete=complete,
        overpaid=overpaid,
        underpaid=underpaid,
        currency_conflict=len(currencies) > 1,
        difference=None if charge.total is None else abs(now - charge.total),
    )


def _refund(
    refunds: list[RefundIssued], captured: list[PaymentCaptured], charge: ChargeFacts
) -> RefundFacts:
    issued: dict[str, Decimal] = {}
    for refund in refunds:
        currency = refund.amount.currency
        issued[currency] = issued.get(currency, ZERO) + refund.amount.value
    main = _currency(charge, captured)
    paid = _sum(_readings(captured), main)
    return RefundFacts(
        issued=max(issued.values(), default=ZERO),
        outstanding=max(paid - issued.get(main or "", ZERO), ZERO),
    )


def _readings(captured: list[PaymentCaptured]) -> list[list[Money]]:
    """What was told of the amount of each payment, earliest first."""
    readings: dict[str, list[Money]] = {}
    for one in captured:
        readings.setdefault(one.payment or one.key, []).append(one.amount)
    return list(readings.values())


def _currency(charge: ChargeFacts, captured: list[PaymentCaptured]) -> str | None:
    """That of the charge, else of the first payment: sums never mix currencies."""
    return charge.currency or (captured[0].amount.currency if captured else None)


def _sum(
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


def _worst(
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
        return NARROWEST, NARROWEST
    most = _sum(payments, currency, max)
    smallest = [
        min(money.value for money in told)
        if all(money.currency == currency for money in told)
        else ZERO
        for told in payments
    ]
    least = sum(sorted(smallest)[:expected], ZERO)
    return most - min(totals), max(totals) - least


def _promise(order: OrderPlaced | None) -> PromiseFacts:
    if order is None:
        return PromiseFacts(delivery_date=None, delivery_day_ends=None, ship_by=None)
    promise = order.promise
    return PromiseFacts(
        delivery_date=promise.delivery_date if promise else None,
        delivery_day_ends=end_of_day(promise.delivery_date, promise.time_zone) if promise else None,
        ship_by=max((line.ship_by for line in order.lines if line.ship_by), default=None),
    )


def end_of_day(day: date, zone: str) -> datetime:
    """The first moment after a calendar day in a time zone, in UTC.

    Where daylight saving skips or repeats that midnight, the offset before the change counts
    (PEP 495, fold 0).
    """
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), time_zone(zone))
    return midnight.astimezone(UTC)


def _first(told: _Grouped, kind: type[Any]) -> datetime | None:
    group = told.get(kind)
    return group[0].event_time if group else None


def _milestones(told: _Grouped) -> Milestones:
    return Milestones(
        placed_at=_first(told, OrderPlaced),
        approved_at=_first(told, PaymentAuthorized),
        paid_at=_first(told, PaymentCaptured),
        allocated_at=_first(told, StockAllocated),
        released_at=_first(told, Released),
        handed_over_at=_first(told, HandedOver),
        delivered_at=_first(told, Delivered),
        cancelled_at=_first(told, OrderCancelled),
        unavailable_at=_first(told, StockUnavailable),
        return_requested_at=_first(told, ReturnRequested),
        return_received_at=_first(told, ReturnReceived),
        refunded_at=_first(told, RefundIssued),
        out_of_order=bool(disagreements(told)),
    )


def disagreements(told: _Grouped) -> list[tuple[Signal, Signal]]:
    """Pairs of statements (the one that should come first, the one that should follow) told the
    wrong way round. Shipments are compared with themselves, everything else with everything."""
    in_order = [told.get(k, []) for k in (OrderPlaced, PaymentAuthorized, HandedOver, Delivered)]
    found: list[tuple[Signal, Signal]] = []
    for n, before in enumerate(in_order):
        for after in in_order[n + 1 :]:
            if not before or not after or before[-1].event_time <= after[0].event_time:
                continue
            for late in before:
                for early in after:
                    if late.event_time > early.event_time and _same_shipment(late, early):
                        found.append((late, early))
    return found


def _same_shipment(one: Signal, other: Signal) -> bool:
    mine, theirs = getattr(one, "shipment", None), getattr(other, "shipment", None)
    return mine is None or theirs is None or mine == theirs
