"""What people do with a case, event by event. A tag is written down for ever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from domain.cases.evidence import Evidence, EvidenceRef
from domain.cases.step_events import StepEvent, TaskOverdue
from domain.clock.terms import Dependency, Measure, ServiceTerms
from domain.personal_data import PERSONAL
from domain.policy.document import Automation, Bucket, Ladder, Severity
from domain.policy.parts import Name, RuleName
from domain.texts import lines, one_line

Note = Annotated[str, lines(4000), PERSONAL]
SaidNote = Annotated[str, lines(4000, least=1), PERSONAL]
"""A note that must not be empty."""
Party = Annotated[str, one_line(100, least=1)]
Version = Annotated[int, Meta(ge=1)]


class Opened(Struct, frozen=True, kw_only=True, gc=False, tag="case.opened"):
    """A person opened the case by hand, for a problem that no rule has found."""

    kind: Name
    bucket: Bucket
    severity: Severity
    automation: Automation
    occurrence: int
    note: SaidNote


class Claimed(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.claimed"):
    """A person took it. What the person does with it renews the `lease`; without it, no claim is
    ever forgotten."""

    person: str
    lease: timedelta | None = None


class CaseReleased(Struct, frozen=True, kw_only=True, gc=False, tag="case.released"):
    """The person gave the case back to its queue."""

    note: Note = ""


class ClaimLapsed(Struct, frozen=True, kw_only=True, gc=False, tag="case.claim_lapsed"):
    """Nothing was done with it for the length of the lease: it went back to its queue."""

    person: str
    lease_until: datetime


class HandedOff(Struct, frozen=True, kw_only=True, gc=False, tag="case.handed_off"):
    """The next owner's time starts here: a queue and its team, or a person of it."""

    from_queue: Name
    to_queue: Name
    owner_team: Name
    note: SaidNote
    to_person: str | None = None
    from_person: str | None = None
    evidence: tuple[EvidenceRef, ...] = ()
    ladder: Ladder | None = None
    """The next owner's, pinned."""
    lease: timedelta | None = None
    """Of the person that it is given to."""


class WaitStarted(Struct, frozen=True, kw_only=True, gc=False, tag="case.wait_started"):
    """Nothing can be done until somebody else has done something."""

    dependency: Dependency
    party: Party
    note: Note = ""
    expected_by: datetime | None = None


class WaitEnd(StrEnum):
    RESUMED = "resumed"
    OVERDUE = "overdue"
    """What was expected did not come in time: somebody must ask for it."""


class WaitEnded(Struct, frozen=True, kw_only=True, gc=False, tag="case.wait_ended"):
    how: WaitEnd
    note: Note = ""


class NoteAdded(Struct, frozen=True, kw_only=True, gc=False, tag="case.note_added"):
    note: SaidNote


class EvidenceAttached(Struct, frozen=True, kw_only=True, gc=False, tag="case.evidence_attached"):
    evidence: Evidence


class EscalationCause(StrEnum):
    BY_HAND = "by_hand"
    AGING = "aging"
    """Nobody has done anything about it for too long: it must be reviewed."""
    IDLE = "idle"
    """Somebody was told, and still nothing was done."""


class Escalated(Struct, frozen=True, kw_only=True, gc=False, tag="case.escalated"):
    """One more rung of the ladder was told; `skipped` were empty. Nobody at all is said as well."""

    cause: EscalationCause
    rung: int
    """From 1."""
    to: str | None
    """The rung's role; None if nobody stands on any."""
    people: tuple[str, ...] = ()
    note: Note = ""
    skipped: tuple[str, ...] = ()


class AtRisk(Struct, frozen=True, kw_only=True, gc=False, tag="case.at_risk"):
    """So much of its time is used that a measure may be missed; since `at`, to the moment."""

    measure: Measure
    at: datetime
    due_at: datetime | None


class Breached(Struct, frozen=True, kw_only=True, gc=False, tag="case.breached"):
    """A measure was missed at `at`; `spent` says where its business time went until then."""

    measure: Measure
    at: datetime
    due_at: datetime
    spent: Mapping[str, int]
    """Seconds by place: `queue`, `work`, `wait:category/party`."""


class Retermed(Struct, frozen=True, kw_only=True, gc=False, tag="case.retermed"):
    """Other terms from here on: the time that was used stays used."""

    service: RuleName
    policy: str
    terms: ServiceTerms
    note: SaidNote
    due_before: Mapping[Measure, datetime]
    due_after: Mapping[Measure, datetime]


class Link(StrEnum):
    DUPLICATE_OF = "duplicate_of"
    MERGED_INTO = "merged_into"
    RECURRENCE_OF = "recurrence_of"


class Linked(Struct, frozen=True, kw_only=True, gc=False, tag="case.linked"):
    """The case stands in a relation to another, which stays as it is."""

    link: Link
    case: UUID
    note: Note = ""


class ErrorReason(StrEnum):
    """Why a record is wrong (GS1 EPCIS 2.0, 7.4.1.3)."""

    DID_NOT_OCCUR = "did_not_occur"
    INCORRECT_DATA = "incorrect_data"


class ErrorDeclared(Struct, frozen=True, kw_only=True, gc=False, tag="case.error_declared"):
    """A correction beside the record: what was recorded stays as it is."""

    about: Version
    """The version of this case's trail that is wrong."""
    reason: ErrorReason
    note: SaidNote


Worked: TypeAlias = (
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
"""What happens to a case that there is."""
ComeToPass: TypeAlias = ClaimLapsed | WaitEnded | Escalated | AtRisk | Breached | TaskOverdue
"""What can come to pass with nobody doing anything."""
WorkEvent: TypeAlias = Opened | Worked
