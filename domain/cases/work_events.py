"""The events of people's work on a case, and of its timers. Tags are stored for ever: never rename or
reuse one."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.cases.evidence import Evidence, EvidenceRef, UnknownEvidence
from domain.cases.step_events import StepEvent, TaskOverdue
from domain.clock.terms import Dependency, Measure, ServiceTerms
from domain.moments import keep_in_years
from domain.policy.document import Automation, Bucket, Ladder, Severity
from domain.policy.document_types import Name, RuleName
from domain.texts import Note, RequiredNote, one_line

Party = Annotated[str, one_line(100, least=1)]
Version = Annotated[int, Meta(ge=1)]


class Opened(Struct, frozen=True, kw_only=True, gc=False, tag="case.opened"):
    """A person opened the case, for a problem that no rule found."""

    kind: Name
    bucket: Bucket
    severity: Severity
    automation: Automation
    occurrence: int
    note: RequiredNote
    parts: tuple[str, ...] | UnsetType = UNSET
    """The parts of the order that it is about, by their keys; left out for the whole order."""
    clear_at_opening: tuple[str, ...] | UnsetType = UNSET
    """Those of them (`""` for the whole order) for which the kind's `cleared_when` held already: that it
    holds clears nothing. Left out if there are none, and in older logs."""


class Claimed(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.claimed"):
    """A person claimed the case. The person's work on it renews the `lease`; without a lease the claim
    never lapses."""

    person: str
    lease: timedelta | None = None


class CaseReleased(Struct, frozen=True, kw_only=True, gc=False, tag="case.released"):
    """The person released the case to its queue."""

    note: Note = ""


class ClaimLapsed(Struct, frozen=True, kw_only=True, gc=False, tag="case.claim_lapsed"):
    """The claim lapsed: no work was recorded during the lease. The case went back to its queue."""

    person: str
    lease_until: datetime


class HandedOff(Struct, frozen=True, kw_only=True, gc=False, tag="case.handed_off"):
    """The case was handed off to a queue, or to a person of it. The next owner's time starts here."""

    from_queue: Name
    to_queue: Name
    owner_team: Name
    note: RequiredNote
    to_person: str | None = None
    from_person: str | None = None
    evidence: tuple[EvidenceRef, ...] = ()
    ladder: Ladder | None = None
    """The next owner's ladder, pinned."""
    lease: timedelta | None = None
    """The lease of `to_person`'s claim."""
    unknown_evidence: UnknownEvidence = UNSET


class WaitStarted(Struct, frozen=True, kw_only=True, gc=False, tag="case.wait_started"):
    """A wait started: the case depends on another party."""

    dependency: Dependency
    party: Party
    note: Note = ""
    expected_by: datetime | None = None

    def __post_init__(self) -> None:
        keep_in_years(self, "expected_by")


class WaitEnd(StrEnum):
    RESUMED = "resumed"
    OVERDUE = "overdue"
    """The expected answer did not come in time: a person must ask for it."""


class WaitEnded(Struct, frozen=True, kw_only=True, gc=False, tag="case.wait_ended"):
    how: WaitEnd
    note: Note = ""


class NoteAdded(Struct, frozen=True, kw_only=True, gc=False, tag="case.note_added"):
    note: RequiredNote


class EvidenceAttached(Struct, frozen=True, kw_only=True, gc=False, tag="case.evidence_attached"):
    evidence: Evidence
    unknown_evidence: UnknownEvidence = UNSET


class EscalationCause(StrEnum):
    BY_HAND = "by_hand"
    AGING = "aging"
    """No work was recorded for too long: the case must be reviewed."""
    IDLE = "idle"
    """A rung was notified, and still no work was recorded."""


class Escalated(Struct, frozen=True, kw_only=True, gc=False, tag="case.escalated"):
    """A rung of the ladder was notified; `skipped` are the empty rungs before it."""

    cause: EscalationCause
    rung: int
    """From 1."""
    to: str | None
    """The rung's role; None if no rung has people."""
    people: tuple[str, ...] = ()
    note: Note = ""
    skipped: tuple[str, ...] = ()


class AtRisk(Struct, frozen=True, kw_only=True, gc=False, tag="case.at_risk"):
    """A measure is at risk since `at`: most of its time is used."""

    measure: Measure
    at: datetime
    due_at: datetime | None


class Breached(Struct, frozen=True, kw_only=True, gc=False, tag="case.breached"):
    """A measure was breached at `at`; `spent` says where its business time went until then."""

    measure: Measure
    at: datetime
    due_at: datetime
    spent: Mapping[str, int]
    """Seconds by place: `queue`, `work`, `wait:category/party`."""


class Retermed(Struct, frozen=True, kw_only=True, gc=False, tag="case.retermed"):
    """The case has other terms from here on; the time used so far still counts."""

    service: RuleName
    policy: str
    terms: ServiceTerms
    note: RequiredNote
    due_before: Mapping[Measure, datetime]
    due_after: Mapping[Measure, datetime]


class Link(StrEnum):
    DUPLICATE_OF = "duplicate_of"
    MERGED_INTO = "merged_into"
    RECURRENCE_OF = "recurrence_of"


class Linked(Struct, frozen=True, kw_only=True, gc=False, tag="case.linked"):
    """The case was linked to another one, which does not change."""

    link: Link
    case: UUID
    note: Note = ""


class ErrorReason(StrEnum):
    """Why a record is wrong (GS1 EPCIS 2.0, 7.4.1.3)."""

    DID_NOT_OCCUR = "did_not_occur"
    INCORRECT_DATA = "incorrect_data"


class ErrorDeclared(Struct, frozen=True, kw_only=True, gc=False, tag="case.error_declared"):
    """A version of the trail was declared wrong. The recorded event does not change."""

    about: Version
    """The version of this case's trail that is wrong."""
    reason: ErrorReason
    note: RequiredNote


CaseWorkEvent: TypeAlias = (
    Claimed
    | CaseReleased
    | ClaimLapsed
    | HandedOff
    | WaitStarted
    | WaitEnded
    | NoteAdded
    | EvidenceAttached
    | Escalated
    | AtRisk
    | Breached
    | Retermed
    | Linked
    | ErrorDeclared
    | StepEvent
)
"""The events of an existing case, by people and timers."""
TimerEvent: TypeAlias = ClaimLapsed | WaitEnded | Escalated | AtRisk | Breached | TaskOverdue
"""The events that a timer can cause."""
WorkEvent: TypeAlias = Opened | CaseWorkEvent
