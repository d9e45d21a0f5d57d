"""The ExceptionCase aggregate: `after` folds events into its state and that of its parts.

Decisions of people are in `decisions.py`, those of time in `timers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, UnsetType, structs

from domain.adjustments.adjustment import Adjustments
from domain.adjustments.events import AdjustmentEvent, DutiesConflicted
from domain.cases import events
from domain.cases import work_events as work
from domain.cases.case_parts import CaseParts, parts_after
from domain.cases.duties import Duties, duties_after
from domain.cases.evidence import Evidence, is_file_ref
from domain.cases.ownership import Ownership, OwnershipEvent
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.step_events import StepEvent
from domain.cases.steps import Steps
from domain.cases.timing import Timing
from domain.people import POLICY_ACTOR, Actor
from domain.personal_data import erase_personal
from domain.policy.decision import Decision
from domain.policy.document import Automation

CASES_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:cases")


def case_stream(order_id: str, kind: str, occurrence: int) -> UUID:
    """The id of a case, from its problem: every process that detects the problem finds the same case."""
    return uuid5(CASES_NAMESPACE, f"{order_id}\n{kind}\n{occurrence}")


class CaseState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"
    WAITING = "waiting"
    PENDING_APPROVAL = "pending_approval"
    RESOLVED = "resolved"


class ExceptionCase(Struct, frozen=True, kw_only=True, dict=True):
    id: UUID
    version: int = 0
    order: str = ""
    kind: str = ""
    rule: str = ""
    occurrence: int = 0
    automation: Automation = Automation.REVIEW
    deadline: datetime | None = None
    detected_at: datetime | None = None
    opened_at: datetime | None = None
    recurrence_of: UUID | None = None
    routed: events.Routed | None = None
    """Policy's last routing."""
    ownership: Ownership = Ownership()
    """The queue, team and person that own the case."""
    signals_joined: int = 0
    paused_by: str = ""
    """The rule that paused automation when the problem was last found to be gone."""
    escalations: int = 0
    evidence: tuple[Evidence, ...] = ()
    unknown_evidence: tuple[str, ...] = ()
    """What was cited and named nothing known at that time."""
    steps: Steps = Steps()
    """The tasks and holds of the case."""
    links: Mapping[UUID, work.Link] = {}
    errors: tuple[int, ...] = ()
    """Versions of the trail that were declared wrong."""
    reopened: int = 0
    resolved_at: datetime | None = None
    resolution: events.Resolution | None = None
    parts: CaseParts = {}
    """The parts of the order that it is about; `""` is the whole order."""
    about: events.CaseAbout | None = None
    """What it is about, if that is no order."""
    packet: str = ""
    """Digest of the latest order packet in the trail."""
    timing: Timing = Timing()
    adjustments: Adjustments = Adjustments()
    duties: Duties = {}
    """Each person's duty, over the whole history."""
    conflicts: tuple[frozenset[str], ...] = ()
    """Sets of names that turned out to be one person with different duties."""
    glasses: tuple[str, ...] = ()
    """The break-glasses under which people acted on it."""

    @property
    def exists(self) -> bool:
        return self.version > 0

    @property
    def is_resolved(self) -> bool:
        return self.resolved_at is not None

    @property
    def held_evidence(self) -> tuple[Evidence, ...]:
        """What is attached, without the files that the evidence store did not have."""
        return tuple(
            one
            for one in self.evidence
            if one.size or one.ref not in self.unknown_evidence or not is_file_ref(one.ref)
        )

    @property
    def cleared(self) -> bool:
        """Whether the problem of every part is gone, of those without an outcome from before."""
        return bool(self.parts) and all(
            part.is_cleared or part.decided for part in self.parts.values()
        )

    @property
    def is_worked(self) -> bool:
        """Whether a person did something about it."""
        return bool(self.duties)

    @property
    def state(self) -> CaseState:
        """The state. An open or claimed case with a pending adjustment is `pending_approval`."""
        if self.is_resolved:
            return CaseState.RESOLVED
        if self.waiting is not None:
            return CaseState.WAITING
        if self.adjustments.is_pending:
            return CaseState.PENDING_APPROVAL
        return CaseState.OPEN if self.person is None else CaseState.CLAIMED

    @property
    def tier(self) -> str | None:
        """The customer's tier when the case was routed."""
        return self.routed.tier if self.routed is not None else None

    @property
    def region(self) -> str | None:
        """Where the order ships to, if it was known when the case was routed."""
        return self.routed.region if self.routed is not None else None

    @property
    def owner(self) -> str | None:
        """The person who holds it, else the team of its queue; None once it is resolved."""
        return None if self.is_resolved else self.person or self.ownership.team

    @property
    def queue(self) -> str:
        return self.ownership.queue

    @property
    def person(self) -> str | None:
        return self.ownership.person

    @property
    def owned_since(self) -> datetime | None:
        return self.ownership.since

    @property
    def lease_until(self) -> datetime | None:
        return self.ownership.lease_until

    @property
    def waiting(self) -> work.WaitStarted | None:
        return self.ownership.waiting

    @property
    def hand_offs(self) -> int:
        return self.ownership.hand_offs

    @cached_property
    def next_due(self) -> datetime | None:
        """When the next timer of the case is due."""
        times = (
            self.ownership.next_due,
            self.timing.next_due,
            self.steps.next_due,
            self.adjustments.next_due if self.adjustments else None,
        )
        return min((at for at in times if at is not None), default=None)

    def after(
        self, event: events.CaseEvent, order: str, recorded_at: datetime, by: Actor = POLICY_ACTOR
    ) -> ExceptionCase:
        """The case after one more event of its trail."""
        timing = self.timing.after(event, recorded_at)
        version = self.version + 1
        duties = duties_after(self.duties, event, recorded_at, by, version)
        ownership = self.ownership.after(event, recorded_at)
        parts = parts_after(self.parts, event, recorded_at)
        now = structs.replace(
            self, version=version, timing=timing, duties=duties, ownership=ownership, parts=parts
        )
        if by.under is not None and by.under not in self.glasses:
            now = structs.replace(now, glasses=(*self.glasses, by.under))
        now = now._after(event, order, recorded_at, by)
        if unknown := getattr(event, "unknown_evidence", UNSET):
            known = dict.fromkeys((*self.unknown_evidence, *unknown))
            now = structs.replace(now, unknown_evidence=tuple(known))
        if self.adjustments.is_pending or now.adjustments.is_pending:
            return _adjust_lease_for_approval(now, recorded_at)
        return now

    def _after(
        self, event: events.CaseEvent, order: str, recorded_at: datetime, by: Actor
    ) -> ExceptionCase:
        now = self
        match event:
            case events.Detected() | work.Opened():
                return _start_case(now, event, order, recorded_at)
            case events.Enriched(digest=digest):
                return structs.replace(now, packet=digest)
            case events.Routed():
                return structs.replace(now, routed=event)
            case events.SignalJoined(paused=paused):
                by_rule = paused.rule if isinstance(paused, Decision) else ""
                joined = self.signals_joined + 1
                return structs.replace(now, signals_joined=joined, paused_by=by_rule)
            case events.Resolved(resolution=resolution):
                return structs.replace(now, resolved_at=recorded_at, resolution=resolution)
            case events.Reopened(decision=decision):
                return structs.replace(
                    now,
                    reopened=self.reopened + 1,
                    resolved_at=None,
                    resolution=None,
                    rule=decision.rule if decision else self.rule,
                    deadline=event.deadline or self.deadline,
                )
            case events.CaseDataErased():
                return _erase_case_data(now)
            case DutiesConflicted(duties=duties):
                return structs.replace(now, conflicts=(*self.conflicts, frozenset(duties)))
            case _ if isinstance(event, AdjustmentEvent):
                adjustments = self.adjustments.after(event, recorded_at, by, self.version)
                return structs.replace(now, adjustments=adjustments)
            case _ if isinstance(event, StepEvent):
                return structs.replace(now, steps=self.steps.after(event, recorded_at))
            case work.EvidenceAttached(evidence=evidence):
                return structs.replace(now, evidence=(*self.evidence, evidence))
            case work.Escalated():
                return structs.replace(now, escalations=self.escalations + 1)
            case work.Linked(link=link, case=other):
                return structs.replace(now, links={**self.links, other: link})
            case work.ErrorDeclared(about=about):
                return structs.replace(now, errors=(*self.errors, about))
            case PartJoined() | PartCleared() | work.AtRisk() | work.Breached() | work.Retermed():
                return now
            case _ if isinstance(event, OwnershipEvent):
                return now
            case _:
                assert_never(event)


