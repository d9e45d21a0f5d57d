"""What can happen to a case. A tag is written down for ever: never rename or reuse one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from domain.cases.packet import PacketFact
from domain.policy.decision import Decision
from domain.policy.document import Automation, Bucket, Severity
from domain.texts import lines, one_line


class ResolutionReason(StrEnum):
    RESOLVED_AS_EXPECTED = "resolved_as_expected"
    CORRECTED_AND_RELEASED = "corrected_and_released"
    RESHIPPED = "reshipped"
    REROUTED = "rerouted"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    APPEASED = "appeased"
    SUBSTITUTED = "substituted"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    FALSE_POSITIVE = "false_positive"
    DUPLICATE = "duplicate"
    SOURCE_CLEARED = "source_cleared"
    CUSTOMER_CONFIRMED = "customer_confirmed"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    OPERATIONAL_ERROR = "operational_error"
    POLICY_EXCEPTION_GRANTED = "policy_exception_granted"
    NO_FAULT_FOUND = "no_fault_found"


class RootCause(StrEnum):
    AGENT_ERROR = "agent_error"
    UNCLEAR_POLICY = "unclear_policy"
    SYSTEM_DEFECT = "system_defect"
    UPSTREAM_DATA = "upstream_data"


Note = Annotated[str, lines(4000)]
EvidenceRef = Annotated[str, one_line(300, least=1)]
"""A signal (`source/id`) or a document."""


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


class Routed(Struct, frozen=True, kw_only=True, gc=False, tag="case.routed"):
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


class SignalJoined(Struct, frozen=True, kw_only=True, gc=False, tag="case.signal_joined"):
    """A signal about the problem joined its open case; `clearing` says that the problem is gone."""

    signal: str
    signal_type: str
    event_time: datetime
    clearing: Decision | None = None
    decision: Decision | None = None


class Claimed(Struct, frozen=True, kw_only=True, gc=False, tag="case.claimed"):
    person: str


class CaseReleased(Struct, frozen=True, kw_only=True, gc=False, tag="case.released"):
    """The person gave the case back to its queue."""

    note: Note = ""


class Resolved(Struct, frozen=True, kw_only=True, gc=False, tag="case.resolved"):
    """The case ended. `clearing` is the decision of policy where no person resolved it."""

    resolution: Resolution
    clearing: Decision | None = None


class Reopened(Struct, frozen=True, kw_only=True, gc=False, tag="case.reopened"):
    """The case is worked on again, which counts as rework; `decision` where the problem returned."""

    note: Note = ""
    signals: tuple[str, ...] = ()
    deadline: datetime | None = None
    decision: Decision | None = None


CaseEvent: TypeAlias = (
    Detected | Enriched | Routed | SignalJoined | Claimed | CaseReleased | Resolved | Reopened
)
