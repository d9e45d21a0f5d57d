"""Policies under governance: a fold that says which document decides at any moment, how each stands,
and who had which part in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from msgspec import UNSET, Struct, structs

from domain.people import Actor
from domain.policy.document import PolicyDocument
from domain.policy.events import (
    GovernanceEvent,
    PolicyActivated,
    PolicyApproved,
    PolicyEmergencyActivated,
    PolicyEmergencyExpired,
    PolicyProposed,
    PolicyRatified,
    PolicyRejected,
    PolicyRolledBack,
    PolicySimulated,
    PolicyTookEffect,
    PolicyWithdrawn,
)


class PolicyState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REVISED = "revised"
    """Another proposal has taken its place."""
    SCHEDULED = "scheduled"
    """It decides from a later moment on."""
    IN_FORCE = "in_force"
    RETIRED = "retired"
    """It has decided, and another decides now."""
    EXPIRED = "expired"
    """An emergency change that nobody ratified in time."""


class PolicyAction(Struct, frozen=True):
    """Somebody did something about a policy."""

    what: str
    by: Actor
    at: datetime
    note: str = ""


class Policy(Struct, frozen=True, kw_only=True):
    """One document with all that was done about it."""

    document: PolicyDocument
    digest: str
    standing: PolicyState
    """As people have left it: proposed, approved, rejected, withdrawn or revised."""
    is_pending: bool = False
    """It was proposed, and has had no turn since."""
    base: str | None = None
    """The digest of the policy that it is to take the place of."""
    authors: frozenset[str] = frozenset()
    """Everybody who proposed it, or what it revises."""
    acts: tuple[PolicyAction, ...] = ()
    simulations: tuple[PolicySimulated, ...] = ()

    @property
    def version(self) -> str:
        return self.document.version

    def last(self, *whats: str) -> PolicyAction | None:
        """The newest of such acts."""
        return next((act for act in reversed(self.acts) if act.what in whats), None)


class PolicyActivation(Struct, frozen=True, kw_only=True):
    """A document decides from a moment on: until another does, or until it expires."""

    digest: str
    starts_at: datetime
    by: Actor
    expires_at: datetime | None = None
    """Of an emergency change that is not ratified."""
    is_emergency: bool = False
    is_told: bool = True
    """Whether the log says already that it has begun; and, of an emergency, that it is over."""

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.expires_at is None or at < self.expires_at)


class PolicyChange(Struct, frozen=True):
    """At this moment another document begins to decide."""

    at: datetime
    digest: str
    before: str | None


class Governance(Struct, frozen=True, kw_only=True):
    version: int = 0
    policies: Mapping[str, Policy] = {}
    """By digest, in the order in which they were first told."""
    reigns: tuple[PolicyActivation, ...] = ()
    """By the moment from which each decides."""

    def in_force(self, at: datetime) -> Policy | None:
        """What decides at this moment: of all that have begun and not expired, the one that began
        last."""
        reign = self.activation_at(at)
        return self.policies[reign.digest] if reign is not None else None

    def activation_at(self, at: datetime) -> PolicyActivation | None:
        return next((reign for reign in reversed(self.reigns) if reign.holds(at)), None)

    def scheduled(self, now: datetime) -> PolicyActivation | None:
        return next((reign for reign in self.reigns if reign.starts_at > now), None)

    def policy_changes(self) -> tuple[PolicyChange, ...]:
        """Every moment, past and to come, at which another document decides than before."""
        moments = {reign.starts_at for reign in self.reigns}
        moments |= {reign.expires_at for reign in self.reigns if reign.expires_at is not None}
        found: list[PolicyChange] = []
        before: str | None = None
        for moment in sorted(moments):
            reign = self.activation_at(moment)
            if reign is not None and reign.digest != before:
                found.append(PolicyChange(moment, reign.digest, before))
                before = reign.digest
        return tuple(found)

    def named(self, name: str) -> Policy | None:
        """By its version, or by its digest."""
        if (found := self.policies.get(name)) is not None:
            return found
        return next((one for one in self.policies.values() if one.version == name), None)

    def state(self, policy: Policy, now: datetime) -> PolicyState:
        reign = self.activation_at(now)
        if reign is not None and reign.digest == policy.digest:
            return PolicyState.IN_FORCE
        own = [reign for reign in self.reigns if reign.digest == policy.digest]
        if not own or policy.is_pending:
            return policy.standing
        if own[-1].starts_at > now:
            return PolicyState.SCHEDULED
        expires_at = own[-1].expires_at
        if expires_at is not None and expires_at <= now:
            return PolicyState.EXPIRED
        return PolicyState.RETIRED

    def next_due(self) -> datetime | None:
        """When something comes to pass with nobody doing anything."""
        moments = [
            reign.expires_at or reign.starts_at for reign in self.reigns if not reign.is_told
        ]
        return min(moments, default=None)

    def find_due_events(self, now: datetime) -> list[GovernanceEvent]:
        """What has begun or expired by now, and was not told."""
        found: list[tuple[datetime, GovernanceEvent]] = []
        for reign in self.reigns:
            at = reign.expires_at or reign.starts_at
            if reign.is_told or at > now:
                continue
            if reign.expires_at is None:
                found.append((at, PolicyTookEffect(digest=reign.digest, effective_from=at)))
            elif (again := self.in_force(at)) is not None:
                expired = PolicyEmergencyExpired(
                    digest=reign.digest, expires_at=at, again=again.digest
                )
                found.append((at, expired))
        return [event for _, event in sorted(found, key=lambda one: one[0])]

    def after(self, event: GovernanceEvent, by: Actor, at: datetime) -> Governance:
        now = structs.replace(self, version=self.version + 1)
        match event:
            case PolicyProposed():
                return now._proposed(event, by, at)
            case PolicySimulated(digest=digest):
                known = (*self.policies[digest].simulations, event)
                return now._act(event, by, at, simulations=known)
            case PolicyApproved(note=note):
                return now._act(event, by, at, note, standing=PolicyState.APPROVED)
            case PolicyRejected(digest=digest, reason=reason):
                now = now._cancel_scheduled(digest, at)
                return now._act(event, by, at, reason, standing=PolicyState.REJECTED)
            case PolicyWithdrawn(digest=digest, reason=reason):
                now = now._cancel_scheduled(digest, at)
                return now._act(event, by, at, reason, standing=PolicyState.WITHDRAWN)
            case PolicyActivated(effective_from=effective_from, note=note):
                later = effective_from is not UNSET and effective_from > at
                starts_at = effective_from if effective_from is not UNSET and later else at
                reign = PolicyActivation(
                    digest=event.digest, starts_at=starts_at, by=by, is_told=not later
                )
                return now._activate(event, reign, by, at, note or "")
            case PolicyRolledBack(reason=reason):
                return now._activate(
                    event,
                    PolicyActivation(digest=event.digest, starts_at=at, by=by),
                    by,
                    at,
                    reason,
                )
            case PolicyEmergencyActivated(reason=reason, expires_at=expires_at):
                reign = PolicyActivation(
                    digest=event.digest,
                    starts_at=at,
                    by=by,
                    expires_at=expires_at,
                    is_emergency=True,
                    is_told=False,
                )
                return now._activate(event, reign, by, at, reason)
            case PolicyRatified(note=note):
                now = now._told(event.digest, expires_at=None)
                return now._act(event, by, at, note)
            case PolicyTookEffect() | PolicyEmergencyExpired():
                return now._told(event.digest)._act(event, by, at)
            case _:
                assert_never(event)

    def _proposed(self, event: PolicyProposed, by: Actor, at: datetime) -> Governance:
        authors = frozenset(by.persons)
        now = self
        if event.revises is not UNSET and event.revises != event.digest:
            revised = self.policies[event.revises]
            authors |= revised.authors
            replaced = structs.replace(revised, standing=PolicyState.REVISED)
            now = structs.replace(self, policies={**self.policies, revised.digest: replaced})
        known = self.policies.get(event.digest)
        return now._with(
            Policy(
                document=event.document,
                digest=event.digest,
                standing=PolicyState.PROPOSED,
                is_pending=True,
                base=event.base,
                authors=authors | (known.authors if known else frozenset()),
                acts=(*(known.acts if known else ()), _action_of(event, by, at, event.why)),
                simulations=known.simulations if known else (),
            )
        )

    def _activate(
        self,
        event: PolicyActivated | PolicyRolledBack | PolicyEmergencyActivated,
        reign: PolicyActivation,
        by: Actor,
        at: datetime,
        note: str,
    ) -> Governance:
        """A document takes its turn. What was scheduled for later was approved to take the place
        of another: it lapses."""
        kept = tuple(one for one in self.reigns if one.starts_at <= at)
        known = self.policies.get(event.digest) or Policy(
            document=event.document,
            digest=event.digest,
            standing=PolicyState.APPROVED,
            base=event.base if isinstance(event, PolicyEmergencyActivated) else None,
            authors=frozenset(by.persons),
        )
        policy = structs.replace(
            known,
            standing=PolicyState.APPROVED,
            is_pending=False,
            authors=known.authors | frozenset(by.persons if reign.is_emergency else ()),
            acts=(*known.acts, _action_of(event, by, at, note)),
        )
        return structs.replace(self._with(policy), reigns=(*kept, reign))

    def _cancel_scheduled(self, digest: str, now: datetime) -> Governance:
        kept = tuple(r for r in self.reigns if r.digest != digest or r.starts_at <= now)
        policy = structs.replace(self.policies[digest], is_pending=True)
        return structs.replace(self._with(policy), reigns=kept)

    def _told(self, digest: str, **change: None) -> Governance:
        """The newest reign of this document that has something to be told of has been told of."""
        reigns = list(self.reigns)
        for n, reign in reversed([*enumerate(reigns)]):
            if reign.digest == digest and not reign.is_told:
                reigns[n] = structs.replace(reign, is_told=True, **change)
                break
        return structs.replace(self, reigns=tuple(reigns))

    def _act(
        self, event: GovernanceEvent, by: Actor, at: datetime, note: str = "", **change: object
    ) -> Governance:
        policy = self.policies[event.digest]
        acts = (*policy.acts, _action_of(event, by, at, note))
        return self._with(structs.replace(policy, acts=acts, **change))

    def _with(self, policy: Policy) -> Governance:
        return structs.replace(self, policies={**self.policies, policy.digest: policy})


def _action_of(event: GovernanceEvent, by: Actor, at: datetime, note: str) -> PolicyAction:
    return PolicyAction(str(event.__struct_config__.tag), by, at, note)
