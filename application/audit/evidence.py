"""Lists the evidence of a case, and checks whether it is unchanged."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import UNSET, Struct

from application.cases.trail import evidence_of
from domain.cases.events import CaseEvent, Enriched
from domain.cases.evidence import FILE_PREFIX, EvidenceType, is_file_ref
from domain.cases.packet import PACKET_PREFIX
from domain.cases.work_events import EvidenceAttached
from domain.orders.events import SignalRecorded
from domain.orders.held_signals import SignalHeld
from domain.recorded_event import RecordedEvent


class EvidenceUnreadable(Exception):
    """A stored file exists, or may exist, and cannot be read now."""


class StoredEvidence(Protocol):
    """Reads what was stored: evidence files, and envelopes of the log."""

    def current_digest(self, ref: str) -> str | None:
        """The SHA-256 of the current bytes of a stored file; None if there is no such file.

        Raises EvidenceUnreadable.
        """

    def is_erased(self, ref: str) -> bool:
        """Whether the log has an erasure of a customer's data that names the file."""

    def is_as_recorded(self, position: int) -> bool | None:
        """Whether the envelope at a position of the log, hashed now, has the digest of its leaf; None if
        the log has no such position."""


class EvidenceStatus(StrEnum):
    UNCHANGED = "unchanged"
    """A file: its bytes were read now, and have the digest in its name."""
    CHANGED = "changed"
    """What was read now has another digest."""
    MISSING = "missing"
    """The evidence store has no such file, or the log has no such position."""
    UNREADABLE = "unreadable"
    """Not checked: the evidence store cannot read the file."""
    ERASED = "erased"
    """Not checked: the file was erased with its customer's data."""
    IN_THE_LOG = "in_the_log"
    """A signal of the order, or a packet of the case: its envelope was read now, and has the digest of its leaf."""
    KEPT_ELSEWHERE = "kept_elsewhere"
    """Not checked: a record of another system, attached as such, whose bytes were never here."""
    ARRIVED_LATER = "arrived_later"
    """Not known when it was cited. A signal or a file has this name now, and its digest."""
    NOT_FOUND = "not_found"
    """Cited as evidence, and neither a signal of the order nor an attached record has this name."""


_SAYS: Mapping[EvidenceStatus, str] = {
    EvidenceStatus.UNCHANGED: "unchanged: its bytes were read and have this digest",
    EvidenceStatus.CHANGED: "changed: what is stored now has another digest",
    EvidenceStatus.MISSING: "missing: the evidence store has no such file",
    EvidenceStatus.UNREADABLE: "not checked: cannot be read",
    EvidenceStatus.ERASED: "not checked: erased with its customer's data",
    EvidenceStatus.IN_THE_LOG: "unchanged: its envelope was read and has the digest of its leaf",
    EvidenceStatus.KEPT_ELSEWHERE: "not held here, cannot be checked: kept elsewhere",
    EvidenceStatus.ARRIVED_LATER: "not known when it was cited: it was recorded later",
    EvidenceStatus.NOT_FOUND: "not found: no signal of the order and no attached record has this name",
}
_BAD = frozenset([EvidenceStatus.CHANGED, EvidenceStatus.MISSING, EvidenceStatus.NOT_FOUND])
_COMPARED = frozenset([EvidenceStatus.UNCHANGED, EvidenceStatus.IN_THE_LOG])
_IN_SHORT: Mapping[EvidenceStatus, str] = {
    EvidenceStatus.UNCHANGED: "unchanged",
    EvidenceStatus.IN_THE_LOG: "unchanged in the log",
    EvidenceStatus.CHANGED: "changed",
    EvidenceStatus.MISSING: "missing",
    EvidenceStatus.UNREADABLE: "not checked (cannot be read)",
    EvidenceStatus.ERASED: "not checked (erased)",
    EvidenceStatus.KEPT_ELSEWHERE: "not checked (kept elsewhere)",
    EvidenceStatus.ARRIVED_LATER: "recorded after it was cited",
    EvidenceStatus.NOT_FOUND: "not found",
}


class EvidencePiece(Struct, frozen=True, kw_only=True):
    ref: str
    standing: EvidenceStatus
    says: str
    """The standing in words."""
    where: str
    """Where it is kept: the evidence store, a position of the log, or the other system's name."""
    cited_by: Sequence[int]
    """The versions of the trail that cite it."""
    unknown_when_cited: Sequence[int]
    """Those of the versions at which it named nothing known. What is recorded now may have come later."""
    type: str | None
    title: str | None
    sha256: str | None
    """The digest of the file's bytes, computed now."""
    position: int | None
    """The position of the signal in the log."""


class EvidenceReport(Struct, frozen=True):
    """`unchanged` is true only if every piece was read now and has its digest. It is false if one is
    missing or changed, and null if some could not be checked or there is none."""

    unchanged: bool | None
    says: str
    """The same in words."""
    pieces: Sequence[EvidencePiece]


