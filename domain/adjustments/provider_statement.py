"""A payment provider's statement: its own list of refunds."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec
from msgspec import Struct

from domain.adjustments.errors import StatementNotWhole
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


class UnreadableLine(Struct, frozen=True, kw_only=True):
    """A line of the statement that cannot be read, and what of it could be."""

    number: int
    """Its line in the file, with the header as 1; or its place in a list, from 1."""
    detail: str
    reference: str = ""
    key: str | None = None
    payment: str = ""
    created_at: datetime | None = None


StatementEntry: TypeAlias = StatementLine | UnreadableLine


def entries_within(
    entries: Iterable[StatementEntry], since: datetime, until: datetime
) -> list[StatementEntry]:
    """The entries of a period; an entry without a time may be of any."""
    return [one for one in entries if one.created_at is None or since <= one.created_at <= until]


def entries_since(
    entries: Iterable[StatementEntry], since: datetime | None
) -> list[StatementEntry]:
    """The entries from a time on; an entry without a time may be of any."""
    if since is None:
        return [*entries]
    return [one for one in entries if one.created_at is None or one.created_at >= since]


def statement_period(entries: Iterable[StatementEntry]) -> tuple[datetime, datetime]:
    """The times of the first and the last entry. Raises StatementNotWhole if none has a time."""
    entries = [*entries]
    times = [one.created_at for one in entries if one.created_at is not None]
    if not times:
        wrong = [f"line {e.number}: {e.detail}" for e in entries if isinstance(e, UnreadableLine)]
        raise StatementNotWhole("; ".join(["it has no lines, and so no period", *wrong[:3]]))
    return min(times), max(times)


def statement_digest(lines: Iterable[StatementEntry]) -> str:
    """SHA-256 of the lines, each as canonical JSON with an end of line."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(msgspec.json.encode(line, order="sorted") + b"\n")
    return digest.hexdigest()
