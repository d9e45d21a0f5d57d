"""Where a bundle's events differ from what was exported: by line and position."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from infrastructure.verifier.files import EVENTS, LEAVES, MOST, Fault, Run

_LINE = re.compile(rb'\{"position":([1-9][0-9]{0,15}),"envelope":(.*)\}\n', re.DOTALL)


class _Trail:
    """The positions that should come, and what came instead."""

    def __init__(self, parts: Sequence[Run], leaves: Sequence[bytes]) -> None:
        positions = [p for run in parts for p in range(run.first, run.end)]
        self._order = {position: n for n, position in enumerate(positions)}
        self._positions = positions
        self._leaves = leaves
        self._next = 0
        self._late: dict[int, None] = {}
        self._suspected: set[int] = set()
        self.faults: list[Fault] = []

    def line(self, number: int, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None or int(found[1]) > MOST:
            due = self._positions[self._next] if self._next < len(self._positions) else None
            self._tell("malformed", "the line is none of an event", number, due)
            self._suspected |= {due} if due is not None else set()
            return
        position = int(found[1])
        place = self._order.get(position)
        if place is None:
            self._tell("added", "no event of this position was exported", number, position)
            return
        if place >= self._next:
            self._late.update(dict.fromkeys(self._positions[self._next : place]))
            self._next = place + 1
        elif position in self._late:
            del self._late[position]
            self._tell("moved", "the event stands after later ones", number, position)
        else:
            self._tell("duplicated", "the position stands here again", number, position)
            return
        self._compare(place, position, number, found[2])

    def place_of(self, position: int | None, otherwise: int) -> int:
        return otherwise if position is None else self._order[position]

    def _compare(self, place: int, position: int, number: int, envelope: bytes) -> None:
        digest = hashlib.sha256(b"\x00" + envelope).hexdigest().encode()
        if place < len(self._leaves) and self._leaves[place] != digest + b"\n":
            self._tell("changed", "the event is not what its leaf says", number, position)

    def end(self) -> None:
        missing = [*self._late, *self._positions[self._next :]]
        for position in missing:
            if position not in self._suspected:
                self._tell("missing", "the event is not there", None, position)

    def _tell(self, code: str, detail: str, line: int | None, position: int | None) -> None:
        self.faults.append(Fault(code, EVENTS, detail, line, position))


def located(bundle: Path, parts: Sequence[Run], events: int, in_events: bool) -> list[Fault]:
    """In the events, unless they are as the manifest names them: then in their leaves."""
    if (bundle / EVENTS).stat().st_size < events:
        # However many are said to be missing, they are not counted one by one.
        return [Fault("missing", EVENTS, f"it is too short for {events} events")]
    with open(bundle / LEAVES, "rb") as file:
        leaves = list(file)
    trail = _Trail(parts, leaves)
    with open(bundle / EVENTS, "rb") as lines:
        for number, line in enumerate(lines, 1):
            trail.line(number, line)
    trail.end()
    if in_events:
        return trail.faults
    changed = [fault.position for fault in trail.faults if fault.code == "changed"]
    if len(leaves) != events:
        # From there on, each is its neighbour's.
        changed = changed[:1] or [None]
    end = min(len(leaves), events)
    return [_of_leaf(trail.place_of(position, end), position) for position in changed]


def _of_leaf(place: int, position: int | None) -> Fault:
    return Fault("leaf", LEAVES, "the leaf is not that of its event", place + 1, position)
