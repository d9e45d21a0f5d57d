"""Builders of signals, and strategies for signals that contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st

from domain.money import PositiveMoney
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentStage,
    RefundIssued,
)
from domain.orders.purchase_signals import Customer, Line, OrderCancelled, OrderPlaced
from domain.orders.return_signals import ReturnReceived, ReturnRequested
from domain.orders.scan_status import ScanStatus
from domain.orders.screening_signals import (
    AddressChecked,
    AddressVerdict,
    FraudScreened,
    FraudVerdict,
)
from domain.orders.shipment_signals import Delivered, DeliveryFailed, HandedOver, Scanned
from domain.orders.signal_body import Promise, SignalRetracted
from domain.orders.signals import Signal
from domain.orders.stock_signals import Released, StockAllocated, StockUnavailable
from tests.domain.rare_signals import INCIDENTS, RARE, SAME_FEW, SOME_SKUS, rare

ORDER = "o-1"
NOON = datetime(2018, 1, 10, 12, tzinfo=UTC)
"""When the stories begin: a Wednesday."""
LAST_DAY = date(2018, 1, 20)
"""The promised day; it ends 252 hours after noon (UTC)."""
WEEK_BEFORE, WEEK_AFTER = date(2018, 1, 13), date(2018, 1, 27)

# The same examples every time, so that only a code change makes a test fail.
BOUNDED_SETTINGS = settings(max_examples=120, derandomize=True, deadline=None, database=None)


def after(hours: float = 0, **more: float) -> datetime:
    return NOON + timedelta(hours=hours, **more)


def money(amount: str, currency: str = "BRL") -> PositiveMoney:
    return PositiveMoney(amount, currency)


def line(price: str = "100.00", currency: str = "BRL", **more: Any) -> Line:
    return Line(sku="kettle", price=money(price, currency), **more)


def signal_fields(hours: float, id: str, **more: Any) -> dict[str, Any]:
    return {"source": "test", "order": ORDER, "id": id, "event_time": after(hours), **more}


def placed(hours: float = 0, id: str = "placed", **more: Any) -> OrderPlaced:
    more = {"customer": Customer(id="c-1"), "lines": (line(),), "tenders": ("card",), **more}
    return OrderPlaced(**signal_fields(hours, id, **more))


def promising(
    day: date = LAST_DAY, zone: str = "UTC", at: float = 0, id: str = "placed", **more: Any
) -> OrderPlaced:
    return placed(at, id, promise=Promise(delivery_date=day, time_zone=zone), **more)


def shipping_by(hours: float, at: float = 0, id: str = "placed", **more: Any) -> OrderPlaced:
    return placed(at, id, lines=(line(ship_by=after(hours)),), **more)


def approved(hours: float = 1, id: str = "approved", **more: Any) -> PaymentAuthorized:
    return PaymentAuthorized(**signal_fields(hours, id, **more))


def captured(
    hours: float = 1,
    amount: str = "100.00",
    currency: str = "BRL",
    id: str = "captured",
    **more: Any,
) -> PaymentCaptured:
    return PaymentCaptured(amount=money(amount, currency), **signal_fields(hours, id, **more))


def allocated(hours: float = 2, id: str = "allocated", **more: Any) -> StockAllocated:
    return StockAllocated(**signal_fields(hours, id, **more))


def unavailable(hours: float = 2, id: str = "unavailable", **more: Any) -> StockUnavailable:
    return StockUnavailable(**signal_fields(hours, id, **more))


def handed_over(hours: float = 20, id: str = "handed-over", **more: Any) -> HandedOver:
    return HandedOver(**signal_fields(hours, id, **more))


def delivered(hours: float = 60, id: str = "delivered", **more: Any) -> Delivered:
    return Delivered(**signal_fields(hours, id, **more))


def released(hours: float = 6, id: str = "released", **more: Any) -> Released:
    return Released(**signal_fields(hours, id, **more))


def cancelled(hours: float = 3, id: str = "cancelled", **more: Any) -> OrderCancelled:
    return OrderCancelled(**signal_fields(hours, id, **more))


def scanned(hours: float = 21, id: str = "scanned", **more: Any) -> Scanned:
    return Scanned(status=ScanStatus.IN_TRANSIT, **signal_fields(hours, id, **more))


def returned(hours: float = 90, id: str = "returned", **more: Any) -> ReturnReceived:
    return ReturnReceived(**signal_fields(hours, id, **more))


def taken_back(hours: float, of: str, id: str = "taken-back", **more: Any) -> SignalRetracted:
    return SignalRetracted(of=of, **signal_fields(hours, id, **more))


def refunded(
    hours: float = 5,
    amount: str = "100.00",
    currency: str = "BRL",
    id: str = "refunded",
    **more: Any,
) -> RefundIssued:
    return RefundIssued(amount=money(amount, currency), **signal_fields(hours, id, **more))


CURRENCIES = st.sampled_from(["BRL", "BRL", "BRL", "USD", "JPY"])
# Few amounts, so that they are often equal.
AMOUNTS = st.sampled_from(["0", "1", "40", "60", "100", "101"])


@st.composite
def monies(draw: st.DrawFn) -> PositiveMoney:
    return PositiveMoney(draw(AMOUNTS), draw(CURRENCIES))


@st.composite
def order_lines(draw: st.DrawFn, ship_by: Sequence[float]) -> tuple[Line, ...]:
    currency = draw(CURRENCIES)
    limits = st.sampled_from([None, *(after(hours) for hours in ship_by)])
    amounts = AMOUNTS.map(lambda amount: PositiveMoney(amount, currency))
    return tuple(
        Line(
            sku="s",
            quantity=draw(st.integers(1, 2)),
            price=draw(amounts),
            freight=draw(st.none() | amounts),
            ship_by=draw(limits),
        )
        for _ in range(draw(st.integers(0, 2)))
    )


@st.composite
def placings(
    draw: st.DrawFn, common: dict[str, Any], ship_by: Sequence[float], days: Sequence[int]
) -> OrderPlaced:
    zones = st.sampled_from(["UTC", "America/Sao_Paulo", "Pacific/Auckland"])
    promises = st.builds(
        lambda n, zone: Promise(delivery_date=NOON.date() + timedelta(days=n), time_zone=zone),
        st.sampled_from(list(days)),
        zones,
    )
    return OrderPlaced(
        **common,
        customer=Customer(id="c", tier=draw(st.sampled_from(["standard", "vip"]))),
        lines=draw(order_lines(ship_by)),
        lines_complete=draw(st.booleans()),
        tenders=draw(st.sampled_from([None, None, (), ("card",), ("card", "voucher")])),
        promise=draw(st.none() | promises),
        ship_complete=draw(st.booleans()),
        max_parcels=draw(st.sampled_from([None, 1, 2])),
    )


# The types that matter most for decisions are repeated, so they are drawn more often.
COMMON_TYPES: Final = (
    *(OrderPlaced, OrderPlaced, PaymentCaptured, PaymentCaptured, PaymentCaptured, RefundIssued),
    *(PaymentAuthorized, HandedOver, HandedOver, Delivered, Delivered, Scanned, FraudScreened),
    *(AddressChecked, OrderCancelled, PaymentFailed, StockAllocated, StockUnavailable),
    *(Released, DeliveryFailed, ReturnRequested, ReturnReceived),
)
TYPES: Final = (*COMMON_TYPES, *COMMON_TYPES, *RARE)


@st.composite
def signals(
    draw: st.DrawFn,
    n: int,
    *,
    types: Sequence[type[Any]] = TYPES,
    hours: tuple[int, int] = (0, 10),
    ship_by: Sequence[float] = (30, 40, 90, 130, 300),
    days: Sequence[int] = (3, 6, 8),
) -> Signal:
    """One signal of the order; `n` makes its unique id."""
    kind = draw(st.sampled_from(types))
    minutes = draw(st.integers(hours[0] * 4, hours[1] * 4)) * 15
    # Sources that sort before and after each other break ties of time both ways.
    source = draw(st.sampled_from(["oms", "psp", "shop"]))
    common = {
        "source": source,
        "id": str(n),
        "order": ORDER,
        "event_time": NOON + timedelta(minutes=minutes),
    }
    if kind is OrderPlaced:
        return draw(placings(common, ship_by, days))
    if kind in RARE:
        return draw(rare(kind, common))
    if kind is PaymentAuthorized:
        expiries = st.sampled_from([None, *(after(hours + 24) for hours in ship_by)])
        return PaymentAuthorized(**common, payment=draw(SAME_FEW), expires_at=draw(expiries))
    if kind is PaymentFailed:
        stages = st.sampled_from([None, *PaymentStage])
        return PaymentFailed(**common, payment=draw(SAME_FEW), stage=draw(stages))
    if kind is PaymentCaptured:
        return PaymentCaptured(**common, amount=draw(monies()), payment=draw(SAME_FEW))
    if kind is RefundIssued:
        return RefundIssued(**common, amount=draw(monies()))
    if kind is HandedOver:
        tracking = draw(st.sampled_from(["", "T-1"]))
        return HandedOver(**common, shipment=draw(SAME_FEW), tracking=tracking)
    if kind is Delivered:
        return Delivered(**common, shipment=draw(SAME_FEW))
    if kind is Scanned:
        status = draw(st.sampled_from(list(ScanStatus)))
        shipment, incident = draw(SAME_FEW), draw(INCIDENTS)
        return Scanned(**common, status=status, shipment=shipment, incident=incident)
    if kind is DeliveryFailed:
        return DeliveryFailed(**common, shipment=draw(SAME_FEW), incident=draw(INCIDENTS))
    if kind is StockAllocated:
        return StockAllocated(**common, skus=draw(SOME_SKUS))
    if kind is FraudScreened:
        return FraudScreened(**common, verdict=draw(st.sampled_from(list(FraudVerdict))))
    if kind is AddressChecked:
        return AddressChecked(**common, verdict=draw(st.sampled_from(list(AddressVerdict))))
    return kind(**common)


@st.composite
def statement_lists(
    draw: st.DrawFn, *, first: int = 0, least: int = 0, most: int = 6, **where: Any
) -> list[Signal]:
    """Signals of one order, which may contradict each other."""
    count = draw(st.integers(least, most))
    return [draw(signals(first + n, **where)) for n in range(count)]


def keys(some: Iterable[Signal]) -> list[str]:
    return [signal.key for signal in some]


def order_with(*signals: Signal) -> Order:
    """The order after these signals."""
    order = Order(id=ORDER)
    for signal in signals:
        order = order.after(SignalRecorded(signal=signal))
    return order
