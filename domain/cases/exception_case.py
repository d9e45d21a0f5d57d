"""The ExceptionCase aggregate: decisions return events, `after` folds events into state."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.cases.events import (
    CaseEvent,
    CaseReleased,
    Claimed,
    Detected,
    Enriched,
    Reopened,
    Resolution,
    Resolved,
    Routed,
    SignalJoined,
)
from domain.errors import CaseAlreadyResolved, CaseNotOpen, CaseNotResolved, CaseNotYours
from domain.policy.decision import Decision, Read
from domain.policy.document import Automation

CASES = uuid5(NAMESPACE_URL, "casetrail:cases")


def case_stream(order_id: str, kind: str, occurrence: int) -> UUID:
    """A case's id follows from its problem: whoever detects it first, it is the same case."""
    return uuid5(CASES, f"{order_id}\n{kind}\n{occurrence}")


class State(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"
    RESOLVED = "resolved"


class ExceptionCase(Struct, frozen=True, kw_only=True):
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
    person: str | None = None
    owned_since: datetime | None = None
    signals_joined: int = 0
    reopened: int = 0
    resolved_at: datetime | None = None
    resolution: Resolution | None = None
    cleared: bool = False
    readings: tuple[tuple[str, Read | None], ...] = ()
    """What the policy read when it last found the problem."""

    @property
    def exists(self) -> bool:
        return self.version > 0

    @property
    def is_resolved(self) -> bool:
        return self.state is State.RESOLVED

    def claim(self, person: str) -> Claimed:
        if self.state is not State.OPEN:
            holder = f"{self.person} holds it" if self.person else "it is resolved"
            raise CaseNotOpen(f"case {self.id} cannot be claimed: {holder}", state=self.state)
        return Claimed(person=person)

    def release(self, person: str, note: str) -> CaseReleased:
        self._must_be_held_by(person)
        return CaseReleased(note=note)

    def resolve(self, person: str, resolution: Resolution) -> Resolved:
        self._must_be_held_by(person)
        return Resolved(resolution=resolution)

    def reopen(self, note: str) -> tuple[CaseEvent, ...]:
        """Back to work, in the queue that it was in."""
        if not self.is_resolved:
            raise CaseNotResolved(f"case {self.id} is {self.state}", state=self.state)
        assert self.routed is not None
        return Reopened(note=note), self.routed

    def _must_be_held_by(self, person: str) -> None:
        if self.is_resolved:
            raise CaseAlreadyResolved(f"case {self.id} is resolved", state=self.state)
        if self.person != person:
            holder = self.person or "nobody"
            raise CaseNotYours(f"{holder} holds case {self.id}, not {person}", owner=self.person)

    def after(self, event: CaseEvent, order: str, recorded_at: datetime) -> ExceptionCase:
        """The case after one more event of its trail."""
        now = structs.replace(self, version=self.version + 1)
        match event:
            case Detected(kind=kind, decision=decision, automation=automation):
                return structs.replace(
                    now,
                    order=order,
                    kind=kind,
                    rule=decision.rule,
                    occurrence=event.occurrence,
                    automation=automation,
                    deadline=event.deadline,
                    detected_at=event.detected_at,
                    opened_at=recorded_at,
                    recurrence_of=event.recurrence_of,
                    readings=decision.readings,
                )
            case Enriched():
                return now
            case Routed():
                return structs.replace(now, routed=event, owned_since=recorded_at)
            case SignalJoined(clearing=clearing, decision=decision):
                return structs.replace(
                    now,
                    signals_joined=self.signals_joined + 1,
                    cleared=clearing is not None,
                    readings=_readings(decision, self.readings),
                )
            case Claimed(person=person):
                return structs.replace(
                    now, state=State.CLAIMED, person=person, owned_since=recorded_at
                )
            case CaseReleased():
                return structs.replace(now, state=State.OPEN, person=None, owned_since=recorded_at)
            case Resolved(resolution=resolution):
                return structs.replace(
                    now,
                    state=State.RESOLVED,
                    person=None,
                    resolved_at=recorded_at,
                    resolution=resolution,
                )
            case Reopened(decision=decision):
                return structs.replace(
                    now,
                    state=State.OPEN,
                    reopened=self.reopened + 1,
                    resolved_at=None,
                    resolution=None,
                    cleared=False,
                    rule=decision.rule if decision else self.rule,
                    deadline=event.deadline or self.deadline,
                    readings=_readings(decision, self.readings),
                )
            case _:
                assert_never(event)


def _readings(
    decision: Decision | None, before: tuple[tuple[str, Read | None], ...]
) -> tuple[tuple[str, Read | None], ...]:
    return decision.readings if decision is not None else before