def check_evidence(
    lines: Sequence[RecordedEvent], order_lines: Iterable[RecordedEvent], stored: StoredEvidence
) -> EvidenceReport:
    """Check every piece that a line of the case cites, in the order of the trail."""
    cited: dict[str, list[int]] = {}
    unknown: dict[str, list[int]] = {}
    attached: dict[str, EvidenceAttached] = {}
    for line in lines:
        assert isinstance(line.event, CaseEvent)
        for ref in evidence_of(line.event):
            cited.setdefault(ref, []).append(line.version)
        for ref in getattr(line.event, "unknown_evidence", UNSET) or ():
            unknown.setdefault(ref, []).append(line.version)
        if isinstance(line.event, EvidenceAttached):
            attached[line.event.evidence.ref] = line.event
    signals = {
        line.event.signal.key: line.position
        for line in order_lines
        if isinstance(line.event, SignalRecorded | SignalHeld)
    }
    signals |= {
        f"{PACKET_PREFIX}{line.event.digest}": line.position
        for line in lines
        if isinstance(line.event, Enriched)
    }
    pieces = []
    for ref, versions in cited.items():
        position = signals.get(ref)
        digest, error = None, ""
        try:
            digest = stored.current_digest(ref) if is_file_ref(ref) else None
            standing = _evidence_status(ref, digest, position, stored, attached.get(ref))
            if standing in _COMPARED and ref in unknown:
                standing = EvidenceStatus.ARRIVED_LATER
        except EvidenceUnreadable as unreadable:
            standing, error = EvidenceStatus.UNREADABLE, str(unreadable)
        event = attached.get(ref)
        where = _where(ref, position) if standing is not EvidenceStatus.NOT_FOUND else "not known"
        pieces.append(
            EvidencePiece(
                ref=ref,
                standing=standing,
                says=_says(standing, where, position, error, unknown.get(ref, ())),
                where=where,
                cited_by=versions,
                unknown_when_cited=unknown.get(ref, ()),
                type=event.evidence.type if event is not None else None,
                title=event.evidence.title if event is not None else None,
                sha256=digest,
                position=position,
            )
        )
    return EvidenceReport(_unchanged(pieces), _in_words(pieces), pieces)


def _says(
    standing: EvidenceStatus, where: str, position: int | None, error: str, unknown: Sequence[int]
) -> str:
    match standing:
        case EvidenceStatus.KEPT_ELSEWHERE:
            return f"{_SAYS[standing]}, in {where}"
        case EvidenceStatus.UNREADABLE:
            return f"{_SAYS[standing]}: {error}"
        case EvidenceStatus.MISSING if position is not None:
            return f"missing: the log has no event at position {position}"
        case EvidenceStatus.ARRIVED_LATER:
            return f"{_SAYS[standing]} (cited by version {', '.join(map(str, unknown))})"
    return _SAYS[standing]


def _evidence_status(
    ref: str,
    digest: str | None,
    position: int | None,
    stored: StoredEvidence,
    attached: EvidenceAttached | None,
) -> EvidenceStatus:
    if position is not None:
        is_same = stored.is_as_recorded(position)
        if is_same is None:
            return EvidenceStatus.MISSING
        return EvidenceStatus.IN_THE_LOG if is_same else EvidenceStatus.CHANGED
    if not ref.startswith(FILE_PREFIX):
        if attached is not None and attached.evidence.type is EvidenceType.SYSTEM_RECORD:
            return EvidenceStatus.KEPT_ELSEWHERE
        return EvidenceStatus.NOT_FOUND
    if digest is not None:
        return EvidenceStatus.UNCHANGED if ref == FILE_PREFIX + digest else EvidenceStatus.CHANGED
    is_erased = is_file_ref(ref) and stored.is_erased(ref)
    return EvidenceStatus.ERASED if is_erased else EvidenceStatus.MISSING


def _where(ref: str, position: int | None) -> str:
    if position is not None:
        return f"the log, position {position}"
    # A record is named `system/id`.
    return "the evidence store" if ref.startswith(FILE_PREFIX) else ref.partition("/")[0]


def _unchanged(pieces: Sequence[EvidencePiece]) -> bool | None:
    found = {piece.standing for piece in pieces}
    if found & _BAD:
        return False
    return True if found and found <= _COMPARED else None


def _in_words(pieces: Sequence[EvidencePiece]) -> str:
    if not pieces:
        return "The case cites no evidence."
    counts = Counter(piece.standing for piece in pieces)
    parts = ", ".join(f"{counts[s]} {_IN_SHORT[s]}" for s in EvidenceStatus if counts[s])
    return f"Pieces of evidence: {len(pieces)}; {parts}."
