"""What a bundle consists of: docs/bundle.md says it in full."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.merkle.tree import Node
from infrastructure.verifier.notes import Key, NoteBroken, opened

FORMAT: Final = "casetrail-bundle/1"
MANIFEST: Final = "manifest.note"
CHECKPOINT: Final = "checkpoint"
SINCE: Final = "since"
KEY: Final = "key"
EVENTS: Final = "events.ndjson"
LEAVES: Final = "leaves.txt"
NODES: Final = "nodes.txt"
ALWAYS: Final = (KEY, CHECKPOINT, EVENTS, LEAVES, NODES)
ASKS: Final = ("everything", "case", "period", "population")
LINE_END: Final = b"}\n"


class Fault(NamedTuple):
    """What is wrong, and where."""

    code: str
    file: str
    detail: str
    line: int | None = None
    position: int | None = None


class Broken(Exception):
    """Nothing further can be told about the bundle."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class Run(NamedTuple):
    """Positions of which the bundle has every event, and the subtrees that come before them."""

    nodes: Sequence[tuple[Node, bytes]]
    first: int
    end: int
    """Not with it."""


def line_head(position: int) -> bytes:
    return b'{"position":%d,"envelope":' % position


def event_line(position: int, envelope: bytes) -> bytes:
    return line_head(position) + envelope + LINE_END


def manifest_of(note: bytes, key: Key) -> dict[str, Any]:
    """Raises Broken."""
    try:
        found = json.loads(opened(note, key))
    except (NoteBroken, ValueError) as error:
        raise Broken(
            Fault("manifest", MANIFEST, f"the manifest is not as signed: {error}")
        ) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Broken(Fault("manifest", MANIFEST, f"the manifest is none of {FORMAT}"))
    if not _is_whole(found):
        raise Broken(Fault("manifest", MANIFEST, "the manifest lacks what it must say"))
    return found


def _is_whole(manifest: dict[str, Any]) -> bool:
    """It was signed, but perhaps not by whom one would think."""
    files, question = manifest.get("files"), manifest.get("question")
    numbers = (manifest.get("size"), manifest.get("since"))
    return (
        all(type(one) is int and one >= 0 for one in numbers)
        and isinstance(files, dict)
        and set(ALWAYS) <= set(files) <= {*ALWAYS, SINCE}
        and isinstance(question, dict)
        and question.get("ask") in ASKS
        and (question["ask"] != "population" or isinstance(question.get("type"), str))
    )


def file_digest(file: Path) -> str:
    with open(file, "rb") as opened_file:
        return hashlib.file_digest(opened_file, "sha256").hexdigest()


def runs(file: Path, size: int, since: int) -> Iterator[Run]:
    """What nodes.txt leaves to events.ndjson, in order, parted at `since`. Raises Broken."""
    at, before = 0, list[tuple[Node, bytes]]()
    for number, (node, digest) in enumerate(_nodes(file), 1):
        crosses = node.first < since < node.end
        if node.first < at or node.end > size or crosses:
            raise Broken(Fault("nodes", NODES, "the subtree cannot stand here", number))
        for first, end in _parted(at, node.first, since):
            yield Run(before, first + 1, end + 1)
            before = []
        before.append((node, digest))
        at = node.end
    for first, end in _parted(at, size, since):
        yield Run(before, first + 1, end + 1)
        before = []
    if before:
        yield Run(before, size + 1, size + 1)


def _parted(first: int, end: int, since: int) -> list[tuple[int, int]]:
    if first < since < end:
        return [(first, since), (since, end)]
    return [(first, end)] if first < end else []


def _nodes(file: Path) -> Iterator[tuple[Node, bytes]]:
    with open(file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                level, place, digest = line.decode("ascii").removesuffix("\n").split(" ")
                node, found = Node(int(level), int(place)), bytes.fromhex(digest)
                if (
                    f"{node.level} {node.place} {found.hex()}\n".encode() != line
                    or len(found) != 32
                ):
                    raise ValueError
            except ValueError:
                fault = Fault("nodes", NODES, "the line is none of LEVEL PLACE HASH", number)
                raise Broken(fault) from None
            yield node, found
