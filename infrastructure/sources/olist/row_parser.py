"""Parses and validates one row of each table. All functions raise RowRefused."""

import re
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from domain.money import PositiveMoney
from domain.orders.payment_signals import PaymentCaptured
from domain.orders.purchase_signals import Line
from domain.orders.signal_times import check_moment
from infrastructure.csv_rows import Row, RowRefused
from infrastructure.sources.olist.order_signals import ZONE, signals_of

CURRENCY: Final = "BRL"
STATUSES: Final = frozenset(
    [
        "created",
        "approved",
        "invoiced",
        "processing",
        "shipped",
        "delivered",
        "unavailable",
        "canceled",
    ]
)
TIME_COLUMNS: Final = (
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
    "order_estimated_delivery_date",
)
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)

T = TypeVar("T")


def parse_key(fields: dict[str, str]) -> str:
    if not fields.get("order_id"):
        raise RowRefused("order_id", "missing")
    return fields["order_id"]


def parse_order(row: Row) -> tuple[tuple[Any, ...], datetime]:
    """The order's values for `signals_of`, and its latest known time."""
    _require_all_fields(row)
    fields = row.fields
    times = [_parse_time(fields, column) for column in TIME_COLUMNS]
    if times[0] is None:
        raise RowRefused(TIME_COLUMNS[0], "missing")
    if fields["order_status"] not in STATUSES:
        known = ", ".join(sorted(STATUSES))
        raise RowRefused("order_status", f"unknown: {fields['order_status']!r}; known are: {known}")
    # The published data set has no such column, and its items are complete.
    complete = fields.get("items_complete", "True").strip().lower() != "false"
    stated = (parse_key(fields), fields["customer_id"], fields["order_status"])
    values = (*stated, *map(_format_time, times), complete, 0, row.line)
    # The order alone must make valid signals, so that its faults are reported for its row.
    try:
        list(signals_of(values, [], []))
    except msgspec.ValidationError as error:
        raise RowRefused("", str(error)) from None
    return values, max(t for t in times[:4] if t is not None)


def parse_item(row: Row) -> tuple[int, Line]:
    """The number of an order line, and the line."""
    _require_all_fields(row)
    fields = row.fields
    number = _parse_number(fields, "order_item_id")
    price = _parse_money(fields["price"])
    # These tables have no deposits and no prices per weight: such a price is a fault of its row.
    _convert(price, PositiveMoney)
    line = {
        "sku": fields["product_id"],
        "price": price,
        "freight": _parse_money(fields["freight_value"]),
        "ship_by": _format_time(_parse_time(fields, "shipping_limit_date")),
        "seller": fields["seller_id"],
    }
    return number, _convert(line, Line)


def parse_payment(row: Row) -> tuple[int, PaymentCaptured]:
    """The number of a payment, and the payment."""
    _require_all_fields(row)
    fields = row.fields
    order, number = parse_key(fields), _parse_number(fields, "payment_sequential")
    captured = {
        "type": "payment.captured",
        "source": "payments",
        "id": f"{order}:{number}",
        "order": order,
        "event_time": "2000-01-01T00:00:00Z",  # replaced by a time of the order later
        "amount": _parse_money(fields["payment_value"]),
        "method": fields["payment_type"],
        "installments": _parse_number(fields, "payment_installments"),
    }
    return number, _convert(captured, PaymentCaptured)


def _require_all_fields(row: Row) -> None:
    if row.fault:
        raise RowRefused("", row.fault)


def _parse_time(fields: dict[str, str], column: str) -> datetime | None:
    """A local time of São Paulo in UTC; at a change of offset, with the earlier offset."""
    text = fields[column].strip()
    if not text:
        return None
    try:
        if not _LOCAL_TIME.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)
        check_moment(moment)
        return moment
    except (ValueError, OverflowError) as error:
        raise RowRefused(column, f"not a valid time: {text!r} ({error})") from None


def _format_time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _parse_number(fields: dict[str, str], column: str) -> int:
    text = fields[column]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise RowRefused(column, f"not a number: {text!r}")
    return int(text)


def _parse_money(text: str) -> dict[str, str]:
    return {"amount": text.strip(), "currency": CURRENCY}


def _convert(raw: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise RowRefused("", str(error)) from None
