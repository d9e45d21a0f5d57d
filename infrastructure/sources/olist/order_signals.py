"""The signals of one order of Olist's tables, from several systems."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from domain.orders.payment_signals import PaymentCaptured
from domain.orders.purchase_signals import Line
from domain.orders.signal_body import Promise
from domain.orders.signals import Signal

ZONE_NAME: Final = "America/Sao_Paulo"
ZONE: Final = ZoneInfo(ZONE_NAME)
UNKNOWN_VALUE: Final = "unread"
"""The method of a payment whose row could not be read."""


def signals_of(
    order: tuple[Any, ...], items: list[Line], payments: list[PaymentCaptured]
) -> Iterator[Signal]:
    """The signals of one order. Raises msgspec.ValidationError for values that no signal can have."""
    key, customer, status, *texts, complete, unread, _ = order
    purchased, approved, handed_over, delivered, promised = map(_parse_time, texts)
    assert purchased is not None

    def signal_of(kind: str, source: str, name: str, at: datetime, **facts: object) -> Signal:
        identity = {"type": kind, "source": source, "id": f"{key}:{name}", "order": key}
        signal: Signal = msgspec.convert({**identity, "event_time": at, **facts}, Signal)
        return signal

    day = promised.astimezone(ZONE).date() if promised else None
    # Each seller of an order has a limit of its own. The order leaves in one parcel, by the last of them.
    limits = [line.ship_by for line in items if line.ship_by is not None]
    yield signal_of(
        "order.placed",
        "storefront",
        "placed",
        purchased,
        customer={"id": customer},
        lines=[structs.replace(line, ship_by=None) for line in items],
        ship_by=max(limits, default=None),
        lines_complete=bool(complete),
        tenders=[payment.method for payment in payments] + [UNKNOWN_VALUE] * unread,
        promise=Promise(delivery_date=day, time_zone=ZONE_NAME) if day else None,
    )
    if approved:
        yield signal_of("payment.authorized", "payments", "approved", approved)
    for payment in payments:
        yield structs.replace(payment, event_time=approved or purchased)
    if handed_over:
        yield signal_of("shipment.handed_over", "carrier", "handed-over", handed_over)
    if delivered:
        yield signal_of("shipment.delivered", "carrier", "delivered", delivered)
    latest = max(t for t in (purchased, approved, handed_over, delivered) if t is not None)
    if status == "unavailable":
        yield signal_of("stock.unavailable", "inventory", "unavailable", latest)
    if status == "canceled":
        yield signal_of("order.cancelled", "oms", "cancelled", latest)


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
