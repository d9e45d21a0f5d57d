"""Reads the first sheet of an XLSX file in a process of its own.

A file of two kilobytes can ask for terabytes: a cell at the far end of the sheet, a packed part that unpacks without
end. The reader then ends its whole process. So it has one, with bounds of memory and time.
"""

import io
import subprocess
import sys
import zipfile
from typing import Any, Final

import msgspec

MOST_UNPACKED: Final = 256 << 20
_MOST_SECONDS: Final = 60
_READER: Final = """
import datetime, io, json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from python_calamine import CalamineError, CalamineWorkbook
MOST_CELLS = 2_000_000
LONGEST = 256 << 20

def plain(cell):
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat()
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell

def rows():
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read())).get_sheet_by_index(0)
    if sheet.total_height * sheet.total_width > MOST_CELLS:
        return f"{sheet.total_height} rows of {sheet.total_width} columns; at most {MOST_CELLS} cells are read"
    return [[plain(one) for one in row] for row in sheet.to_python(skip_empty_area=False)]

try:
    found = rows()
except CalamineError as error:
    found = str(error)
text = json.dumps(found, default=str)
if len(text) > LONGEST:
    text = json.dumps("its texts are too long together; send it in parts")
sys.stdout.write(text)
"""


class WorkbookUnreadable(Exception):
    """The bytes are no XLSX file, or ask for more than is allowed."""


def read_workbook(content: bytes) -> list[list[Any]]:
    """The cells of the first sheet by row, from A1: texts, numbers and truths; times as text without an offset, and
    empty cells as empty texts. Raises WorkbookUnreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise WorkbookUnreadable(str(error)) from None
    if unpacked > MOST_UNPACKED:
        raise WorkbookUnreadable(f"more than {MOST_UNPACKED} bytes when unpacked; send it in parts")
    try:
        ran = subprocess.run(
            [sys.executable, "-c", _READER],
            input=content,
            capture_output=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WorkbookUnreadable(f"it takes more than {_MOST_SECONDS} seconds to read") from None
    if ran.returncode != 0:
        raise WorkbookUnreadable(
            "it asks for more memory or time than is allowed, or is broken: is there a cell far from the others?"
        )
    found: Any = msgspec.json.decode(ran.stdout)
    if isinstance(found, str):
        raise WorkbookUnreadable(found)
    return list(found)
