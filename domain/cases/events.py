"""The events of a case that policy decides, and the union with those of people (`work_events`).

Tags are stored for ever: never rename or reuse one.
"""

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.adjustments.events import AdjustmentEvent, DutiesConflicted
from domain.cases.evidence import EvidenceRef, UnknownEvidence
from domain.cases.packet import PacketFact
from domain.cases.part_events import PartEvent
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.work_events import WorkEvent
from domain.clock.terms import ServiceTerms
from domain.policy.decision import Decision
from domain.policy.document import Automation, Bucket, Ladder, Severity
from domain.texts import Note, one_line


class PartOutcome(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The outcome of one part of the case."""

    part: Annotated[str, one_line(300, least=1)]
    """The part's key, such as `parcel:P1`."""
    reason: ResolutionReason
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(max_length=50)] = ()
    note: Note = ""


class Resolution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The resolution of a case: reason, root cause, at least one piece of evidence, and a note."""

    reason: ResolutionReason
    root_cause: RootCause
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(min_length=1, max_length=50)]
    note: Note = ""
    parts: Annotated[tuple[PartOutcome, ...], Meta(max_length=1000)] | UnsetType = UNSET
    """The outcome of parts for which it differs. Every other part gets the reason above; but one that was
    cleared, beside others that were not, gets `source_cleared` or `source_corrected`."""

    @property
    def cited(self) -> tuple[EvidenceRef, ...]:
        """All evidence that it names, that of its parts too."""
        own = (ref for part in self.parts or () for ref in part.evidence)
        return tuple(dict.fromkeys((*self.evidence, *own)))


class CaseAbout(Struct, frozen=True, kw_only=True, gc=False):
    """What a case is about that is about no order: references that lead to none, or a source."""

    references: dict[str, str] | UnsetType = UNSET
    """Kind -> value, such as payment -> pi_3."""
    signal: str | UnsetType = UNSET
    """The signal that names the references, or that has the code."""
    source: str | UnsetType = UNSET
    """The name of the source, or of the system that sent the signal with the code."""
    sources: tuple[str, ...] | UnsetType = UNSET
    """Sources that fell silent together."""
    table: str | UnsetType = UNSET
    """The table of the mapping, or the vocabulary of the carrier, that does not list the code."""
    code: str | UnsetType = UNSET


class Detected(Struct, frozen=True, kw_only=True, gc=False, tag="case.detected"):
    """A rule of the policy found a problem of an order, from signals or a missed deadline."""

    kind: str
    bucket: Bucket
    severity: Severity
    automation: Automation
    occurrence: int
    detected_at: datetime
    """When the problem began: the missed deadline, else when its signal was received."""
    decision: Decision
    deadline: datetime | None = None
    signals: tuple[str, ...] = ()
    recurrence_of: UUID | None = None
    part: str | UnsetType = UNSET
    """The first part of the order that has the problem; left out for the whole order."""
    about: CaseAbout | UnsetType = UNSET
    """What the case is about, if that is no order."""


class Enriched(Struct, frozen=True, kw_only=True, gc=False, tag="case.enriched"):
    """The order packet was recorded. `digest` is the SHA-256 of its canonical JSON."""

    packet: tuple[PacketFact, ...]
    digest: str
    reading: int | UnsetType = UNSET
    """The version of the rules by which facts are read from signals; left out for the first one."""


class Routed(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.routed"):
    """Policy routed the case to a queue, and the queue's team became the owner."""

    kind: str
    bucket: Bucket
    severity: Severity
    queue: str
    owner_team: str
    work_type: str
    skill: str
    priority: int
    decision: Decision
    tier: str | None = None
    service: str | None = None
    """The rule of the policy that set the terms, pinned here for as long as the case lives."""
    terms: ServiceTerms | None = None
    ladder: Ladder | None = None
    region: str | None = None
    """Where the order ships to; None if it was not known, and in older logs."""


class SignalJoined(Struct, frozen=True, kw_only=True, gc=False, tag="case.signal_joined"):
    """A signal about the problem joined its open case. `clearing` shows that the problem is gone, and
    `paused` why the case did not resolve automatically."""

    signal: str
    signal_type: str
    event_time: datetime
    clearing: Decision | None = None
    decision: Decision | None = None
    paused: Decision | UnsetType = UNSET
    """Left out if nothing was paused, as in logs from before pauses existed."""
    corrected: bool | UnsetType = UNSET
    """True if the signal retracts or replaces the statement that had opened the case."""


class Resolved(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.resolved"
):
    """The case was resolved. `clearing` is policy's decision if no person resolved it; `packet` is the
    digest of the order packet that a person decided on."""

    resolution: Resolution
    clearing: Decision | None = None
    packet: str | None = None
    unknown_evidence: UnknownEvidence = UNSET


class Reopened(Struct, frozen=True, kw_only=True, gc=False, tag="case.reopened"):
    """The case was reopened, which counts as rework; `decision` is set if the problem returned."""

    note: Note = ""
    signals: tuple[str, ...] = ()
    deadline: datetime | None = None
    decision: Decision | None = None
    part: str | UnsetType = UNSET
    """The part that has the problem again, or has it now."""


class CaseDataErased(Struct, frozen=True, kw_only=True, gc=False, tag="case.data_erased"):
    """The personal data in the case's trail so far reads `[erased]`. The customer's privacy record says
    who ordered it, and on what ground."""

    record: UUID
    erasure: int


CaseEvent: TypeAlias = (
    Detected
    | Enriched
    | Routed
    | SignalJoined
    | Resolved
    | Reopened
    | PartEvent
    | WorkEvent
    | AdjustmentEvent
    | DutiesConflicted
    | CaseDataErased
)
