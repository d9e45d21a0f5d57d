"""The ExceptionCase aggregate: `after` folds events into state. What people may do with it, and what
time does to it, is decided in `work.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.adjustments.adjustment import Adjustments
from domain.adjustments.events import AdjustmentEvent, DutiesConflicted
from domain.cases.duties import Duties, duties_after
from domain.cases.events import (
    CaseDataErased,
    CaseEvent,
    Detected,
    Enriched,
    Reopened,
    Resolution,
    Resolved,
    Routed,
    SignalJoined,
)
from domain.cases.evidence import Evidence
from domain.cases.step_events import (
    Held,
    HoldReleased,
    TaskCreated,
    TaskDone,
    TaskDropped,
    TaskOverdue,
)
from domain.cases.steps import Steps
from domain.cases.timing import Timing
from domain.cases.work_events import (
    AtRisk,
    Breached,
    CaseReleased,
    Claimed,
    ClaimLapsed,
    ErrorDeclared,
    Escalated,
    EvidenceAttached,
    HandedOff,
    Link,
    Linked,
    NoteAdded,
    Opened,
    Retermed,
    WaitEnded,
    WaitStarted,
    Worked,
)
from domain.people import POLICY, Actor
from domain.personal import ERASED, PERSONAL_FACTS, erased
from domain.policy.decision import Decision, Read
from domain.policy.document import Automation

CASES = uuid5(NAMESPACE_URL, "casetrail:cases")


def case_stream(order_id: str, kind: str, occurrence: int) -> UUID:
    """A case's id follows from its problem: whoever detects it first, it is the same case."""
    return uuid5(CASES, f"{order_id}\n{kind}\n{occurrence}")


class State(StrEnum):
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
    state: State = State.OPEN
    routed: Routed | None = None
    """How policy routed it last."""
    queue: str = ""
    owner_team: str = ""
    person: str | None = None
    owned_since: datetime | None = None
    lease: timedelta | None = None
    lease_until: datetime | None = None
    """When the person's claim lapses, unless something is done."""
    waiting: WaitStarted | None = None
    resumed: bool = False
    """The person's wait has ended, and nothing was done since: it is to be worked on first."""
    signals_joined: int = 0
    hand_offs: int = 0
    escalations: int = 0
    evidence: tuple[Evidence, ...] = ()
    steps: Steps = Steps()
    """What is to be done about it, and what it holds up."""
    links: Mapping[UUID, Link] = {}
    errors: tuple[int, ...] = ()
    """Versions of the trail that were declared to be wrong."""
    reopened: int = 0
    resolved_at: datetime | None = None
    resolution: Resolution | None = None
    cleared: bool = False
    packet: str = ""
    """Digest of the order packet that the trail shows last."""
    timing: Timing = Timing()
    readings: tuple[tuple[str, Read | None], ...] = ()
    """What the policy read when it last found the problem."""
    adjustments: Adjustments = Adjustments()
    """What is to be given to the customer."""
    duties: Duties = {}
    """Who has which duty, over all of its history."""
    conflicts: tuple[frozenset[str], ...] = ()
    """Names that were told to be one human's, and to have had different duties."""

    @property
    def exists(self) -> bool:
        return self.version > 0

    @property
    def is_resolved(self) -> bool:
        return self.state is State.RESOLVED

    @property
    def tier(self) -> str | None:
        """The customer's, when the case was routed."""
        return self.routed.tier if self.routed is not None else None

    @property
    def region(self) -> str | None:
        """Where the order ships to, as far as was known when the case was routed."""
        return self.routed.region if self.routed is not None else None

    @property
    def owner(self) -> str | None:
        """The person who holds it, else the team of its queue; nobody once it is resolved."""
        return None if self.is_resolved else self.person or self.owner_team

    @cached_property
    def next_due(self) -> datetime | None:
        """When the case needs a look with nobody to ask for it."""
        waits_until = self.waiting.expected_by if self.waiting else None
        times = (
            self.lease_until,
            waits_until,
            self.timing.next_due,
            self.steps.next_due,
            self.adjustments.next_due if self.adjustments else None,
        )
        return min((at for at in times if at is not None), default=None)

    def after(
        self, event: CaseEvent, order: str, recorded_at: datetime, by: Actor = POLICY
    ) -> ExceptionCase:
        """The case after one more event of its trail."""
        timing = self.timing.after(event, recorded_at)
        version = self.version + 1
        duties = duties_after(self.duties, event, recorded_at, by, version)
        now = structs.replace(self, version=version, timing=timing, duties=duties)
        now = now._after(event, order, recorded_at, by)
        if self.adjustments.is_pending or now.adjustments.is_pending:
            return _in_place(now, recorded_at)
        return now

    def _after(
        self, event: CaseEvent, order: str, recorded_at: datetime, by: Actor
    ) -> ExceptionCase:
        now = self
        match event:
            case Detected() | Opened():
                return _begun(now, event, order, recorded_at)
            case Enriched(digest=digest):
                return structs.replace(now, packet=digest)
            case Routed(queue=queue, owner_team=team):
                return structs.replace(
                    now, routed=event, queue=queue, owner_team=team, owned_since=recorded_at
                )
            case SignalJoined(clearing=clearing, decision=decision):
                return structs.replace(
                    now,
                    signals_joined=self.signals_joined + 1,
                    cleared=clearing is not None,
                    readings=_readings(decision, self.readings),
                )
            case Resolved(resolution=resolution):
                return structs.replace(
                    _unheld(now),
                    state=State.RESOLVED,
                    resolved_at=recorded_at,
                    resolution=resolution,
                )
            case Reopened(decision=decision):
                return structs.replace(
                    now,
                    state=State.OPEN,
                    reopened=self.reopened + 1,
                    owned_since=recorded_at,
                    resolved_at=None,
                    resolution=None,
                    cleared=False,
                    rule=decision.rule if decision else self.rule,
                    deadline=event.deadline or self.deadline,
                    readings=_readings(decision, self.readings),
                )
            case CaseDataErased():
                return _without_personal_data(now)
            case DutiesConflicted(duties=duties):
                return structs.replace(now, conflicts=(*self.conflicts, frozenset(duties)))
            case _ if isinstance(event, AdjustmentEvent):
                adjustments = self.adjustments.after(event, recorded_at, by, self.version)
                return structs.replace(now, adjustments=adjustments)
            case _:
                return _worked(now, event, recorded_at)


