"""The provider's ledger: an SQLite file in which each commit is on the disk before it is told."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    payment TEXT PRIMARY KEY, currency TEXT NOT NULL, captured TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refunds (
    number INTEGER PRIMARY KEY AUTOINCREMENT, reference TEXT NOT NULL UNIQUE, key TEXT,
    payment TEXT NOT NULL, currency TEXT NOT NULL, amount TEXT NOT NULL, reason TEXT NOT NULL,
    metadata TEXT NOT NULL, status TEXT NOT NULL, failure TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS refunds_of_a_payment ON refunds (payment);
CREATE TABLE IF NOT EXISTS keys (
    face TEXT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, reference TEXT,
    status INTEGER NOT NULL, answer BLOB NOT NULL, PRIMARY KEY (face, key));
"""
_BUSY_SECONDS = 10.0
_REFUND_COLUMNS = (
    "reference, key, payment, currency, amount, reason, metadata, status, failure, created_at"
)


class LedgerRefund(Struct, frozen=True, kw_only=True):
    """A refund as the ledger has it."""

    reference: str
    key: str | None
    payment: str
    currency: str
    amount: str
    reason: str
    metadata: dict[str, str]
    status: str
    failure: str
    created_at: str


class KeyedAnswer(Struct, frozen=True):
    """What was asked with a key, and what came of it."""

    asked: str
    reference: str | None
    status: int
    answer: bytes


class Payment(Struct, frozen=True):
    """A payment that was registered, and what of it has not gone back yet."""

    payment: str
    currency: str
    captured: str
    left: str


class RefundTooLarge(Exception):
    """More than was captured, or in another currency."""


class Ledger:
    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Autocommit: transactions begin and end where this file says so.
        self._connection = sqlite3.connect(
            file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What happens within is stored as one, or not at all."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def register(self, payment: str, currency: str, captured: str) -> bool:
        """Whether the payment is known with this content; false if with another."""
        self._rows(
            "INSERT INTO payments VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (payment, currency, captured),
        )
        rows = self._rows("SELECT currency, captured FROM payments WHERE payment = ?", (payment,))
        return bool(rows == [(currency, captured)])

    def payment(self, payment: str) -> Payment | None:
        rows = self._rows("SELECT currency, captured FROM payments WHERE payment = ?", (payment,))
        if not rows:
            return None
        ((currency, captured),) = rows
        given = [Decimal(r.amount) for r in self.refunds(payment=payment) if r.status != "failed"]
        left = Decimal(captured) - sum(given, Decimal(0))
        return Payment(payment, currency, captured, str(left))

    def give(
        self,
        *,
        key: str | None,
        payment: str,
        currency: str,
        amount: str,
        reason: str,
        metadata: dict[str, str],
        status: str,
    ) -> LedgerRefund:
        """Write a refund down. Raises TooMuch, for a payment that was registered."""
        known = self.payment(payment)
        if known and known.currency != currency:
            raise RefundTooLarge(
                f"payment {payment} was made in {known.currency}, not in {currency}"
            )
        if known and Decimal(amount) > Decimal(known.left):
            raise RefundTooLarge(
                f"{known.left} {currency} of payment {payment} is left, {amount} is more"
            )
        line = LedgerRefund(
            reference=f"re_{secrets.token_hex(12)}",
            key=key,
            payment=payment,
            currency=currency,
            amount=amount,
            reason=reason,
            metadata=metadata,
            status=status,
            failure="declined" if status == "failed" else "",
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        row = (line.reference, key, payment, currency, amount, reason, json.dumps(metadata))
        self._rows(
            f"INSERT INTO refunds ({_REFUND_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, status, line.failure, line.created_at),
        )
        return line

    def settle(self, reference: str, status: str, failure: str) -> LedgerRefund | None:
        """What was pending has come to its end."""
        self._rows(
            "UPDATE refunds SET status = ?, failure = ? WHERE reference = ?",
            (status, failure, reference),
        )
        return self.refund(reference)

    def refund(self, reference: str) -> LedgerRefund | None:
        found = self._rows(
            f"SELECT {_REFUND_COLUMNS} FROM refunds WHERE reference = ?", (reference,)
        )
        return _to_refund(found[0]) if found else None

    def refunds(
        self, *, key: str | None = None, payment: str | None = None, after: str | None = None
    ) -> list[LedgerRefund]:
        """In the order in which they were made; with `after`, those since that one."""
        found = self._rows(
            f"SELECT {_REFUND_COLUMNS} FROM refunds WHERE (?1 IS NULL OR key = ?1)"
            " AND (?2 IS NULL OR payment = ?2) AND (?3 IS NULL OR number >"
            " (SELECT number FROM refunds WHERE reference = ?3)) ORDER BY number",
            (key, payment, after),
        )
        return [_to_refund(row) for row in found]

    def kept(self, face: str, key: str) -> KeyedAnswer | None:
        rows = self._rows(
            "SELECT asked, reference, status, answer FROM keys WHERE face = ? AND key = ?",
            (face, key),
        )
        return KeyedAnswer(*rows[0]) if rows else None

    def keep(self, face: str, key: str, kept: KeyedAnswer) -> None:
        self._rows(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?)",
            (face, key, kept.asked, kept.reference, kept.status, kept.answer),
        )

    def forget_keys(self, face: str) -> None:
        self._rows("DELETE FROM keys WHERE face = ?", (face,))

    def _rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


def _to_refund(row: Sequence[Any]) -> LedgerRefund:
    reference, key, payment, currency, amount, reason, metadata, status, failure, created_at = row
    return LedgerRefund(
        reference=reference,
        key=key,
        payment=payment,
        currency=currency,
        amount=amount,
        reason=reason,
        metadata=json.loads(metadata),
        status=status,
        failure=failure,
        created_at=created_at,
    )
