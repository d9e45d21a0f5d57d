"""The newest acknowledged leaves and commands of one process, in its memory-mapped file: after a loss they tell
what was lost.

Two rings of slots, each with a checksum: a killed process may leave one slot half written.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

LEAVES: Final = 8_192
"""How many of the newest leaves are kept."""
COMMANDS: Final = 2_048
_LEAF = struct.Struct(">Q32sI")
_COMMAND = struct.Struct(">QHHI")
_TEXT_BYTES: Final = 176
_COMMAND_BYTES: Final = _COMMAND.size + _TEXT_BYTES
_LEAF_RING: Final = LEAVES * _LEAF.size
RINGS_BYTES: Final = _LEAF_RING + COMMANDS * _COMMAND_BYTES
_POSITION = struct.Struct(">Q")


class AcknowledgedCommand(NamedTuple):
    """A command with its Idempotency-Key, and the position of its last event."""

    position: int
    principal: str
    key: str


def write_leaves(target: memoryview, first: int, leaves: Sequence[bytes]) -> None:
    """Write the leaves from position `first` on; of more than fit, the last."""
    dropped = max(len(leaves) - LEAVES, 0)
    first, leaves = first + dropped, leaves[dropped:]
    pack, crc32, position = _LEAF.pack, zlib.crc32, _POSITION.pack
    slots = b"".join(
        pack(at, leaf, crc32(leaf, crc32(position(at)))) for at, leaf in enumerate(leaves, first)
    )
    start = first % LEAVES * _LEAF.size
    until_end = min(len(slots), _LEAF_RING - start)
    target[start : start + until_end] = slots[:until_end]
    target[: len(slots) - until_end] = slots[until_end:]


def write_command(target: memoryview, number: int, command: AcknowledgedCommand) -> None:
    """Write the process's command number `number`. A text that does not fit is cut."""
    principal = command.principal.encode()[: _TEXT_BYTES // 2]
    key = command.key.encode()[: _TEXT_BYTES - len(principal)]
    texts = principal + key
    checked = zlib.crc32(texts, zlib.crc32(_POSITION.pack(command.position)))
    head = _COMMAND.pack(command.position, len(principal), len(key), checked)
    start = _LEAF_RING + number % COMMANDS * _COMMAND_BYTES
    target[start : start + len(head) + len(texts)] = head + texts


def read_leaves(rings: bytes) -> Iterator[tuple[int, bytes]]:
    """Position and leaf of each complete slot, in no order."""
    for position, leaf, checked in _LEAF.iter_unpack(rings[:_LEAF_RING]):
        if position and zlib.crc32(leaf, zlib.crc32(_POSITION.pack(position))) == checked:
            yield position, leaf


def read_commands(rings: bytes) -> Iterator[AcknowledgedCommand]:
    """Each complete slot, in no order."""
    for start in range(_LEAF_RING, RINGS_BYTES, _COMMAND_BYTES):
        position, principal, key, checked = _COMMAND.unpack_from(rings, start)
        texts = rings[start + _COMMAND.size :][: principal + key]
        if position and zlib.crc32(texts, zlib.crc32(_POSITION.pack(position))) == checked:
            name, word = texts[:principal], texts[principal:]
            yield AcknowledgedCommand(
                position, name.decode(errors="replace"), word.decode(errors="replace")
            )
