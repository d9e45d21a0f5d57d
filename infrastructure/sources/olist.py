"""Olist's tables as the signals of their several systems, in the order in which they happened.

Source: the Brazilian marketplace data set published by Olist (orders, items, payments). Times are
local to São Paulo. Payments carry no time of their own and take that of the approval, else of the
purchase; `canceled` and `unavailable` take the latest time known of their order. The checkout tells
the means of payment, so an order placed with none is known to have none.

The tables may be larger than memory: they are joined and sorted in a temporary SQLite file.
"""

from __future__ import annotations

import csv
import gzip
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from domain.errors import CasetrailError
from domain.money import PositiveMoney
from domain.orders.signals import (
    Customer,
    Delivered,
    HandedOver,
    Line,
    OrderCancelled,
    OrderPlaced,
    PaymentAuthorized,
    PaymentCaptured,
    Promise,
    Signal,
    StockUnavailable,
)

ZONE: Final = "America/Sao_Paulo"
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
MOST_REFUSALS_KEPT: Final = 1_000
_ZONE = ZoneInfo(ZONE)

TABLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # table: (file names to look for, columns that it must have)
    "orders": (
        ("orders", "olist_orders_dataset"),
        (
            "order_id",
            "customer_id",
            "order_status",
            "order_purchase_timestamp",
            "order_approved_at",
            "order_delivered_carrier_date",
            "order_delivered_customer_date",
            "order_estimated_delivery_date",
        ),
    ),
    "items": (
        ("order_items", "olist_order_items_dataset"),
        (
            "order_id",
            "order_item_id",
            "product_id",
            "seller_id",
            "shipping_limit_date",
            "price",
            "freight_value",
        ),
    ),
    "payments": (
        ("order_payments", "olist_order_payments_dataset"),
        (
            "order_id",
            "payment_sequential",
            "payment_type",
            "payment_installments",
            "payment_value",
        ),
    ),
}


class TablesUnreadable(CasetrailError):
    """The tables cannot be read."""

    explanation = "Name a folder with orders.csv, order_items.csv and order_payments.csv (or .gz)."


class Refusal(Struct, frozen=True):
    """A row that was left out: the file, its line, the column if one is at fault, and why."""

    file: str
    line: int
    column: str
    detail: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" + (f" ({self.column})" if self.column else "")
        return f"{where}: {self.detail}"


T = TypeVar("T")


class _Refused(Exception):
    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.detail = detail


