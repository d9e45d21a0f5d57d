"""A payment provider's statement: its own list of refunds."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from domain.money import Money


class RefundStatus(StrEnum):
    """The state of a refund. A provider may still change succeeded to failed."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class StatementLine(Struct, frozen=True, kw_only=True):
    """One refund on the statement. A refund that this service did not order may have no key."""

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
