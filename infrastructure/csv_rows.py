"""Rows of a CSV file, each by itself: a broken line breaks no other.

A row is one line: what a field may hold, a line break among it, is the same for all tables that we
read, and a stray quote must not swallow the rest of the file.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

from msgspec import Struct

MOST_REFUSALS_KEPT: Final = 1_000


class UnreadableTable(Exception):
    """The file is not a whole table with these columns."""


class Row(Struct, frozen=True):
    """One line: its fields by column. `fault` says why it cannot be one; the fields are then those
    that could be made out."""

    line: int
    fields: dict[str, str]
    fault: str = ""


class RowRefused(Exception):
    """A row does not say what a row of its table must say."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.detail = detail


class RejectedRow(Struct, frozen=True):
    """A row that was left out: the file, its line, the column if one is at fault, and why."""

    file: str
    line: int
    column: str
    detail: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" + (f" ({self.column})" if self.column else "")
        return f"{where}: {self.detail}"


def read_rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a file (`.csv`, or `.csv.gz`), whose header must have these columns.

    Raises TableUnreadable for a missing column, and for a file that breaks off.
    """
    try:
        with _open(file) as text:
            header = _header(file, next(text, "").removeprefix("\ufeff"))
            missing = [column for column in columns if column not in header]
            if missing:
                raise UnreadableTable(f"{file.name} has no column {', '.join(missing)}")
            for number, line in enumerate(text, start=2):
                if line.strip():
                    yield _parse_row(number, line, header)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableTable(f"{file.name}: {error}") from None


def _header(file: Path, line: str) -> list[str]:
    try:
        return _split_fields(line)
    except csv.Error as error:
        raise UnreadableTable(f"{file.name}: its first line is no header ({error})") from None


def _open(file: Path) -> TextIO:
    # What is not UTF-8 is kept as halves of surrogates, to be told with its line.
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", errors="surrogateescape")
    return file.open(encoding="utf-8", errors="surrogateescape")


def _parse_row(number: int, line: str, header: Sequence[str]) -> Row:
    try:
        values = _split_fields(line)
    except csv.Error as error:
        return Row(number, {}, str(error))
    fields = dict(zip(header, values, strict=False))
    if len(values) != len(header):
        return Row(number, fields, f"{len(values)} fields, the header has {len(header)}")
    if any("\udc80" <= letter <= "\udcff" for letter in line):
        return Row(number, fields, "not UTF-8")
    return Row(number, fields)


def _split_fields(line: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], strict=True), [])
