"""What a bundle consists of: docs/bundle.md says it in full."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from domain.merkle.tree import Node

FORMAT: Final = "casetrail-bundle/1"
MANIFEST_FILE: Final = "manifest.note"
CHECKPOINT_FILE: Final = "checkpoint"
SINCE_FILE: Final = "since"
KEY_FILE: Final = "key"
EVENTS_FILE: Final = "events.ndjson"
LEAVES_FILE: Final = "leaves.txt"
NODES_FILE: Final = "nodes.txt"
REQUIRED_FILES: Final = (KEY_FILE, CHECKPOINT_FILE, EVENTS_FILE, LEAVES_FILE, NODES_FILE)
MAX_COUNT: Final = 2**53 - 1
"""The largest number that every reader of JSON takes for the same."""
LINE_END: Final = b"}\n"
_NODE = re.compile(rb"([0-9]|[1-5][0-9]|6[0-3]) (0|[1-9][0-9]{0,19}) ([0-9a-f]{64})\n")


class Fault(NamedTuple):
    """What is wrong, and where."""

    code: str
    file: str
    detail: str
    line: int | None = None
    position: int | None = None


class BundleBroken(Exception):
    """Nothing further can be told about the bundle."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class EventRun(NamedTuple):
    """Positions of which the bundle has every event, and the subtrees that come before them."""

    nodes: Sequence[tuple[Node, bytes]]
    first: int
    end: int
    """Not with it."""


def event_line_prefix(position: int) -> bytes:
    return b'{"position":%d,"envelope":' % position


def event_line(position: int, envelope: bytes) -> bytes:
    return event_line_prefix(position) + envelope + LINE_END


def read_runs(file: Path, size: int, since: int) -> Iterator[EventRun]:
    """What nodes.txt leaves to events.ndjson, in order, parted at `since`. Raises Broken."""
    at, before = 0, list[tuple[Node, bytes]]()
    for number, (node, digest) in enumerate(_read_nodes(file), 1):
        crosses = node.first < since < node.end
        if node.first < at or node.end > size or crosses:
            raise BundleBroken(Fault("nodes", NODES_FILE, "the subtree cannot stand here", number))
        for first, end in _split_run(at, node.first, since):
            yield EventRun(before, first + 1, end + 1)
            before = []
        before.append((node, digest))
        at = node.end
    for first, end in _split_run(at, size, since):
        yield EventRun(before, first + 1, end + 1)
        before = []
    if before:
        yield EventRun(before, size + 1, size + 1)


def _split_run(first: int, end: int, since: int) -> list[tuple[int, int]]:
    if first < since < end:
        return [(first, since), (since, end)]
    return [(first, end)] if first < end else []


def _read_nodes(file: Path) -> Iterator[tuple[Node, bytes]]:
    with open(file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            told = _NODE.fullmatch(line)
            if told is None:
                fault = Fault("nodes", NODES_FILE, "the line is none of LEVEL PLACE HASH", number)
                raise BundleBroken(fault)
            yield Node(int(told[1]), int(told[2])), bytes.fromhex(told[3].decode())
