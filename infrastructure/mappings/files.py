"""Reads files as deliveries: JSON and XML are one each; a line of NDJSON, and a row of CSV or XLSX, is one each."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

import xmltodict

from domain.fault_texts import shown
from infrastructure.encoded_text import (
    GZIP_MAGIC,
    TextTooLong,
    UnreadableText,
    describe_undecodable,
    read_bytes,
    to_utf8,
    unpack,
)
from infrastructure.mappings.formats import FORMATS
from infrastructure.mappings.parts import FileUnreadable, Part
from infrastructure.mappings.row_groups import group_rows
from infrastructure.mappings.workbooks import WorkbookUnreadable, read_workbook

LARGEST_BYTES: Final = 64 << 20
MOST_COLUMNS: Final = 16_384
"""As many as a sheet of XLSX has."""
_BY_SUFFIX: Final = {".jsonl": "ndjson", ".txt": "csv", ".tsv": "csv"}
_UNREADABLE: Final = (UnreadableText, TextTooLong, ValueError, RecursionError)


def format_of(file: Path) -> str | None:
    """One of `FORMATS`, by the end of the file's name; None if it tells none."""
    suffix = (file.with_suffix("") if file.suffix == ".gz" else file).suffix.lower()
    form = _BY_SUFFIX.get(suffix, suffix.removeprefix("."))
    return form if form in FORMATS else None


def read_parts(
    file: Path, form: str | None = None, content: bytes | None = None, rows_by: Sequence[str] = ()
) -> Iterator[Part]:
    """The deliveries of a file; `form` is one of `FORMATS`, else the suffix says it. `content` is that of the file
    where it was read already. Rows with the same values in the columns `rows_by` are one. Raises FileUnreadable."""
    parts = _parts(file, form, content)
    return group_rows(file, parts, rows_by) if rows_by else parts


def _parts(file: Path, form: str | None, content: bytes | None) -> Iterator[Part]:
    """Raises FileUnreadable."""
    form = form or format_of(file)
    if form is None:
        raise FileUnreadable(
            file, f"its name does not tell its format; the formats are {', '.join(FORMATS)}"
        )
    try:
        if content is None:
            content = read_bytes(file, LARGEST_BYTES)
        if content.startswith(GZIP_MAGIC):
            content = unpack(content, LARGEST_BYTES)
        if form == "xlsx":
            yield from _rows_of_workbook(file, content)
            return
        if form == "csv":
            yield from _rows_of_csv(file, _text_of_csv(content))
            return
        text = content.decode("utf-8-sig") if form == "xml" else to_utf8(content).decode()
    except OSError as error:
        raise FileUnreadable(file, str(error.strerror)) from None
    except UnicodeDecodeError as error:
        raise FileUnreadable(file, describe_undecodable(error)) from None
    except _UNREADABLE as error:
        raise FileUnreadable(file, str(error)) from None
    if form == "ndjson":
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield _part(f"{file}:{number}", "json", line, number)
    elif not text.strip():
        yield Part(str(file), fault="it is empty", text=text)
    else:
        yield _part(str(file), form, text)


def parse_body(form: str, text: str) -> Any:
    """Plain data of JSON or XML. Raises ValueError.

    XML becomes objects by the names of its elements; attributes have `@` before their names, and text beside
    them is `#text`. Namespaces are left out, with the prefixes that each sender chooses.
    """
    if form == "xml":
        try:
            return _without_namespaces(
                xmltodict.parse(text, process_namespaces=True, namespace_separator=_BETWEEN)
            )
        except RecursionError:
            raise ValueError("not readable as XML: nested too deeply") from None
        except (ExpatError, ValueError) as error:
            raise ValueError(f"not readable as XML: {error}") from None
    try:
        body = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
        if _HALF.search(text):
            json.dumps(body, ensure_ascii=False).encode()
        return body
    except UnicodeEncodeError:
        raise ValueError(
            "not readable as JSON: half of a character that UTF-16 writes in two, such as \\ud800 alone"
        ) from None
    except RecursionError:
        raise ValueError("not readable as JSON: nested too deeply") from None
    except ValueError as error:
        # Python reads no longer ones, and tells programmers how to allow them.
        is_long = "int_max_str_digits" in str(error)
        detail = "a number of more than 4,300 digits" if is_long else error
        raise ValueError(f"not readable as JSON: {detail}") from None


_BETWEEN: Final = " "
"""Between a namespace and a name; neither has one."""


def _without_namespaces(value: Any) -> Any:
    """The same data by names alone. Raises ValueError where two namespaces have one name in an element: they are
    not the same, and a list of both would be summed, say."""
    if isinstance(value, list):
        return [_without_namespaces(one) for one in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, one in value.items():
        if key == "@xmlns":
            continue
        name = key.rpartition(_BETWEEN)[2]
        if key.startswith("@"):
            name = f"@{name.removeprefix('@')}"
        if name in found:
            raise ValueError(f"two namespaces have the name {shown(name)} in one element")
        found[name] = _without_namespaces(one)
    return found


_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON writes half of such a character; two halves together are sound."""


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are each there once: readers disagree on which of two counts."""
    found = dict(members)
    if len(found) != len(members):
        ((name, _),) = Counter(name for name, _ in members).most_common(1)
        raise ValueError(f"the key {shown(name)} stands twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _part(place: str, form: str, text: str, line: int | None = None) -> Part:
    try:
        return Part(place, parse_body(form, text), line=line)
    except ValueError as error:
        return Part(place, fault=str(error), line=line, text=text)


def _text_of_csv(content: bytes) -> str:
    try:
        return to_utf8(content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableText(
            f"byte {error.start + 1} is not UTF-8: save it as UTF-8 (in a spreadsheet: `CSV UTF-8`)"
        ) from None


def _rows_of_csv(file: Path, text: str) -> Iterator[Part]:
    first = text.split("\n", 1)[0]
    # The separator that splits the header: spreadsheets write `;` where the comma is decimal.
    separator = max(",;\t|", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise FileUnreadable(file, f"its first line is no header: {error}") from None
    yield from _rows(file, header, _numbered(file, rows))


def _numbered(file: Path, rows: Any) -> Iterator[tuple[int, list[Any]]]:
    while True:
        start = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileUnreadable(file, f"{error}; rows from here on were not read", start) from None
        if row:
            yield start, row


def _rows_of_workbook(file: Path, content: bytes) -> Iterator[Part]:
    try:
        rows = read_workbook(content)
    except WorkbookUnreadable as error:
        raise FileUnreadable(file, f"not readable as XLSX: {error}") from None
    header = [str(one) for one in rows[0]] if rows else []
    numbered = ((n, row) for n, row in enumerate(rows[1:], start=2))
    yield from _rows(file, header, (one for one in numbered if any(cell != "" for cell in one[1])))


def _rows(file: Path, header: list[str], rows: Iterator[tuple[int, list[Any]]]) -> Iterator[Part]:
    names = [name.strip() for name in header]
    if not any(names):
        raise FileUnreadable(file, "it is empty; its first row must name the columns")
    if len(names) > MOST_COLUMNS:
        raise FileUnreadable(file, f"{len(names)} columns; at most {MOST_COLUMNS} are read")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise FileUnreadable(file, f"two columns are named {', '.join(map(repr, twice))}")
    for number, row in rows:
        place = f"{file}:{number}"
        if len(row) != len(names):
            fault = f"{len(row)} fields, but the header has {len(names)}"
            yield Part(place, fault=fault, line=number, text="\t".join(map(str, row)))
        else:
            yield Part(place, dict(zip(names, row, strict=True)), line=number)