def _without_personal_data(case: ExceptionCase) -> ExceptionCase:
    """As it would be if it were folded anew, with the keys gone."""
    return structs.replace(
        case,
        evidence=erased(case.evidence),
        resolution=erased(case.resolution),
        waiting=erased(case.waiting),
        adjustments=erased(case.adjustments),
        readings=tuple(
            (fact, ERASED if read and fact in PERSONAL_FACTS else read)
            for fact, read in case.readings
        ),
    )


def _begun(
    case: ExceptionCase, event: Detected | Opened, order: str, recorded_at: datetime
) -> ExceptionCase:
    case = structs.replace(
        case,
        order=order,
        kind=event.kind,
        occurrence=event.occurrence,
        automation=event.automation,
        detected_at=recorded_at,
        opened_at=recorded_at,
        owned_since=recorded_at,
    )
    if isinstance(event, Opened):
        return case
    return structs.replace(
        case,
        rule=event.decision.rule,
        deadline=event.deadline,
        detected_at=event.detected_at,
        recurrence_of=event.recurrence_of,
        readings=event.decision.readings,
    )


def _worked(case: ExceptionCase, event: Worked, at: datetime) -> ExceptionCase:
    match event:
        case Claimed(person=person, lease=lease):
            return _held(structs.replace(_unheld(case), owned_since=at), person, lease, at)
        case CaseReleased() | ClaimLapsed():
            return structs.replace(_unheld(case), owned_since=at)
        case HandedOff():
            return _handed_off(case, event, at)
        case WaitStarted():
            # Whoever waits has not forgotten it.
            return structs.replace(
                case, state=State.WAITING, waiting=event, lease_until=None, resumed=False
            )
        case WaitEnded():
            now = structs.replace(case, waiting=None, resumed=case.person is not None)
            return (
                _held(now, case.person, case.lease, at)
                if case.person
                else structs.replace(now, state=State.OPEN)
            )
        case NoteAdded():
            return _renewed(case, at)
        case EvidenceAttached(evidence=evidence):
            return structs.replace(_renewed(case, at), evidence=(*case.evidence, evidence))
        case Escalated():
            return structs.replace(case, escalations=case.escalations + 1)
        case AtRisk() | Breached() | Retermed():
            return case
        case TaskDone():
            return structs.replace(_renewed(case, at), steps=case.steps.after(event, at))
        case TaskCreated() | TaskDropped() | TaskOverdue() | Held() | HoldReleased():
            return structs.replace(case, steps=case.steps.after(event, at))
        case Linked(link=link, case=other):
            return structs.replace(case, links={**case.links, other: link})
        case ErrorDeclared(about=version):
            return structs.replace(case, errors=(*case.errors, version))
        case _:
            assert_never(event)


def _handed_off(case: ExceptionCase, event: HandedOff, at: datetime) -> ExceptionCase:
    """What is waited for is waited for by the next owner."""
    moved = structs.replace(
        case,
        queue=event.to_queue,
        owner_team=event.owner_team,
        person=event.to_person,
        owned_since=at,
        hand_offs=case.hand_offs + 1,
        lease=event.lease,
        resumed=False,
    )
    if case.waiting is not None or case.is_resolved:
        return moved
    if event.to_person is None:
        return structs.replace(_unheld(moved), owned_since=at)
    return _held(moved, event.to_person, event.lease, at)


def _held(case: ExceptionCase, person: str, lease: timedelta | None, at: datetime) -> ExceptionCase:
    until = at + lease if lease is not None else None
    return structs.replace(case, state=State.CLAIMED, person=person, lease=lease, lease_until=until)


def _unheld(case: ExceptionCase) -> ExceptionCase:
    return structs.replace(
        case, state=State.OPEN, person=None, lease_until=None, waiting=None, resumed=False
    )


def _renewed(case: ExceptionCase, at: datetime) -> ExceptionCase:
    """Something was done with it."""
    if case.state is not State.CLAIMED or case.lease is None:
        return structs.replace(case, resumed=False)
    return structs.replace(case, lease_until=at + case.lease, resumed=False)


def _in_place(case: ExceptionCase, at: datetime) -> ExceptionCase:
    """While somebody is asked to approve, the case is with whoever decides on that: its claim does
    not lapse, and its person has it back when that is done."""
    if case.is_resolved or case.waiting is not None:
        return case
    if case.adjustments.is_pending:
        return structs.replace(case, state=State.PENDING_APPROVAL, lease_until=None)
    if case.person is not None:
        return _held(case, case.person, case.lease, at)
    return structs.replace(case, state=State.OPEN)


def _readings(
    decision: Decision | None, before: tuple[tuple[str, Read | None], ...]
) -> tuple[tuple[str, Read | None], ...]:
    return decision.readings if decision is not None else before
