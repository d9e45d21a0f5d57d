"""The parts of files: each is read as a delivery of its own."""

from pathlib import Path
from typing import Any

from msgspec import Struct


class FileUnreadable(Exception):
    """The file is not what its format says, from `line` on where there is one."""

    def __init__(self, file: Path, detail: str, line: int | None = None) -> None:
        self.place = str(file) if line is None else f"{file}:{line}"
        self.detail = detail
        self.line = line
        super().__init__(f"{self.place}: {detail}")


class Part(Struct, frozen=True):
    """One delivery of a file: its place, and its body or the reason why it has none."""

    place: str
    body: Any = None
    fault: str = ""
    line: int | None = None
    """Of the file, from 1; None for a file that is one delivery."""
    text: str = ""
    """What stands there, where it has no body."""
