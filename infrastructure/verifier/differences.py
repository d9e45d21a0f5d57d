"""Locates where a bundle's events differ from what was exported: by line and position."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from infrastructure.verifier.bundle_format import (
    EVENTS_FILE,
    LEAVES_FILE,
    MAX_COUNT,
    EventRun,
    Fault,
)

_LINE = re.compile(rb'\{"position":([1-9][0-9]{0,15}),"envelope":(.*)\}\n', re.DOTALL)


class _PositionTracker:
    """Compares the lines of events with the expected positions, one line after the other."""

    def __init__(self, parts: Sequence[EventRun], leaves: Sequence[bytes]) -> None:
        positions = [p for run in parts for p in range(run.first, run.end)]
        self.order = {position: n for n, position in enumerate(positions)}
        self._positions = positions
        self._leaves = leaves
        self._next = 0
        self._late: dict[int, None] = {}
        self._suspected: set[int] = set()
        self.faults: list[Fault] = []

    def line(self, number: int, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None or int(found[1]) > MAX_COUNT:
            due = self._positions[self._next] if self._next < len(self._positions) else None
            self._add("malformed", "the line is not an event", number, due)
            self._suspected |= {due} if due is not None else set()
            return
        position = int(found[1])
        place = self.order.get(position)
        if place is None:
            self._add("added", "no event of this position was exported", number, position)
            return
        if place >= self._next:
            self._late.update(dict.fromkeys(self._positions[self._next : place]))
            self._next = place + 1
        elif position in self._late:
            del self._late[position]
            self._add("moved", "the event comes after later ones", number, position)
        else:
            self._add("duplicated", "the position is here a second time", number, position)
            return
        self._compare(place, position, number, found[2])

    def _compare(self, place: int, position: int, number: int, envelope: bytes) -> None:
        digest = hashlib.sha256(b"\x00" + envelope).hexdigest().encode()
        if place < len(self._leaves) and self._leaves[place] != digest + b"\n":
            self._add("changed", "the event's hash differs from its leaf", number, position)

    def end(self) -> None:
        missing = [*self._late, *self._positions[self._next :]]
        for position in missing:
            if position not in self._suspected:
                self._add("missing", "the event is missing", None, position)

    def _add(self, code: str, detail: str, line: int | None, position: int | None) -> None:
        self.faults.append(Fault(code, EVENTS_FILE, detail, line, position))


def locate_faults(
    bundle: Path, parts: Sequence[EventRun], events: int, in_events: bool
) -> list[Fault]:
    """The faults in the events file if it was changed (`in_events`), else in the leaves file."""
    if (bundle / EVENTS_FILE).stat().st_size < events:
        # A manifest may state any number: do not list each missing event.
        return [Fault("missing", EVENTS_FILE, f"it is too short for {events} events")]
    with open(bundle / LEAVES_FILE, "rb") as file:
        leaves = list(file)
    tracker = _PositionTracker(parts, leaves)
    with open(bundle / EVENTS_FILE, "rb") as lines:
        for number, line in enumerate(lines, 1):
            tracker.line(number, line)
    tracker.end()
    if in_events:
        return tracker.faults
    changed = [fault.position for fault in tracker.faults if fault.code == "changed"]
    if len(leaves) != events:
        # After an added or removed leaf all later ones differ: report the first only.
        changed = changed[:1] or [None]
    end = min(len(leaves), events)
    places = [(end if p is None else tracker.order[p], p) for p in changed]
    detail = "the leaf differs from its event's hash"
    return [Fault("leaf", LEAVES_FILE, detail, place + 1, p) for place, p in places]
