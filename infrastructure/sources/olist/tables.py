"""Reads Olist's tables. They may be larger than memory, so a temporary file joins and sorts them."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from domain.errors import CasetrailError
from domain.orders.payment_signals import PaymentCaptured
from domain.orders.purchase_signals import Line
from domain.orders.signals import Signal
from infrastructure.csv_rows import (
    MOST_REFUSALS_KEPT,
    RejectedRow,
    Row,
    RowRefused,
    UnreadableTable,
    read_rows,
)
from infrastructure.sources.olist import row_parser
from infrastructure.sources.olist.order_signals import signals_of

TABLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # table: (file names to look for, columns that it must have)
    "orders": (
        ("orders", "olist_orders_dataset"),
        ("order_id", "customer_id", "order_status", *row_parser.TIME_COLUMNS),
    ),
    "items": (
        ("order_items", "olist_order_items_dataset"),
        (
            *("order_id", "order_item_id", "product_id", "seller_id"),
            *("shipping_limit_date", "price", "freight_value"),
        ),
    ),
    "payments": (
        ("order_payments", "olist_order_payments_dataset"),
        (
            *("order_id", "payment_sequential", "payment_type"),
            *("payment_installments", "payment_value"),
        ),
    ),
}


class TablesUnreadable(CasetrailError):
    """The tables cannot be read."""

    explanation = "Name a folder with orders.csv, order_items.csv and order_payments.csv (or .gz)."


T = TypeVar("T")
Progress = Callable[[str, int], None]


class OlistTables:
    """A folder of Olist tables, read once. A context manager: it holds a temporary file. Raises
    TablesUnreadable for a missing file or column, and for a truncated file."""

    def __init__(self, folder: Path) -> None:
        self.files = {name: _find_table(folder, stems) for name, (stems, _) in TABLES.items()}
        self.orders = 0
        self.signals = 0
        self.refused = 0
        self.refusals: list[RejectedRow] = []
        """The first rejected rows; `refused` counts all."""
        self.ends_at: datetime | None = None
        """The latest purchase, approval, hand-over or delivery in the tables."""
        self._folder = tempfile.TemporaryDirectory(prefix="casetrail-olist-")
        self._db = sqlite3.connect(Path(self._folder.name) / "tables.sqlite", isolation_level=None)
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> OlistTables:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._folder.cleanup()

    def load(self, progress: Progress = lambda table, rows: None) -> None:
        """Read the tables and make the signals; `progress` gets the table and its rows so far."""
        self._db.execute("BEGIN")
        self._read("orders", self._add_order, progress)
        self._read("items", self._add_item, progress)
        self._read("payments", self._add_payment, progress)
        self._make_signals(progress)
        self._db.execute("CREATE INDEX signals_in_time ON signals (at, step)")
        self._db.execute("COMMIT")

    def in_time_order(self) -> Iterator[Signal]:
        """Every signal, in order of event time."""
        decode = msgspec.json.Decoder(Signal).decode
        for (body,) in self._db.execute("SELECT body FROM signals ORDER BY at, step, rowid"):
            yield decode(body)

    def _read(self, table: str, add: Callable[[Row], None], progress: Progress) -> None:
        file = self.files[table]
        try:
            for row in read_rows(file, TABLES[table][1]):
                try:
                    add(row)
                except RowRefused as refused:
                    self._refuse(file, row.line, refused.column, refused.detail)
                if row.line % 5_000 == 0:
                    progress(table, row.line)
        except UnreadableTable as error:
            raise TablesUnreadable(str(error)) from None

    def _refuse(self, file: Path, line: int, column: str, detail: str) -> None:
        self.refused += 1
        if len(self.refusals) < MOST_REFUSALS_KEPT:
            self.refusals.append(RejectedRow(file.name, line, column, detail))

    def _add_order(self, row: Row) -> None:
        values, latest = row_parser.parse_order(row)
        added = self._db.execute(
            "INSERT OR IGNORE INTO orders VALUES (?,?,?,?,?,?,?,?,?,?,?)", values
        )
        if added.rowcount == 0:
            raise RowRefused("order_id", f"{values[0]} is in an earlier row already")
        self.ends_at = max(self.ends_at or latest, latest)
        self.orders += 1

    def _add_item(self, row: Row) -> None:
        # A line of the order that cannot be read: no charge may be derived from the others.
        self._add_part("items", row, row_parser.parse_item, "complete = 0")

    def _add_payment(self, row: Row) -> None:
        # A payment of the order that cannot be read: its payments must never look complete.
        self._add_part("payments", row, row_parser.parse_payment, "unread = unread + 1")

    def _add_part(
        self, table: str, row: Row, parse: Callable[[Row], tuple[int, Struct]], if_refused: str
    ) -> None:
        order = self._known(row)
        try:
            number, part = parse(row)
            values = (order, number, msgspec.json.encode(part))
            added = self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?,?,?)", values)
            if added.rowcount == 0:
                raise RowRefused("", f"{order}, number {number} is in an earlier row already")
        except RowRefused:
            self._db.execute(f"UPDATE orders SET {if_refused} WHERE id = ?", (order,))
            raise

    def _known(self, row: Row) -> str:
        order = row_parser.parse_key(row.fields)
        if not self._db.execute("SELECT 1 FROM orders WHERE id = ?", (order,)).fetchone():
            raise RowRefused("order_id", f"no order {order}")
        return order

    def _make_signals(self, progress: Progress) -> None:
        orders = self._db.cursor().execute("SELECT * FROM orders ORDER BY id")
        for n, order in enumerate(orders):
            items = self._bodies("items", order[0], Line)
            payments = self._bodies("payments", order[0], PaymentCaptured)
            try:
                signals = list(signals_of(order, items, payments))
            except msgspec.ValidationError as error:
                self._refuse(self.files["orders"], order[-1], "", f"order {order[0]}: {error}")
                continue
            for step, signal in enumerate(signals):
                at = signal.event_time.timestamp()
                values = (at, step, msgspec.json.encode(signal))
                self._db.execute("INSERT INTO signals VALUES (?,?,?)", values)
            self.signals += len(signals)
            if n % 1_000 == 0:
                progress("signals", n)

    def _bodies(self, table: str, order: str, kind: type[T]) -> list[T]:
        decode = msgspec.json.Decoder(kind).decode
        found = self._db.execute(
            f"SELECT body FROM {table} WHERE order_id = ? ORDER BY number", (order,)
        )
        return [decode(body) for (body,) in found]


_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT, status TEXT, purchased TEXT, approved TEXT,
    handed_over TEXT, delivered TEXT, promised TEXT, complete INTEGER, unread INTEGER, line INTEGER)
    WITHOUT ROWID;
CREATE TABLE items (order_id TEXT, number INTEGER, body BLOB, PRIMARY KEY (order_id, number));
CREATE TABLE payments (order_id TEXT, number INTEGER, body BLOB, PRIMARY KEY (order_id, number));
CREATE TABLE signals (at REAL, step INTEGER, body BLOB);
"""


def _find_table(folder: Path, stems: tuple[str, ...]) -> Path:
    for stem in stems:
        for ending in (".csv.gz", ".csv"):
            if (file := folder / f"{stem}{ending}").is_file():
                return file
    raise TablesUnreadable(f"no {stems[0]}.csv or {stems[0]}.csv.gz in {folder}")
