"""Keys that have signed checkpoints before, and up to which size: a file beside the checkpoints."""

from __future__ import annotations

from typing import Final, NamedTuple

from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.verifier.notes import Key, NoteBroken, open_checkpoint, parse_key

KEYS_FILE: Final = "keys"


class FormerKey(NamedTuple):
    """A line: FROM UNTIL KEY."""

    key: Key
    first: int
    until: int

    @property
    def line(self) -> str:
        return f"{self.first} {self.until} {self.key.text}\n"

    def has_signed(self, note: bytes) -> bool:
        """While it was in force."""
        try:
            return open_checkpoint(note, self.key).size <= self.until
        except NoteBroken:
            return False


def has_signed(key: Key, note: bytes) -> bool:
    try:
        open_checkpoint(note, key)
    except NoteBroken:
        return False
    return True


def read_former_keys(outside: OutsideCheckpoints) -> list[FormerKey]:
    """The oldest first. Raises NoteBroken."""
    told = outside.place.read(KEYS_FILE)
    found = []
    for line in told.decode().splitlines() if told is not None else ():
        first, until, key = line.split(" ", 2)
        found.append(FormerKey(parse_key(key), int(first), int(until)))
    return found


def add_former_key(outside: OutsideCheckpoints, key: Key, until: int) -> None:
    known = read_former_keys(outside)
    if any(former.key == key for former in known):
        return
    first = known[-1].until if known else 0
    told = "".join(former.line for former in [*known, FormerKey(key, first, until)])
    outside.write(KEYS_FILE, told.encode())