class OlistTables:
    """A folder of Olist tables, read once. A context manager: it holds a temporary file.

    Raises TablesUnreadable for a missing file or column, and for a file that breaks off.
    """

    def __init__(self, folder: Path) -> None:
        self.files = {name: _find(folder, stems) for name, (stems, _) in TABLES.items()}
        self.orders = 0
        self.signals = 0
        self.refused = 0
        self.refusals: list[Refusal] = []
        """The first rows that were left out; `refused` counts them all."""
        self.ends_at: datetime | None = None
        """The latest time known of the whole file: purchase, approval, hand-over or delivery."""
        self._folder = tempfile.TemporaryDirectory(prefix="casetrail-olist-")
        self._db = sqlite3.connect(Path(self._folder.name) / "tables.sqlite", isolation_level=None)
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> OlistTables:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def load(self, progress: Callable[[str, int], None] = lambda table, rows: None) -> None:
        """Read the tables and make the signals; `progress` hears the table and its rows so far."""
        self._db.execute("BEGIN")
        self._rows("orders", self._order, progress)
        self._rows("items", self._item, progress)
        self._rows("payments", self._payment, progress)
        self._make_signals(progress)
        self._db.execute("CREATE INDEX signals_in_time ON signals (at, step)")
        self._db.execute("COMMIT")

    def in_time_order(self) -> Iterator[Signal]:
        """Every signal, by event time."""
        decode = msgspec.json.Decoder(Signal).decode
        for (body,) in self._db.execute("SELECT body FROM signals ORDER BY at, step, rowid"):
            yield decode(body)

    def _rows(
        self,
        table: str,
        take: Callable[[int, dict[str, str]], None],
        progress: Callable[[str, int], None],
    ) -> None:
        file = self.files[table]
        columns = TABLES[table][1]
        try:
            with _open(file) as text:
                reader = csv.DictReader(text, strict=True)
                missing = [c for c in columns if c not in (reader.fieldnames or ())]
                if missing:
                    raise TablesUnreadable(f"{file.name} has no column {', '.join(missing)}")
                while True:
                    try:
                        row = next(reader)
                        if None in row or None in row.values():
                            raise _Refused("", "not as many fields as the header")
                        take(reader.line_num, row)
                    except StopIteration:
                        break
                    except csv.Error as error:
                        self._refuse(file, reader.line_num, "", str(error))
                    except _Refused as refused:
                        self._refuse(file, reader.line_num, refused.column, refused.detail)
                    if reader.line_num % 5_000 == 0:
                        progress(table, reader.line_num)
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise TablesUnreadable(f"{file.name}: {error}") from None

    def _refuse(self, file: Path, line: int, column: str, detail: str) -> None:
        self.refused += 1
        if len(self.refusals) < MOST_REFUSALS_KEPT:
            self.refusals.append(Refusal(file.name, line, column, detail))

    def _order(self, line: int, row: dict[str, str]) -> None:
        times = [
            _time(row, column)
            for column in (
                "order_purchase_timestamp",
                "order_approved_at",
                "order_delivered_carrier_date",
                "order_delivered_customer_date",
                "order_estimated_delivery_date",
            )
        ]
        if times[0] is None:
            raise _Refused("order_purchase_timestamp", "missing")
        if row["order_status"] not in STATUSES:
            known = ", ".join(sorted(STATUSES))
            raise _Refused("order_status", f"unknown: {row['order_status']!r}; known are: {known}")
        order = _key(row)
        # Absent in the published data set, whose items are complete.
        complete = row.get("items_complete", "True").strip().lower() != "false"
        values = (order, row["customer_id"], row["order_status"], *map(_text, times), complete)
        added = self._db.execute("INSERT OR IGNORE INTO orders VALUES (?,?,?,?,?,?,?,?,?)", values)
        if added.rowcount == 0:
            raise _Refused("order_id", f"{order} stands in an earlier row too")
        latest = max(t for t in times[:4] if t is not None)
        self.ends_at = max(self.ends_at or latest, latest)
        self.orders += 1

    def _item(self, line: int, row: dict[str, str]) -> None:
        order = self._known(row)
        try:
            body = _valid(
                {
                    "sku": row["product_id"],
                    "price": _money(row["price"]),
                    "freight": _money(row["freight_value"]),
                    "ship_by": _text(_time(row, "shipping_limit_date")),
                    "seller": row["seller_id"],
                },
                Line,
            )
        except _Refused:
            # The order has a line that we cannot read: its charge must not be derived.
            self._db.execute("UPDATE orders SET complete = 0 WHERE id = ?", (order,))
            raise
        number = _number(row, "order_item_id")
        self._db.execute(
            "INSERT INTO items VALUES (?,?,?)", (order, number, msgspec.json.encode(body))
        )

    def _payment(self, line: int, row: dict[str, str]) -> None:
        order = self._known(row)
        number = _number(row, "payment_sequential")
        values = (order, number, row["payment_type"], row["payment_installments"])
        try:
            money = _money(row["payment_value"])
            _valid(money, PositiveMoney)
            if not row["payment_installments"].isdigit():
                raise _Refused("payment_installments", "not a whole number")
        except _Refused:
            # The tender is known, its payment is not: the payments never become complete.
            self._db.execute("INSERT INTO payments VALUES (?,?,?,?,NULL)", values)
            raise
        self._db.execute("INSERT INTO payments VALUES (?,?,?,?,?)", (*values, money["amount"]))

    def _known(self, row: dict[str, str]) -> str:
        order = _key(row)
        if not self._db.execute("SELECT 1 FROM orders WHERE id = ?", (order,)).fetchone():
            raise _Refused("order_id", f"no order {order}")
        return order

    def _make_signals(self, progress: Callable[[str, int], None]) -> None:
        orders = self._db.cursor().execute("SELECT * FROM orders ORDER BY id")
        for n, order in enumerate(orders):
            items = self._db.execute(
                "SELECT body FROM items WHERE order_id = ? ORDER BY number", (order[0],)
            ).fetchall()
            payments = self._db.execute(
                "SELECT number, type, installments, amount FROM payments WHERE order_id = ? "
                "ORDER BY number",
                (order[0],),
            ).fetchall()
            try:
                signals = list(_signals(order, [body for (body,) in items], payments))
            except (msgspec.ValidationError, ValueError) as error:
                self._refuse(self.files["orders"], 0, "", f"order {order[0]}: {error}")
                continue
            for step, signal in enumerate(signals):
                at = signal.event_time.timestamp()
                values = (at, step, msgspec.json.encode(signal))
                self._db.execute("INSERT INTO signals VALUES (?,?,?)", values)
            self.signals += len(signals)
            if n % 1_000 == 0:
                progress("signals", n)


