"""Checkpoints outside the database, where a restore or a database administrator cannot change them."""

import re
from pathlib import Path
from typing import Final

from infrastructure.transparency.storage import open_storage

LATEST_FILE: Final = "latest"
_DIGITS: Final = 20
"""The length of a numbered file's name."""
_FILE = re.compile(rf"(\d{{{_DIGITS}}}|{LATEST_FILE})(?:\.([2-9]|[1-9]\d{{1,3}}))?", re.ASCII)
"""The name of a checkpoint's file, and the number of its origin."""
DISPUTED_FILE: Final = "disputed"
MAX_CHECKPOINTS: Final = 1_000
"""This many of the newest are all kept; older ones are thinned out."""


class OutsideCheckpoints:
    """A file for each checkpoint and one for the latest, in a directory or a bucket.

    The files of an origin after accepted losses (NAME/2) end with its number: `latest.2`.
    """

    def __init__(self, where: Path | str, number: int = 1) -> None:
        self.place = open_storage(where)
        self.number = number
        self._suffix = "" if number == 1 else f".{number}"

    def of_origin(self, number: int) -> "OutsideCheckpoints":
        """The checkpoints of another origin at the same place."""
        return OutsideCheckpoints(str(self.place), number)

    def numbers(self) -> list[int]:
        """The numbers of the origins that have files here, ascending."""
        found = (_FILE.fullmatch(name) for name in self.place.names())
        return sorted({int(one[2] or 1) for one in found if one is not None})

    def latest(self) -> bytes | None:
        """The checkpoint of the largest size: `latest`, or a numbered one if `latest` was removed or
        replaced by an earlier one."""
        found = [self.place.read(self.latest_file)]
        for size in reversed(self.sizes()):
            note = self.note(size)
            found.append(note)
            # A file with the name of a larger size may be a copy of an earlier checkpoint.
            if note is not None and size_of_note(note) == size:
                break
        return max((note for note in found if note is not None), key=size_of_note, default=None)

    @property
    def latest_file(self) -> str:
        return f"{LATEST_FILE}{self._suffix}"

    @property
    def disputed_file(self) -> str:
        return f"{DISPUTED_FILE}{self._suffix}"

    def has_latest_file(self) -> bool:
        return self.place.read(self.latest_file) is not None

    def note(self, size: int) -> bytes | None:
        return self.place.read(self._name(size))

    def sizes(self) -> list[int]:
        names = (_FILE.fullmatch(name) for name in self.place.names())
        of_ours = (one for one in names if one and int(one[2] or 1) == self.number)
        return sorted(int(one[1]) for one in of_ours if one[1] != LATEST_FILE)

    def _name(self, size: int) -> str:
        return f"{size:0{_DIGITS}d}{self._suffix}"

    def keep(self, size: int, note: bytes) -> None:
        """Store a checkpoint durably. Readers see the former latest one or this one, complete. A slow
        writer never replaces the latest by an earlier one."""
        self.write(self._name(size), note)
        self.place.change(
            self.latest_file,
            lambda last: note if last is None or size_of_note(last) <= size else None,
        )

    def disputed(self) -> str | None:
        """Why a witness refuses the log; None if none does."""
        reason = self.place.read(self.disputed_file)
        return reason.decode() if reason is not None else None

    def dispute(self, why: str) -> None:
        self.write(self.disputed_file, why.encode())

    def settle(self) -> None:
        self.place.remove(self.disputed_file)

    def write(self, name: str, content: bytes) -> None:
        """Store a file durably and as a whole."""
        self.place.change(name, lambda _: content)

    def thin_out(self) -> None:
        """Remove every second of the older checkpoints when there are too many. The rest still shows
        roughly where a log begins to differ."""
        sizes = self.sizes()
        if len(sizes) > 2 * MAX_CHECKPOINTS:
            for size in sizes[1:-MAX_CHECKPOINTS:2]:
                self.place.remove(self._name(size))


def size_of_note(note: bytes) -> int:
    """The size that a note states. Its signature is verified later, before the size is used."""
    lines = note.split(b"\n", 2)
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
