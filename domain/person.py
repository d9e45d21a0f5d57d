"""A person with all grants: the fold of the events of the person's stream.

A fold up to a time shows who could have done something then. A grant of a controlled role (`domain/permissions.py`)
that one person gives is only proposed; it is active once another person confirms it.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

from msgspec import Struct, structs

from domain import people as events
from domain.people import Actor, PersonRecordEvent, Role
from domain.permissions import is_controlled
from domain.struct_fields import fill, replace_where

PROPOSAL_LASTS: Final = timedelta(days=30)
"""A proposed grant that nobody has confirmed by then has lapsed."""


class GrantStatus(StrEnum):
    PROPOSED = "proposed"
    """It gives nothing; another person has to confirm it."""
    UNCONFIRMED = "unconfirmed"
    """It is active, but takes two people, and one gave it alone (as the operator of the command line)."""
    ACTIVE = "active"
    ENDED = "ended"
    """It was revoked, its time is over, or the person has left."""
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    VOID = "void"
    """It gives nothing, because the people behind it could not give it (`domain/grant_validity.py`)."""


class Grant(Struct, frozen=True, kw_only=True):
    """A role in a scope and for a time: who gave it, when and why, who confirmed it, and how it ended."""

    grant: str
    role: Role
    queues: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    case: UUID | None = None
    granted_at: datetime
    """When it was given or proposed."""
    granted_by: Actor
    position: int = 0
    """Where the log has that it was given or proposed; 0 before it is recorded."""
    reason: str | None = None
    """None for the roles from `PersonAdded`."""
    until: datetime | None = None
    under: str | None = None
    stage: GrantStatus = GrantStatus.ACTIVE
    """Proposed, active, rejected or withdrawn; `status` also looks at the time."""
    was_proposed: bool = False
    confirmed_at: datetime | None = None
    confirmed_by: Actor | None = None
    confirmed_position: int = 0
    void_for: str | None = None
    """Why it is void, by the names that are known now."""
    unconfirmed_for: str | None = None
    """Why its confirmation does not count, by the names that are known now."""
    revoked_at: datetime | None = None
    revoked_by: Actor | None = None
    revoked_for: str | None = None
    """Also why it was rejected or withdrawn."""

    @property
    def is_controlled(self) -> bool:
        """Whether it takes two people. Two people have opened a break-glass already."""
        return self.under is None and is_controlled(self.role)

    @property
    def active_since(self) -> datetime | None:
        """When it became active; None if it never did. A grant of the operator is active before it is confirmed."""
        if self.stage is not GrantStatus.ACTIVE:
            return None
        return self.confirmed_at if self.was_proposed else self.granted_at

    def lives(self, now: datetime) -> bool:
        return self.status(now) in (GrantStatus.ACTIVE, GrantStatus.UNCONFIRMED)

    def status(self, now: datetime) -> GrantStatus:
        is_proposed = self.stage is GrantStatus.PROPOSED
        if self.stage in (GrantStatus.REJECTED, GrantStatus.WITHDRAWN):
            return self.stage
        if self.revoked_at is not None or (self.until is not None and now >= self.until):
            return GrantStatus.ENDED
        if is_proposed and now >= self.granted_at + PROPOSAL_LASTS:
            return GrantStatus.ENDED
        if self.void_for is not None:
            return GrantStatus.VOID
        if is_proposed:
            return GrantStatus.PROPOSED
        is_confirmed = self.confirmed_by is not None and self.unconfirmed_for is None
        is_whole = is_confirmed or not self.is_controlled
        return GrantStatus.ACTIVE if is_whole else GrantStatus.UNCONFIRMED


class Person(Struct, frozen=True, kw_only=True):
    name: str
    version: int = 0
    grants: tuple[Grant, ...] = ()
    skills: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    """The other names of the same person."""
    added_at: datetime | None = None
    left_at: datetime | None = None
    left_for: str | None = None
    reviews_due: frozenset[UUID] = frozenset()
    """Break-glasses that the person requested or opened and nobody has reviewed."""

    @property
    def has_left(self) -> bool:
        return self.left_at is not None

    @property
    def known_as(self) -> frozenset[str]:
        """All names of this person."""
        return self.others | {self.name}

    def at(self, now: datetime) -> tuple[Grant, ...]:
        """The grants that are active at `now`."""
        return () if self.has_left else tuple(g for g in self.grants if g.lives(now))

    def status_of(self, grant: Grant, now: datetime) -> GrantStatus:
        """The grant's status; nothing of a person who has left is active or can be confirmed."""
        status = grant.status(now)
        ends = (GrantStatus.PROPOSED, GrantStatus.UNCONFIRMED, GrantStatus.ACTIVE)
        return GrantStatus.ENDED if self.has_left and status in ends else status

    def grant(self, grant: str) -> Grant | None:
        return next((one for one in self.grants if one.grant == grant), None)

    @property
    def next_grant(self) -> str:
        return f"g{len(self.grants) + 1}"

    def after(
        self, event: PersonRecordEvent, at: datetime, by: Actor, position: int = 0
    ) -> "Person":
        """The person after an event; `position` is that of its line, 0 before it is recorded."""
        now = structs.replace(self, version=self.version + 1)
        match event:
            case events.PersonAdded(roles=roles, skills=skills):
                given = tuple(
                    Grant(grant=f"g{n}", role=role, granted_at=at, granted_by=by, position=position)
                    for n, role in enumerate(roles, start=1)
                )
                return structs.replace(now, grants=given, skills=skills, added_at=at)
            case events.PersonGranted():
                grant = fill(Grant, event, granted_at=at, granted_by=by, position=position)
                return structs.replace(now, grants=(*self.grants, grant))
            case events.GrantProposed():
                grant = fill(
                    Grant,
                    event,
                    granted_at=at,
                    granted_by=by,
                    position=position,
                    stage=GrantStatus.PROPOSED,
                    was_proposed=True,
                )
                return structs.replace(now, grants=(*self.grants, grant))
            case events.GrantConfirmed(grant=one):
                return now._with_grant(
                    one,
                    stage=GrantStatus.ACTIVE,
                    confirmed_at=at,
                    confirmed_by=by,
                    confirmed_position=position,
                )
            case events.GrantRejected(grant=one, reason=reason):
                return now._ended(one, at, by, reason, stage=GrantStatus.REJECTED)
            case events.GrantWithdrawn(grant=one, reason=reason):
                return now._ended(one, at, by, reason, stage=GrantStatus.WITHDRAWN)
            case events.GrantRevoked(grant=one, reason=reason):
                return now._ended(one, at, by, reason)
            case events.PersonLeft(reason=reason):
                return structs.replace(now, left_at=at, left_for=reason)
            case events.PersonReturned(gives_again=again):
                now = structs.replace(now, left_at=None, left_for=None)
                waits = bool(by.persons)
                for one in again:
                    now = now._with_grant(
                        one,
                        granted_at=at,
                        granted_by=by,
                        position=position,
                        confirmed_at=None,
                        confirmed_by=None,
                        confirmed_position=0,
                        stage=GrantStatus.PROPOSED if waits else GrantStatus.ACTIVE,
                        was_proposed=waits,
                    )
                return now
            case events.SkillsSet(skills=skills):
                return structs.replace(now, skills=skills)
            case events.SameAs(other=other):
                return structs.replace(now, others=self.others | {other})
            case events.ReviewDue(break_glass=due):
                return structs.replace(now, reviews_due=self.reviews_due | {due})
            case events.ReviewDone(break_glass=done):
                return structs.replace(now, reviews_due=self.reviews_due - {done})
            case _:
                assert_never(event)

    def _with_grant(self, grant: str, **changes: object) -> "Person":
        return structs.replace(self, grants=replace_where(self.grants, "grant", grant, **changes))

    def _ended(
        self, grant: str, at: datetime, by: Actor, reason: str, **changes: object
    ) -> "Person":
        return self._with_grant(grant, revoked_at=at, revoked_by=by, revoked_for=reason, **changes)
