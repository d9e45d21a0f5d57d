"""The provider's ledger: an SQLite file. Each commit is on disk before its answer is sent."""

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

from msgspec import Struct, structs

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


class LedgerRefund(Struct, frozen=True, kw_only=True):
    """A refund in the ledger."""

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


_REFUND_COLUMNS = ", ".join(LedgerRefund.__struct_fields__)
_SELECT_REFUND = f"SELECT {_REFUND_COLUMNS} FROM refunds"


class KeyedAnswer(Struct, frozen=True):
    """The answer to a request with a key. `asked` is the digest of the request."""

    asked: str
    reference: str | None
    status: int
    answer: bytes


class Payment(Struct, frozen=True):
    """A registered payment; `left` is the amount not refunded yet."""

    payment: str
    currency: str
    captured: str
    left: str


class RefundTooLarge(Exception):
    """The refund is larger than what is left of its payment, or in another currency."""


class Ledger:
    """Payments, refunds and answers by key."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Autocommit: transactions begin and end explicitly.
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
        """Commit all changes within, or none."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def register(self, payment: str, currency: str, captured: str) -> bool:
        """Register a payment; False if it is registered with another amount or currency."""
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
        refunds = (r for r in self.refunds(payment=payment) if r.status != "failed")
        left = Decimal(captured) - sum((Decimal(r.amount) for r in refunds), Decimal(0))
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
        """Store a refund. Raises RefundTooLarge if its payment is registered and has less left."""
        known = self.payment(payment)
        if known and known.currency != currency:
            raise RefundTooLarge(
                f"payment {payment} was made in {known.currency}, not in {currency}"
            )
        if known and Decimal(amount) > Decimal(known.left):
            raise RefundTooLarge(
                f"payment {payment} has {known.left} {currency} left, less than {amount}"
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
        row = {**structs.asdict(line), "metadata": json.dumps(metadata)}
        self._rows(
            f"INSERT INTO refunds ({_REFUND_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*row.values()],
        )
        return line

    def settle(self, reference: str, status: str, failure: str) -> LedgerRefund | None:
        """Set the final status of a pending refund; None if there is no such refund."""
        self._rows(
            "UPDATE refunds SET status = ?, failure = ? WHERE reference = ?",
            (status, failure, reference),
        )
        return self.refund(reference)

    def refund(self, reference: str) -> LedgerRefund | None:
        found = self._rows(f"{_SELECT_REFUND} WHERE reference = ?", (reference,))
        return _to_refund(found[0]) if found else None

    def refunds(
        self, *, key: str | None = None, payment: str | None = None, after: str | None = None
    ) -> list[LedgerRefund]:
        """The refunds, oldest first; with `after`, those made after that one."""
        found = self._rows(
            f"{_SELECT_REFUND} WHERE (?1 IS NULL OR key = ?1)"
            " AND (?2 IS NULL OR payment = ?2) AND (?3 IS NULL OR number >"
            " (SELECT number FROM refunds WHERE reference = ?3)) ORDER BY number",
            (key, payment, after),
        )
        return [_to_refund(row) for row in found]

    def stored_answer(self, api: str, key: str) -> KeyedAnswer | None:
        rows = self._rows(
            "SELECT asked, reference, status, answer FROM keys WHERE face = ? AND key = ?",
            (api, key),
        )
        return KeyedAnswer(*rows[0]) if rows else None

    def store_answer(self, api: str, key: str, answer: KeyedAnswer) -> None:
        self._rows(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?)",
            (api, key, answer.asked, answer.reference, answer.status, answer.answer),
        )

    def forget_keys(self, api: str) -> None:
        self._rows("DELETE FROM keys WHERE face = ?", (api,))

    def _rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


def _to_refund(row: Sequence[Any]) -> LedgerRefund:
    facts = dict(zip(LedgerRefund.__struct_fields__, row, strict=True))
    return LedgerRefund(**{**facts, "metadata": json.loads(facts["metadata"])})
