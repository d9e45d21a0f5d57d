"""Checkpoints outside the database, where a restore or a database administrator cannot change them."""

from pathlib import Path
from typing import Final

from infrastructure.transparency.storage import open_storage

LATEST_FILE: Final = "latest"
_DIGITS: Final = 20
"""The length of a numbered file's name."""
DISPUTED_FILE: Final = "disputed"
MAX_CHECKPOINTS: Final = 1_000
"""This many of the newest are all kept; older ones are thinned out."""


class OutsideCheckpoints:
    """A file for each checkpoint and one for the latest, in a directory or a bucket."""

    def __init__(self, where: Path | str) -> None:
        self.place = open_storage(where)

    def latest(self) -> bytes | None:
        """The checkpoint of the largest size: `latest`, or a numbered one if `latest` was removed or
        replaced by an earlier one."""
        found = [self.place.read(LATEST_FILE)]
        for size in reversed(self.sizes()):
            note = self.note(size)
            found.append(note)
            # A file with the name of a larger size may be a copy of an earlier checkpoint.
            if note is not None and size_of_note(note) == size:
                break
        return max((note for note in found if note is not None), key=size_of_note, default=None)

    def has_latest_file(self) -> bool:
        return self.place.read(LATEST_FILE) is not None

    def note(self, size: int) -> bytes | None:
        return self.place.read(f"{size:0{_DIGITS}d}")

    def sizes(self) -> list[int]:
        names = self.place.names()
        return sorted(int(name) for name in names if len(name) == _DIGITS and name.isdecimal())

    def keep(self, size: int, note: bytes) -> None:
        """Store a checkpoint durably. Readers see the former latest one or this one, complete. A slow
        writer never replaces the latest by an earlier one."""
        self.write(f"{size:0{_DIGITS}d}", note)
        self.place.change(
            LATEST_FILE, lambda last: note if last is None or size_of_note(last) <= size else None
        )

    def disputed(self) -> str | None:
        """Why a witness refuses the log; None if none does."""
        reason = self.place.read(DISPUTED_FILE)
        return reason.decode() if reason is not None else None

    def dispute(self, why: str) -> None:
        self.write(DISPUTED_FILE, why.encode())

    def settle(self) -> None:
        self.place.remove(DISPUTED_FILE)

    def write(self, name: str, content: bytes) -> None:
        """Store a file durably and as a whole."""
        self.place.change(name, lambda _: content)

    def thin_out(self) -> None:
        """Remove every second of the older checkpoints when there are too many. The rest still shows
        roughly where a log begins to differ."""
        sizes = self.sizes()
        if len(sizes) > 2 * MAX_CHECKPOINTS:
            for size in sizes[1:-MAX_CHECKPOINTS:2]:
                self.place.remove(f"{size:0{_DIGITS}d}")


def size_of_note(note: bytes) -> int:
    """The size that a note states. Its signature is verified later, before the size is used."""
    lines = note.split(b"\n", 2)
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
