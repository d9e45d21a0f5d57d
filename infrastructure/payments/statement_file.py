"""Reads a provider's statement as CSV, one line at a time: a line that cannot be read hides no other."""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.adjustments.errors import StatementNotWhole
from domain.adjustments.provider_statement import (
    RefundStatus,
    StatementEntry,
    StatementLine,
    UnreadableLine,
)
from domain.money import AMOUNT_PATTERN, Money
from infrastructure.csv_cells import unguard_cell
from infrastructure.encoded_text import UnreadableText, describe_undecodable, to_utf8

COLUMNS: Final = (
    *("line", "reference", "key", "payment", "created_at", "status"),
    *("currency", "amount", "running_total"),
)
_STATUSES: Final = tuple(status.value for status in RefundStatus)
_MOST_SHOWN: Final = 60
_LONGEST_ID: Final = 500


def read_statement(content: bytes) -> list[StatementEntry]:
    """The lines of a statement, with those that cannot be read in their places. A line feed ends a line.

    Raises StatementNotWhole if the line numbers or the totals do not add up, as in a truncated or altered
    file, and UnreadableText.
    """
    header, *lines = [line.removesuffix(b"\r") for line in to_utf8(content).split(b"\n")]
    try:
        header.decode()
    except UnicodeDecodeError as error:
        raise UnreadableText(f"{describe_undecodable(error)}: write it in UTF-8") from None
    while lines and not lines[-1]:
        lines.pop()
    if not lines or lines[-1] != b"end,%d" % (len(lines) - 1):
        raise StatementNotWhole("its last line does not state the number of lines")
    reader = _Reader()
    return [reader.read(number, line) for number, line in enumerate(lines[:-1], start=2)]


class _Reader:
    """Reads the lines in their order, and checks numbers and running totals."""

    def __init__(self) -> None:
        self._totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._gap = False
        self._certain: set[str] = set()
        """After a line that cannot be read: the currencies of which a later line told the total."""

    def read(self, number: int, raw: bytes) -> StatementEntry:
        fields: list[str] = []
        try:
            fields += _split_fields(raw)
            line, total = _parse_line(fields)
        except (csv.Error, ValueError) as error:
            self._gap, self._certain = True, set()
            return _unreadable(number, fields, str(error))
        if fields[0] != str(number - 1) or not self._adds_up(line, total):
            raise StatementNotWhole(f"line {number} does not add up")
        return line

    def _adds_up(self, line: StatementLine, total: Decimal) -> bool:
        currency = line.amount.currency
        expected = self._totals[currency]
        if line.status is not RefundStatus.FAILED:
            expected += line.amount.value
        is_unsure = self._gap and currency not in self._certain
        self._totals[currency] = total
        self._certain.add(currency)
        return total >= expected if is_unsure else total == expected


def _split_fields(raw: bytes) -> list[str]:
    """The fields of a line. Raises ValueError, csv.Error."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(describe_undecodable(error)) from None
    if found := re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError(f"it has the control character {found[0]!r}")
    return next(csv.reader([text], strict=True), [])


def _parse_line(fields: Sequence[str]) -> tuple[StatementLine, Decimal]:
    """The refund and the running total. Raises ValueError."""
    if len(fields) != len(COLUMNS):
        raise ValueError(f"it has {len(fields)} fields, not {len(COLUMNS)}")
    numbered, reference, key, payment, created_at, status, currency, amount, total = fields
    if not (numbered.isascii() and numbered.isdigit()):
        raise ValueError(f"its number is {_shorten(numbered)}")
    if max(map(len, (reference, key, payment))) > _LONGEST_ID:
        raise ValueError(f"an id is longer than {_LONGEST_ID} characters")
    if not reference:
        raise ValueError("it has no reference")
    if status not in _STATUSES:
        raise ValueError(f"the status is {_shorten(status)}, not one of {', '.join(_STATUSES)}")
    for what, text in (("amount", amount), ("running total", total)):
        if not re.search(AMOUNT_PATTERN, text):
            raise ValueError(f"the {what} is {_shorten(text)}, not an amount such as 12.30")
    line = StatementLine(
        reference=unguard_cell(reference),
        key=unguard_cell(key) or None,
        payment=unguard_cell(payment),
        amount=Money(amount, currency),
        status=RefundStatus(status),
        created_at=_parse_time(created_at),
    )
    return line, Decimal(total)


def _parse_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"the time is {_shorten(text)}, not a time of ISO 8601") from None
    if at.tzinfo is None:
        raise ValueError(f"the time {text} has no time zone")
    return at


def _unreadable(number: int, fields: Sequence[str], why: str) -> UnreadableLine:
    """The line, with the fields that could be read."""
    padded = [*fields, *[""] * len(COLUMNS)]
    ids = [unguard_cell(text) if len(text) <= _LONGEST_ID else "" for text in padded[1:4]]
    try:
        at = _parse_time(padded[4])
    except ValueError:
        at = None
    return UnreadableLine(
        number=number,
        detail=why,
        reference=ids[0],
        key=ids[1] or None,
        payment=ids[2],
        created_at=at,
    )


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…")
