"""The ExceptionCase aggregate: `after` folds events into state, together with its parts, each of which
folds what bears on it. What people may do with it, and what time does to it, is decided in `work.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
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
from domain.cases.ownership import Owned, Ownership
from domain.cases.step_events import StepEvent
from domain.cases.steps import Steps
from domain.cases.timing import Timing
from domain.cases.work_events import (
    AtRisk,
    Breached,
    ErrorDeclared,
    Escalated,
    EvidenceAttached,
    Link,
    Linked,
    Opened,
    Retermed,
    WaitStarted,
)
from domain.people import POLICY, Actor
from domain.personal_data import ERASED, PERSONAL_FACTS, erased
from domain.policy.decision import Read
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
    routed: Routed | None = None
    """How policy routed it last."""
    ownership: Ownership = Ownership()
    """Who answers for it, and in whose hands it is."""
    signals_joined: int = 0
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
        return self.resolved_at is not None

    @property
    def state(self) -> State:
        """While somebody is asked to approve, the case is with whoever decides on that."""
        if self.is_resolved:
            return State.RESOLVED
        if self.waiting is not None:
            return State.WAITING
        if self.adjustments.is_pending:
            return State.PENDING_APPROVAL
        return State.OPEN if self.person is None else State.CLAIMED

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
    def waiting(self) -> WaitStarted | None:
        return self.ownership.waiting

    @property
    def hand_offs(self) -> int:
        return self.ownership.hand_offs

    @cached_property
    def next_due(self) -> datetime | None:
        """When the case needs a look with nobody to ask for it."""
        times = (
            self.ownership.next_due,
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
        ownership = self.ownership.after(event, recorded_at)
        now = structs.replace(
            self, version=version, timing=timing, duties=duties, ownership=ownership
        )
        now = now._after(event, order, recorded_at, by)
        if self.adjustments.is_pending or now.adjustments.is_pending:
            return _while_decided_on(now, recorded_at)
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
            case Routed():
                return structs.replace(now, routed=event)
            case SignalJoined(clearing=clearing, decision=decision):
                return structs.replace(
                    now,
                    signals_joined=self.signals_joined + 1,
                    cleared=clearing is not None,
                    readings=decision.readings if decision is not None else self.readings,
                )
            case Resolved(resolution=resolution):
                return structs.replace(now, resolved_at=recorded_at, resolution=resolution)
            case Reopened(decision=decision):
                return structs.replace(
                    now,
                    reopened=self.reopened + 1,
                    resolved_at=None,
                    resolution=None,
                    cleared=False,
                    rule=decision.rule if decision else self.rule,
                    deadline=event.deadline or self.deadline,
                    readings=decision.readings if decision is not None else self.readings,
                )
            case CaseDataErased():
                return _without_personal_data(now)
            case DutiesConflicted(duties=duties):
                return structs.replace(now, conflicts=(*self.conflicts, frozenset(duties)))
            case _ if isinstance(event, AdjustmentEvent):
                adjustments = self.adjustments.after(event, recorded_at, by, self.version)
                return structs.replace(now, adjustments=adjustments)
            case _ if isinstance(event, StepEvent):
                return structs.replace(now, steps=self.steps.after(event, recorded_at))
            case EvidenceAttached(evidence=evidence):
                return structs.replace(now, evidence=(*self.evidence, evidence))
            case Escalated():
                return structs.replace(now, escalations=self.escalations + 1)
            case Linked(link=link, case=other):
                return structs.replace(now, links={**self.links, other: link})
            case ErrorDeclared(about=about):
                return structs.replace(now, errors=(*self.errors, about))
            case AtRisk() | Breached() | Retermed():
                return now
            case _ if isinstance(event, Owned):
                return now
            case _:
                assert_never(event)


def _without_personal_data(case: ExceptionCase) -> ExceptionCase:
    """As it would be if it were folded anew, with the keys gone."""
    return structs.replace(
        case,
        evidence=erased(case.evidence),
        resolution=erased(case.resolution),
        ownership=erased(case.ownership),
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


def _while_decided_on(case: ExceptionCase, at: datetime) -> ExceptionCase:
    """While somebody is asked to approve, its claim does not lapse, and its person has it back when
    that is done."""
    if case.is_resolved or case.waiting is not None:
        return case
    owned = case.ownership
    now = owned.put_off() if case.adjustments.is_pending else owned.taken_up(at)
    return structs.replace(case, ownership=now)
