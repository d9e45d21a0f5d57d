"""Former checkpoint keys and the sizes that they signed: a file beside the checkpoints."""

from typing import Final, NamedTuple

from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.verifier.notes import Key, NoteBroken, open_checkpoint, parse_key

KEYS_FILE: Final = "keys"


class FormerKey(NamedTuple):
    """A former key and the sizes that it signed. Its line in the file: FIRST UNTIL KEY."""

    key: Key
    first: int
    until: int

    @property
    def line(self) -> str:
        return f"{self.first} {self.until} {self.key.text}\n"

    def has_signed(self, note: bytes) -> bool:
        """Whether the key signed this checkpoint while it was in force."""
        try:
            return open_checkpoint(note, self.key).size <= self.until
        except NoteBroken:
            return False


def read_former_keys(outside: OutsideCheckpoints) -> list[FormerKey]:
    """The former keys, oldest first. Raises NoteBroken."""
    content = outside.place.read(KEYS_FILE) or b""
    lines = [line.split(" ", 2) for line in content.decode().splitlines()]
    return [FormerKey(parse_key(key), int(first), int(until)) for first, until, key in lines]


def add_former_key(outside: OutsideCheckpoints, key: Key, until: int) -> None:
    known = read_former_keys(outside)
    if any(former.key == key for former in known):
        return
    first = next((one.until for one in reversed(known) if one.key.name == key.name), 0)
    lines = "".join(former.line for former in [*known, FormerKey(key, first, until)])
    outside.write(KEYS_FILE, lines.encode())
