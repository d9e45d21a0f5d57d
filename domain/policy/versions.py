"""A version of the policy: its document, its authors and the actions on it, and when it is in force."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from domain.people import Actor
from domain.policy import events
from domain.policy.document import PolicyDocument


class PolicyState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REVISED = "revised"
    """Another proposal replaced it."""
    SCHEDULED = "scheduled"
    """It will be in force from a later time."""
    IN_FORCE = "in_force"
    RETIRED = "retired"
    """It was in force, and another one is now."""
    EXPIRED = "expired"
    """An emergency change that was not ratified in time."""


class PolicyAction(Struct, frozen=True):
    what: str
    by: Actor
    at: datetime
    note: str = ""
    version: int = 0
    """Of its event in the trail of the policy."""


class Policy(Struct, frozen=True, kw_only=True):
    """A document with all actions on it."""

    document: PolicyDocument
    digest: str
    standing: PolicyState
    """The state by people's actions: proposed, approved, rejected, withdrawn or revised."""
    is_pending: bool = False
    """It was proposed, and not activated since."""
    base: str | None = None
    """The digest of the policy that it is to replace."""
    authors: frozenset[str] = frozenset()
    """Everybody who proposed it or a version that it revises."""
    acts: tuple[PolicyAction, ...] = ()
    simulations: tuple[events.PolicySimulated, ...] = ()

    @property
    def version(self) -> str:
        return self.document.version

    def last(self, *names: str) -> PolicyAction | None:
        """The newest action with one of these names."""
        return next((act for act in reversed(self.acts) if act.what in names), None)


class PolicyActivation(Struct, frozen=True, kw_only=True):
    """A document is in force from `starts_at`: until another is, or until it expires."""

    digest: str
    starts_at: datetime
    by: Actor
    expires_at: datetime | None = None
    """When an emergency change ends, if it is not ratified."""
    is_emergency: bool = False
    is_rollback: bool = False
    """One person put an earlier policy in force again."""
    is_told: bool = True
    """The log has the event of its scheduled begin, or of the end of an emergency change."""

    @property
    def is_by_one_person(self) -> bool:
        """Whether it is an emergency change that nobody has ratified."""
        return self.expires_at is not None

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.expires_at is None or at < self.expires_at)


class PolicyChange(Struct, frozen=True):
    """Another document comes into force at this time."""

    at: datetime
    digest: str
    before: str | None
