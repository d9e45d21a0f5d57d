"""Writes CSV that a spreadsheet shows as it is: no cell becomes a formula.

A cell that begins like a formula, also after spaces and quotes, gets an apostrophe in front. A plain number
such as -12.30 stays a number.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

_SKIPPED: Final = r"[ \xa0\u200b\ufeff\"'`]*"
"""What some programs drop before they look for a formula."""
_FORMULA: Final = re.compile(_SKIPPED + r"[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
"""With the full-width forms of the signs, which some programs read alike."""
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_GUARD: Final = "'"


def write_rows(
    out: TextIO, columns: Sequence[str], rows: Iterable[Iterable[object]], *, line_end: str = "\r\n"
) -> None:
    """Write a table with a header (RFC 4180)."""
    writer = csv.writer(out, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows([guard_cell(value) for value in row] for row in rows)


def guard_cell(value: object) -> object:
    """The cell to write for a value; anything but text is a number, a time or empty."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return _GUARD + value
    return value


def unguard_cell(text: str) -> str:
    """The value of a cell that was written by `guard_cell`."""
    bare = text.removeprefix(_GUARD)
    return bare if guard_cell(bare) == text else text
