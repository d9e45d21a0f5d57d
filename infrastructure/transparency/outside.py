"""Checkpoints outside the database: what a restore, or whoever can write there, does not take along."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from infrastructure.file_locks import flocked

LATEST: Final = "latest"
DISPUTED: Final = "disputed"
KEPT: Final = 1_000
"""The newest so many stay; those before are thinned out."""


class Outside:
    """A directory with a file for each size, and one more that says which was the last."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def latest(self) -> bytes | None:
        try:
            return (self.directory / LATEST).read_bytes()
        except FileNotFoundError:
            return None

    def note(self, size: int) -> bytes | None:
        try:
            return (self.directory / f"{size:020d}").read_bytes()
        except FileNotFoundError:
            return None

    def sizes(self) -> list[int]:
        if not self.directory.is_dir():
            return []
        return sorted(int(file.name) for file in self.directory.iterdir() if file.name.isdigit())

    def keep(self, size: int, note: bytes) -> None:
        """On disk when this returns; whoever reads sees the one before or this one, whole. The last one
        never becomes an earlier one, whoever is slow."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with flocked(self.directory / ".lock"):
            self.write(f"{size:020d}", note)
            last = self.latest()
            if last is None or _size(last) <= size:
                self.write(LATEST, note)

    def disputed(self) -> str | None:
        """What a witness holds against the log."""
        try:
            return (self.directory / DISPUTED).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def dispute(self, why: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.write(DISPUTED, why.encode())

    def settle(self) -> None:
        (self.directory / DISPUTED).unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """On disk when this returns, whole."""
        beside = self.directory / f".{name}.{secrets.token_hex(4)}"
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.directory / name)
        folder = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def thin_out(self) -> None:
        """Of the older ones each second goes, as often as there are too many: what is left still
        tells about where, if a log should ever turn out to differ."""
        sizes = self.sizes()
        if len(sizes) > 2 * KEPT:
            for size in sizes[1:-KEPT:2]:
                (self.directory / f"{size:020d}").unlink(missing_ok=True)


def _size(note: bytes) -> int:
    """As it says itself: whether that was signed is asked before anything is made of it."""
    lines = note.split(b"\n", 2)
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
