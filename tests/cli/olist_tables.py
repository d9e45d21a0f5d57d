"""Small folders of Olist tables, with valid or broken rows."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ORDERS = (
    "order_id",
    "customer_id",
    "order_status",
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
    "order_estimated_delivery_date",
    "items_complete",
)
ITEMS = (
    "order_id",
    "order_item_id",
    "product_id",
    "seller_id",
    "shipping_limit_date",
    "price",
    "freight_value",
)
PAYMENTS = (
    "order_id",
    "payment_sequential",
    "payment_type",
    "payment_installments",
    "payment_value",
)
Row = Sequence[str]


@dataclass
class Tables:
    """The rows of the tables; `order` adds one that is by default valid and on time."""

    orders: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)

    def order(
        self,
        key: str,
        *,
        status: str = "delivered",
        purchased: str = "2018-01-02 10:00:00",
        approved: str = "2018-01-02 11:00:00",
        handed_over: str = "2018-01-04 09:00:00",
        delivered: str = "2018-01-08 15:00:00",
        promised: str = "2018-01-20 00:00:00",
        complete: str = "True",
        customer: str = "c-1",
        items: Sequence[tuple[str, str, str]] = (("2018-01-05 12:00:00", "10.00", "2.00"),),
        payments: Sequence[str] = ("12.00",),
    ) -> Tables:
        """Add an order. `items`: shipping limit, price, freight of each; `payments`: the value of
        each."""
        self.orders.append(
            (key, customer, status, purchased, approved, handed_over, delivered, promised, complete)
        )
        for number, (limit, price, freight) in enumerate(items, start=1):
            self.items.append((key, str(number), f"p-{number}", "s-1", limit, price, freight))
        for number, value in enumerate(payments, start=1):
            self.payments.append((key, str(number), "credit_card", "1", value))
        return self

    def write(self, folder: Path, *, packed: bool = False) -> Path:
        folder.mkdir(exist_ok=True)
        for name, columns, rows in (
            ("orders", ORDERS, self.orders),
            ("order_items", ITEMS, self.items),
            ("order_payments", PAYMENTS, self.payments),
        ):
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
            content = text.getvalue().encode()
            if packed:
                (folder / f"{name}.csv.gz").write_bytes(gzip.compress(content))
            else:
                (folder / f"{name}.csv").write_bytes(content)
        return folder
