"""Reads a provider's statement as CSV, one line at a time: a line that cannot be read hides no other."""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from domain.adjustments.errors import StatementNotWhole
from domain.adjustments.provider_statement import (
    RefundStatus,
    StatementEntry,
    StatementLine,
    UnreadableLine,
)
from domain.moments import check_in_every_zone
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

    Raises StatementNotWhole if the header is another one, or the line numbers or totals do not add up, as
    in a truncated or altered file, and UnreadableText.
    """
    header, *lines = [line.removesuffix(b"\r") for line in to_utf8(content).split(b"\n")]
    try:
        header.decode()
    except UnicodeDecodeError as error:
        raise UnreadableText(f"{describe_undecodable(error)}: write it in UTF-8") from None
    while lines and not lines[-1]:
        lines.pop()
    _require_columns(header.decode(), is_alone=not lines)
    _require_end(lines)
    reader = _Reader()
    return [reader.read(number, line) for number, line in enumerate(lines[:-1], start=2)]


def _require_columns(header: str, *, is_alone: bool) -> None:
    """Raise StatementNotWhole if the first line does not name the columns."""
    names = [name.strip() for name in header.split(",")]
    if names == [*COLUMNS]:
        return
    wanted = f"line 1 must be the header {','.join(COLUMNS)}"
    if is_alone and not header.strip():
        raise StatementNotWhole(f"it is empty: {wanted}")
    missing = [name for name in COLUMNS if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if len(missing) == len(COLUMNS):
        found = f"it is {_shorten(header)}"
    elif missing or unknown:
        found = "; ".join(
            f"{what}: {_shorten(', '.join(some))}"
            for what, some in (("missing", missing), ("unknown", unknown))
            if some
        )
    else:
        found = "its columns are in another order, or repeated"
    raise StatementNotWhole(f"{wanted}; {found}")


def _require_end(lines: Sequence[bytes]) -> None:
    """Raise StatementNotWhole if the last line does not count the refunds before it."""
    last = lines[-1].decode(errors="replace") if lines else ""
    found = re.fullmatch(r"end,(\d{1,12})", last)
    if found is None:
        end = f"the last line is {_shorten(last)}" if lines else "there is no line after the header"
        raise StatementNotWhole(
            f"{end}; a complete statement ends with end,N, where N is the number of refunds. Is the "
            "file cut off?"
        )
    if int(found[1]) != len(lines) - 1:
        raise StatementNotWhole(
            f"the last line says that the statement has {found[1]} refunds, and it has {len(lines) - 1}. "
            "Is the file cut off or altered?"
        )


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
        if fields[0] != str(number - 1):
            raise StatementNotWhole(
                f"line {number} does not add up: its number is {fields[0]}, and the refund is number "
                f"{number - 1} of the file. Is a line missing or repeated?"
            )
        if (expected := self._missed_total(line, total)) is not None:
            raise StatementNotWhole(
                f"line {number} does not add up: its running total is {total:f} "
                f"{line.amount.currency}, and the amounts before it give {expected:f}"
            )
        return line

    def _missed_total(self, line: StatementLine, total: Decimal) -> Decimal | None:
        """The running total that the line should have; None if it has it."""
        currency = line.amount.currency
        expected = self._totals[currency]
        if line.status is not RefundStatus.FAILED:
            expected += line.amount.value
        is_unsure = self._gap and currency not in self._certain
        self._totals[currency] = total
        self._certain.add(currency)
        adds_up = total >= expected if is_unsure else total == expected
        return None if adds_up else expected


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
    check_in_every_zone(at)
    return at.astimezone(UTC)


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