_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT, status TEXT, purchased TEXT, approved TEXT,
    handed_over TEXT, delivered TEXT, promised TEXT, complete INTEGER) WITHOUT ROWID;
CREATE TABLE items (order_id TEXT, number INTEGER, body BLOB);
CREATE INDEX items_of_order ON items (order_id);
CREATE TABLE payments (order_id TEXT, number INTEGER, type TEXT, installments TEXT, amount TEXT);
CREATE INDEX payments_of_order ON payments (order_id);
CREATE TABLE signals (at REAL, step INTEGER, body BLOB);
"""


def _signals(
    order: tuple[Any, ...], items: list[bytes], payments: list[tuple[Any, ...]]
) -> Iterator[Signal]:
    """The signals of one order, in the order in which they stand where times are equal."""
    key, customer, status, *texts, complete = order
    purchased, approved, handed_over, delivered, promised = (
        datetime.fromisoformat(text) if text else None for text in texts
    )
    assert purchased is not None
    decode = msgspec.json.Decoder(Line).decode

    def told(kind: Callable[..., T], source: str, name: str, at: datetime, **facts: object) -> T:
        return kind(source=source, id=f"{key}:{name}", order=key, event_time=at, **facts)

    placed = told(
        OrderPlaced,
        "storefront",
        "placed",
        purchased,
        customer=Customer(id=customer),
        lines=tuple(decode(body) for body in items),
        lines_complete=bool(complete),
        tenders=tuple(kind for _, kind, _, _ in payments),
        promise=Promise(delivery_date=promised.astimezone(_ZONE).date(), time_zone=ZONE)
        if promised
        else None,
    )
    yield placed
    if approved:
        yield told(PaymentAuthorized, "payments", "approved", approved)
    for number, method, installments, amount in payments:
        if amount is not None:
            money = {"amount": amount, "currency": CURRENCY}
            yield msgspec.convert(
                {
                    "type": "payment.captured",
                    "source": "payments",
                    "id": f"{key}:{number}",
                    "order": key,
                    "event_time": approved or purchased,
                    "amount": money,
                    "method": method,
                    "installments": int(installments),
                },
                PaymentCaptured,
            )
    if handed_over:
        yield told(HandedOver, "carrier", "handed-over", handed_over)
    if delivered:
        yield told(Delivered, "carrier", "delivered", delivered)
    latest = max(t for t in (purchased, approved, handed_over, delivered) if t is not None)
    if status == "unavailable":
        yield told(StockUnavailable, "inventory", "unavailable", latest)
    if status == "canceled":
        yield told(OrderCancelled, "oms", "cancelled", latest)


def _find(folder: Path, stems: tuple[str, ...]) -> Path:
    for stem in stems:
        for ending in (".csv.gz", ".csv"):
            if (file := folder / f"{stem}{ending}").is_file():
                return file
    raise TablesUnreadable(f"no {stems[0]}.csv or {stems[0]}.csv.gz in {folder}")


def _open(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _key(row: dict[str, str]) -> str:
    if not row["order_id"]:
        raise _Refused("order_id", "missing")
    return row["order_id"]


def _time(row: dict[str, str], column: str) -> datetime | None:
    """A local time of São Paulo in UTC; where it is skipped or repeated, the earlier offset."""
    text = row[column].strip()
    if not text:
        return None
    try:
        if len(text) != len("2017-10-02 10:56:33"):
            raise ValueError(text)
        local = datetime.fromisoformat(text)
        return local.replace(tzinfo=_ZONE).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Refused(column, f"not a time: {text!r}") from None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _number(row: dict[str, str], column: str) -> int:
    if not row[column].isdigit():
        raise _Refused(column, f"not a whole number: {row[column]!r}")
    return int(row[column])


def _money(text: str) -> dict[str, str]:
    return {"amount": text.strip(), "currency": CURRENCY}


def _valid(raw: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise _Refused("", str(error)) from None
