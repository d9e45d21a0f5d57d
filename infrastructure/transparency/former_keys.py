"""Keys that have signed checkpoints before, and up to which size: a file beside the checkpoints."""

from __future__ import annotations

from typing import Final, NamedTuple

from infrastructure.transparency.outside_checkpoints import Outside
from infrastructure.verifier.notes import Key, NoteBroken, checkpoint_of, key_of

KEYS: Final = "keys"


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
            return checkpoint_of(note, self.key).size <= self.until
        except NoteBroken:
            return False


def has_signed(key: Key, note: bytes) -> bool:
    try:
        checkpoint_of(note, key)
    except NoteBroken:
        return False
    return True


def former_keys(outside: Outside) -> list[FormerKey]:
    """The oldest first. Raises NoteBroken."""
    told = outside.place.read(KEYS)
    found = []
    for line in told.decode().splitlines() if told is not None else ():
        first, until, key = line.split(" ", 2)
        found.append(FormerKey(key_of(key), int(first), int(until)))
    return found


def retire(outside: Outside, key: Key, until: int) -> None:
    known = former_keys(outside)
    if any(former.key == key for former in known):
        return
    first = known[-1].until if known else 0
    told = "".join(former.line for former in [*known, FormerKey(key, first, until)])
    outside.write(KEYS, told.encode())
