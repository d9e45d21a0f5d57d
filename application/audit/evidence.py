"""On which evidence a case rests, and whether it is what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from application.cases.trail import evidence_of
from domain.cases.events import CaseEvent
from domain.cases.work_events import EvidenceAttached
from domain.orders.events import SignalRecorded
from domain.recorded import Recorded

FILE = "sha256:"
Rehash = Callable[[str], str | None]
"""The SHA-256 of a stored file, of its bytes as they are now; None if it is not there."""


class Standing(StrEnum):
    UNCHANGED = "unchanged"
    """A file: its bytes have the digest that it is named by."""
    CHANGED = "changed"
    MISSING = "missing"
    IN_THE_LOG = "in_the_log"
    """A signal of the order: its leaf is proven like any event's."""
    KEPT_ELSEWHERE = "kept_elsewhere"
    """A record of another system: nobody here can tell."""


class Piece(Struct, frozen=True, kw_only=True):
    ref: str
    standing: Standing
    cited_by: Sequence[int]
    """The lines of the trail that name it."""
    type: str | None
    title: str | None
    sha256: str | None
    """Of the file's bytes, worked out now."""
    position: int | None
    """Of the signal in the log."""


class RestsOn(Struct, frozen=True):
    """`unchanged` if no file is missing or other than it was."""

    unchanged: bool
    pieces: Sequence[Piece]


def rests_on(lines: Sequence[Recorded], order_lines: Iterable[Recorded], rehash: Rehash) -> RestsOn:
    """Every piece that a line of the case names, in the order in which they came."""
    cited: dict[str, list[int]] = {}
    attached: dict[str, EvidenceAttached] = {}
    for line in lines:
        assert isinstance(line.event, CaseEvent)
        for ref in evidence_of(line.event):
            cited.setdefault(ref, []).append(line.version)
        if isinstance(line.event, EvidenceAttached):
            attached[line.event.evidence.ref] = line.event
    signals = {
        line.event.signal.key: line.position
        for line in order_lines
        if isinstance(line.event, SignalRecorded)
    }
    pieces = []
    for ref, versions in cited.items():
        digest = rehash(ref) if ref.startswith(FILE) else None
        told = attached.get(ref)
        pieces.append(
            Piece(
                ref=ref,
                standing=_standing(ref, digest, signals.get(ref)),
                cited_by=versions,
                type=told.evidence.type if told is not None else None,
                title=told.evidence.title if told is not None else None,
                sha256=digest,
                position=signals.get(ref),
            )
        )
    bad = (Standing.CHANGED, Standing.MISSING)
    return RestsOn(not any(one.standing in bad for one in pieces), pieces)


def _standing(ref: str, digest: str | None, position: int | None) -> Standing:
    if ref.startswith(FILE):
        if digest is None:
            return Standing.MISSING
        return Standing.UNCHANGED if ref == FILE + digest else Standing.CHANGED
    return Standing.IN_THE_LOG if position is not None else Standing.KEPT_ELSEWHERE