def _erase_case_data(case: ExceptionCase) -> ExceptionCase:
    """The state that a fold without the destroyed keys would give."""
    return structs.replace(
        case,
        evidence=erase_personal(case.evidence),
        resolution=erase_personal(case.resolution),
        ownership=erase_personal(case.ownership),
        adjustments=erase_personal(case.adjustments),
    )


def _start_case(
    case: ExceptionCase, event: events.Detected | work.Opened, order: str, recorded_at: datetime
) -> ExceptionCase:
    case = structs.replace(
        case,
        order=order,
        kind=event.kind,
        occurrence=event.occurrence,
        automation=event.automation,
        detected_at=recorded_at,
        opened_at=recorded_at,
    )
    if isinstance(event, work.Opened):
        return case
    return structs.replace(
        case,
        rule=event.decision.rule,
        deadline=event.deadline,
        detected_at=event.detected_at,
        recurrence_of=event.recurrence_of,
        about=None if isinstance(event.about, UnsetType) else event.about,
    )


def _adjust_lease_for_approval(case: ExceptionCase, at: datetime) -> ExceptionCase:
    """Suspend the claim's lease while an approval is pending; restart it when none is."""
    if case.is_resolved or case.waiting is not None:
        return case
    owned = case.ownership
    now = owned.suspend_lease() if case.adjustments.is_pending else owned.restart_lease(at)
    return structs.replace(case, ownership=now)
