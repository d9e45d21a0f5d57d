"""Reads the rows of a CSV file independently: a broken line does not affect the others.

A row is one line. No table that we read has line breaks in fields, and a stray quote must not swallow
the rest of the file.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from infrastructure.encoded_text import UnreadableText, open_text

MOST_REFUSALS_KEPT: Final = 1_000


class UnreadableTable(Exception):
    """The file is not a complete table with these columns."""


class Row(Struct, frozen=True):
    """One line: its fields by column. `fault` states why the line is not a valid row; `fields` then has
    those that could be read."""

    line: int
    fields: dict[str, str]
    fault: str = ""


class RowRefused(Exception):
    """A row is not valid for its table."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.detail = detail


class RejectedRow(Struct, frozen=True):
    """A row that was left out: the file, its line, the faulty column if there is one, and the reason."""

    file: str
    line: int
    column: str
    detail: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" + (f" ({self.column})" if self.column else "")
        return f"{where}: {self.detail}"


def read_rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a file whose header has these columns. Raises UnreadableTable for a missing column, and
    for a file that is truncated or in an encoding that is not read."""
    try:
        with open_text(file, packed=file.suffix == ".gz") as text:
            try:
                header = _split_fields(next(text, ""))
            except csv.Error as error:
                what = f"its first line is not a header ({error})"
                raise UnreadableTable(f"{file.name}: {what}") from None
            missing = [column for column in columns if column not in header]
            if missing:
                raise UnreadableTable(f"{file.name} has no column {', '.join(missing)}")
            for number, line in enumerate(text, start=2):
                if line.strip():
                    yield _parse_row(number, line, header)
    except (OSError, UnreadableText) as error:
        raise UnreadableTable(f"{file.name}: {error}") from None


def _parse_row(number: int, line: str, header: Sequence[str]) -> Row:
    try:
        values = _split_fields(line)
    except csv.Error as error:
        return Row(number, {}, str(error))
    fields = dict(zip(header, values, strict=False))
    if len(values) != len(header):
        return Row(number, fields, f"{len(values)} fields, but the header has {len(header)}")
    if any("\udc80" <= letter <= "\udcff" for letter in line):
        return Row(number, fields, "not UTF-8")
    return Row(number, fields)


def _split_fields(line: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], strict=True), [])
