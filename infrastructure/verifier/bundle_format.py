"""The format of a bundle, specified in docs/bundle.md."""

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
"""The largest integer that every JSON reader reads exactly."""
LINE_END: Final = b"}\n"
_NODE = re.compile(rb"([0-9]|[1-5][0-9]|6[0-3]) (0|[1-9][0-9]{0,19}) ([0-9a-f]{64})\n")


class Fault(NamedTuple):
    """One difference or defect, and where it is."""

    code: str
    file: str
    detail: str
    line: int | None = None
    position: int | None = None


class BundleBroken(Exception):
    """The bundle cannot be verified any further."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class EventRun(NamedTuple):
    """A run of positions whose events are all in the bundle, and the subtrees before it."""

    nodes: Sequence[tuple[Node, bytes]]
    first: int
    end: int
    """Exclusive."""


def event_line_prefix(position: int) -> bytes:
    return b'{"position":%d,"envelope":' % position


def event_line(position: int, envelope: bytes) -> bytes:
    return event_line_prefix(position) + envelope + LINE_END


def read_runs(file: Path, size: int, since: int) -> Iterator[EventRun]:
    """The runs of events between the subtrees of nodes.txt, in order, split at `since`. Raises
    BundleBroken."""
    at, before = 0, list[tuple[Node, bytes]]()
    for number, (node, digest) in enumerate(_read_nodes(file), 1):
        crosses = node.first < since < node.end
        if node.first < at or node.end > size or crosses:
            raise BundleBroken(Fault("nodes", NODES_FILE, "the subtree is out of place", number))
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
            found = _NODE.fullmatch(line)
            if found is None:
                fault = Fault("nodes", NODES_FILE, "the line is not LEVEL PLACE HASH", number)
                raise BundleBroken(fault)
            yield Node(int(found[1]), int(found[2])), bytes.fromhex(found[3].decode())
