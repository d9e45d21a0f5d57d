"""Checkpoints outside the database: what a restore, or whoever can write there, does not take along."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from infrastructure.transparency.storage import place

LATEST: Final = "latest"
DISPUTED: Final = "disputed"
KEPT: Final = 1_000
"""The newest so many stay; those before are thinned out."""


class Outside:
    """A file for each size, and one more that says which was the last: in a directory, or in a bucket."""

    def __init__(self, where: Path | str) -> None:
        self.place = place(where)

    def latest(self) -> bytes | None:
        return self.place.read(LATEST)

    def note(self, size: int) -> bytes | None:
        return self.place.read(f"{size:020d}")

    def sizes(self) -> list[int]:
        return sorted(int(name) for name in self.place.names() if name.isdigit())

    def keep(self, size: int, note: bytes) -> None:
        """Kept when this returns; whoever reads sees the one before or this one, whole. The last one
        never becomes an earlier one, whoever is slow."""
        self.write(f"{size:020d}", note)
        self.place.change(
            LATEST, lambda last: note if last is None or _size(last) <= size else None
        )

    def disputed(self) -> str | None:
        """What a witness holds against the log."""
        told = self.place.read(DISPUTED)
        return told.decode() if told is not None else None

    def dispute(self, why: str) -> None:
        self.write(DISPUTED, why.encode())

    def settle(self) -> None:
        self.place.remove(DISPUTED)

    def write(self, name: str, content: bytes) -> None:
        """Kept when this returns, whole."""
        self.place.change(name, lambda _: content)

    def thin_out(self) -> None:
        """Of the older ones each second goes, as often as there are too many: what is left still
        tells about where, if a log should ever turn out to differ."""
        sizes = self.sizes()
        if len(sizes) > 2 * KEPT:
            for size in sizes[1:-KEPT:2]:
                self.place.remove(f"{size:020d}")


def _size(note: bytes) -> int:
    """As it says itself: whether that was signed is asked before anything is made of it."""
    lines = note.split(b"\n", 2)
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
