"""Checkpoints outside the database: what a restore, or whoever can write there, does not take along."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

LATEST: Final = "latest"
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
        """On disk when this returns; whoever reads sees the one before or this one, whole."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name in (f"{size:020d}", LATEST):
            self._write(name, note)
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

    def _write(self, name: str, note: bytes) -> None:
        beside = self.directory / f".{name}.{secrets.token_hex(4)}"
        with open(beside, "xb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.directory / name)
