"""Lists the evidence of a case, and checks whether it is unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from application.cases.trail import evidence_of
from domain.cases.events import CaseEvent
from domain.cases.work_events import EvidenceAttached
from domain.orders.events import SignalRecorded
from domain.recorded_event import RecordedEvent

FILE_PREFIX = "sha256:"
Rehash = Callable[[str], str | None]
"""The SHA-256 of a stored file, of its bytes as they are now; None if it is not there."""


class EvidenceStatus(StrEnum):
    UNCHANGED = "unchanged"
    """A file: its bytes have the digest that it is named by."""
    CHANGED = "changed"
    MISSING = "missing"
    IN_THE_LOG = "in_the_log"
    """A signal of the order: its leaf is proven like any event's."""
    KEPT_ELSEWHERE = "kept_elsewhere"
    """A record of another system: nobody here can tell."""


class EvidencePiece(Struct, frozen=True, kw_only=True):
    ref: str
    standing: EvidenceStatus
    cited_by: Sequence[int]
    """The lines of the trail that name it."""
    type: str | None
    title: str | None
    sha256: str | None
    """Of the file's bytes, worked out now."""
    position: int | None
    """Of the signal in the log."""


class EvidenceReport(Struct, frozen=True):
    """`unchanged` if no file is missing or other than it was."""

    unchanged: bool
    pieces: Sequence[EvidencePiece]


def check_evidence(
    lines: Sequence[RecordedEvent], order_lines: Iterable[RecordedEvent], rehash: Rehash
) -> EvidenceReport:
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
        digest = rehash(ref) if ref.startswith(FILE_PREFIX) else None
        told = attached.get(ref)
        pieces.append(
            EvidencePiece(
                ref=ref,
                standing=_evidence_status(ref, digest, signals.get(ref)),
                cited_by=versions,
                type=told.evidence.type if told is not None else None,
                title=told.evidence.title if told is not None else None,
                sha256=digest,
                position=signals.get(ref),
            )
        )
    bad = (EvidenceStatus.CHANGED, EvidenceStatus.MISSING)
    return EvidenceReport(not any(one.standing in bad for one in pieces), pieces)


def _evidence_status(ref: str, digest: str | None, position: int | None) -> EvidenceStatus:
    if ref.startswith(FILE_PREFIX):
        if digest is None:
            return EvidenceStatus.MISSING
        return EvidenceStatus.UNCHANGED if ref == FILE_PREFIX + digest else EvidenceStatus.CHANGED
    return EvidenceStatus.IN_THE_LOG if position is not None else EvidenceStatus.KEPT_ELSEWHERE
