"""The ownership of a case: its queue, team and person, folded from its events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import Struct, structs

from domain.cases import work_events as work
from domain.cases.events import CaseEvent, Detected, Reopened, Resolved, Routed
from domain.cases.step_events import TaskDone

OwnershipEvent: TypeAlias = (
    work.Claimed
    | work.CaseReleased
    | work.ClaimLapsed
    | work.HandedOff
    | work.WaitStarted
    | work.WaitEnded
    | work.NoteAdded
)
"""Events that change the ownership and nothing else of the case."""


class Ownership(Struct, frozen=True, kw_only=True):
    """The queue, team and person of a case, with the claim's lease and the wait."""

    queue: str = ""
    team: str = ""
    person: str | None = None
    since: datetime | None = None
    lease: timedelta | None = None
    lease_until: datetime | None = None
    """When the person's claim lapses, unless it is renewed."""
    waiting: work.WaitStarted | None = None
    resumed: bool = False
    """The person's wait has ended and nothing was done since: the case comes first."""
    hand_offs: int = 0

    @property
    def next_due(self) -> datetime | None:
        """When the wait or the claim ends."""
        waits_until = self.waiting.expected_by if self.waiting else None
        return min((at for at in (waits_until, self.lease_until) if at is not None), default=None)

    def after(self, event: CaseEvent, at: datetime) -> Ownership:
        match event:
            case Detected() | work.Opened() | Reopened():
                return structs.replace(self, since=at)
            case Routed(queue=queue, owner_team=team):
                return structs.replace(self, queue=queue, team=team, since=at)
            case work.Claimed(person=person, lease=lease):
                return structs.replace(self._without_holder(), since=at)._held(person, lease, at)
            case work.CaseReleased() | work.ClaimLapsed():
                return structs.replace(self._without_holder(), since=at)
            case work.HandedOff():
                return self._handed_off(event, at)
            case work.WaitStarted():
                # A waiting case is not forgotten, so its claim does not lapse.
                return structs.replace(self, waiting=event, lease_until=None, resumed=False)
            case work.WaitEnded():
                now = structs.replace(self, waiting=None, resumed=self.person is not None)
                return now._held(self.person, self.lease, at) if self.person else now
            case work.NoteAdded() | work.EvidenceAttached() | TaskDone():
                return self._renew_lease(at)
            case Resolved():
                return self._without_holder()
            case _:
                return self

    def suspend_lease(self) -> Ownership:
        """Without an end of the claim, while an approval is pending."""
        return structs.replace(self, lease_until=None)

    def restart_lease(self, at: datetime) -> Ownership:
        """With a new lease for the person, once the approval is decided."""
        return self if self.person is None else self._held(self.person, self.lease, at)

    def _handed_off(self, event: work.HandedOff, at: datetime) -> Ownership:
        """With the next owner, who takes over the wait if there is one."""
        moved = structs.replace(
            self,
            queue=event.to_queue,
            team=event.owner_team,
            person=event.to_person,
            since=at,
            hand_offs=self.hand_offs + 1,
            lease=event.lease,
            resumed=False,
        )
        if self.waiting is not None:
            return moved
        if event.to_person is None:
            return moved._without_holder()
        return moved._held(event.to_person, event.lease, at)

    def _held(self, person: str, lease: timedelta | None, at: datetime) -> Ownership:
        until = at + lease if lease is not None else None
        return structs.replace(self, person=person, lease=lease, lease_until=until)

    def _without_holder(self) -> Ownership:
        return structs.replace(self, person=None, lease_until=None, waiting=None, resumed=False)

    def _renew_lease(self, at: datetime) -> Ownership:
        """With a renewed lease, since work was recorded."""
        if self.lease_until is None or self.lease is None:
            return structs.replace(self, resumed=False)
        return structs.replace(self, lease_until=at + self.lease, resumed=False)
