"""What can happen to a case: what policy finds here, what people do in `work_events`. A tag is
written down for ever: never rename or reuse one."""

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.adjustments.events import AdjustmentEvent, DutiesConflicted
from domain.cases.evidence import EvidenceRef
from domain.cases.packet import PacketFact
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.work_events import Note, WorkEvent
from domain.clock.terms import ServiceTerms
from domain.policy.decision import Decision
from domain.policy.document import Automation, Bucket, Ladder, Severity


class Resolution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a case ends: reason, root cause, at least one piece of evidence, and a note."""

    reason: ResolutionReason
    root_cause: RootCause
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(min_length=1, max_length=50)]
    note: Note = ""


class Detected(Struct, frozen=True, kw_only=True, gc=False, tag="case.detected"):
    """A rule of the policy, or a deadline that passed, showed a problem of an order."""

    kind: str
    bucket: Bucket
    severity: Severity
    automation: Automation
    occurrence: int
    detected_at: datetime
    """When the problem stood: the deadline that was missed, else when its signal was received."""
    decision: Decision
    deadline: datetime | None = None
    signals: tuple[str, ...] = ()
    recurrence_of: UUID | None = None


class Enriched(Struct, frozen=True, kw_only=True, gc=False, tag="case.enriched"):
    """The order packet as it was known. `digest` is the SHA-256 of its canonical JSON."""

    packet: tuple[PacketFact, ...]
    digest: str


class Routed(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.routed"):
    """The case was given to a queue, and its team became the owner."""

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
    """Where the order ships to; None where that was not known, nor asked in older logs."""


class SignalJoined(Struct, frozen=True, kw_only=True, gc=False, tag="case.signal_joined"):
    """A signal about the problem joined its open case; `clearing` says that the problem is gone,
    `paused` why the case did not resolve itself all the same."""

    signal: str
    signal_type: str
    event_time: datetime
    clearing: Decision | None = None
    decision: Decision | None = None
    paused: Decision | UnsetType = UNSET
    """Left out where nothing was paused, as it was before anything could be."""


class Resolved(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.resolved"
):
    """The case ended. `clearing` is the decision of policy where no person resolved it; `packet`
    the digest of the order packet that a person decided on."""

    resolution: Resolution
    clearing: Decision | None = None
    packet: str | None = None


class Reopened(Struct, frozen=True, kw_only=True, gc=False, tag="case.reopened"):
    """The case is worked on again, which counts as rework; `decision` where the problem returned."""

    note: Note = ""
    signals: tuple[str, ...] = ()
    deadline: datetime | None = None
    decision: Decision | None = None


class CaseDataErased(Struct, frozen=True, kw_only=True, gc=False, tag="case.data_erased"):
    """What was personal in what is recorded of the case so far reads `[erased]`. The customer's record
    says who ordered it, and on what basis."""

    record: UUID
    erasure: int


CaseEvent: TypeAlias = (
    Detected
    | Enriched
    | Routed
    | SignalJoined
    | Resolved
    | Reopened
    | WorkEvent
    | AdjustmentEvent
    | DutiesConflicted
    | CaseDataErased
)
