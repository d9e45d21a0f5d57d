"""A payment provider's own list of what it gave back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from domain.money import Money


class RefundStatus(StrEnum):
    """How far a refund has come. A provider may still let fail what it has called succeeded."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class StatementLine(Struct, frozen=True, kw_only=True):
    """One refund on the provider's own list. One that nobody here asked for may have no key."""

    reference: str
    key: str | None
    payment: str
    amount: Money
    status: RefundStatus
    created_at: datetime


def statement_digest(lines: Iterable[StatementLine]) -> str:
    """SHA-256 of the lines, each as canonical JSON with an end of line."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(msgspec.json.encode(line, order="sorted") + b"\n")
    return digest.hexdigest()
