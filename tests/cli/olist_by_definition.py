"""Olist's exceptions, computed from the tables by their definitions.

Shares nothing with the product: plain rows, dictionaries and dates. Key: (order, kind); value: the time at
which the problem began, in UTC.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
TOLERANCE = Decimal("0.01")
CLOCKS = timedelta(minutes=5)

# Queue, bucket and severity of each kind in the shipped policy.
OWNED = {
    "delivery_late": ("shipment_exception_handling", "vip_or_revenue_sensitive", "high"),
    "ship_by_missed": ("fulfilment_release_support", "inventory_conflict", "medium"),
    "payment_stalled": ("payment_hold_review", "payment_mismatch", "medium"),
    "payment_mismatch": ("payment_hold_review", "payment_mismatch", "low"),
    "payment_missing": ("payment_hold_review", "payment_mismatch", "high"),
    "stock_unavailable": ("allocation_failure_review", "inventory_conflict", "high"),
    "refund_due": ("refund_validation", "return_or_damage", "high"),
    "cancelled_after_handover": ("shipment_exception_handling", "return_or_damage", "critical"),
    "milestones_out_of_order": ("new_order_review", "inventory_conflict", "low"),
}

Found = dict[tuple[str, str], datetime]


def exceptions_of(folder: Path) -> Found:
    limits: dict[str, list[datetime]] = defaultdict(list)
    charges: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of(folder, "order_items"):
        limits[row["order_id"]].append(moment(row["shipping_limit_date"]))
        charges[row["order_id"]] += Decimal(row["price"]) + Decimal(row["freight_value"])
    payments: dict[str, list[Decimal]] = defaultdict(list)
    for row in rows_of(folder, "order_payments"):
        payments[row["order_id"]].append(Decimal(row["payment_value"]))
    orders = list(rows_of(folder, "orders"))
    end = max(max(times_of(row).values()) for row in orders)
    found: Found = {}
    for row in orders:
        key = row["order_id"]
        for kind, at in problems_of(row, limits[key], charges[key], payments[key], end):
            found[key, kind] = at
    return found


def problems_of(
    row: dict[str, str],
    limits: list[datetime],
    charge: Decimal,
    payments: list[Decimal],
    end: datetime,
) -> Iterator[tuple[str, datetime]]:
    times = times_of(row)
    purchased, latest = times["purchased"], max(times.values())
    # A capture is an approval. What was delivered was handed over by then.
    approved = times.get("approved", purchased if payments else None)
    handed_over = min((times[n] for n in ("handed_over", "delivered") if n in times), default=None)
    unavailable = row["order_status"] == "unavailable"
    cancelled = row["order_status"] == "canceled"
    ended = latest if unavailable or cancelled else None

    if row["order_estimated_delivery_date"]:
        promised = datetime.fromisoformat(row["order_estimated_delivery_date"]).date()
        told = row["order_delivered_customer_date"]
        day_ends = moment(f"{promised + timedelta(days=1)} 00:00:00")
        on_time = bool(told) and datetime.fromisoformat(told).date() <= promised
        if not on_time and day_ends <= end and not (ended and ended < day_ends):
            yield "delivery_late", day_ends
    if limits:
        limit = max(limits)
        if late(handed_over, limit) and limit < end and late(ended, limit):
            yield "ship_by_missed", limit
    due = purchased + timedelta(hours=72)
    if late(approved, due) and due < end and late(ended, due):
        yield "payment_stalled", due

    told_at = max(purchased, approved or purchased) if payments else purchased
    # An order without known items has no charge that the payments could differ from.
    complete = bool(limits) and row.get("items_complete", "True") == "True"
    if complete and abs(sum(payments, Decimal()) - charge) > TOLERANCE:
        yield "payment_mismatch", told_at
    if not payments:
        yield "payment_missing", purchased
    if unavailable:
        yield "stock_unavailable", latest
    if (cancelled or unavailable) and sum(payments) > 0:
        yield "refund_due", latest
    if cancelled and "handed_over" in times:
        yield "cancelled_after_handover", latest
    steps = [n for n in ("purchased", "approved", "handed_over", "delivered") if n in times]
    # Detected at the second signal of the first such pair. A payment may come before the order was
    # written, and the clocks of two systems agree only within five minutes.
    wrong = [
        times[before]
        for before, after in combinations(steps, 2)
        if (before, after) != ("purchased", "approved")
        and times[before] - times[after] > (CLOCKS if before != "handed_over" else timedelta(0))
    ]
    if wrong:
        yield "milestones_out_of_order", min(wrong)


def late(at: datetime | None, limit: datetime) -> bool:
    return at is None or at > limit


def times_of(row: dict[str, str]) -> dict[str, datetime]:
    columns = {
        "purchased": "order_purchase_timestamp",
        "approved": "order_approved_at",
        "handed_over": "order_delivered_carrier_date",
        "delivered": "order_delivered_customer_date",
    }
    return {name: moment(row[column]) for name, column in columns.items() if row[column]}


def moment(text: str) -> datetime:
    """Local time of São Paulo; a skipped or repeated hour has the offset before the change."""
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the zone is put on below
    before = (local - timedelta(hours=3)).replace(tzinfo=SAO_PAULO).utcoffset()
    plain = local.replace(tzinfo=SAO_PAULO)
    assert before is not None
    as_before = (local - before).replace(tzinfo=UTC)
    exists = plain.astimezone(UTC).astimezone(SAO_PAULO).replace(tzinfo=None) == local
    repeated = plain.replace(fold=1).utcoffset() != plain.utcoffset()
    return as_before if repeated or not exists else plain.astimezone(UTC)


def rows_of(folder: Path, table: str) -> Iterator[dict[str, str]]:
    packed, plain = folder / f"{table}.csv.gz", folder / f"{table}.csv"
    if packed.exists():
        with gzip.open(packed, "rt", encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text)
    else:
        with plain.open(encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text)
